/**
 * Lines of the log: joining of answers, filters, and text for copies.
 */

/** @import { LogLine } from '../types.js' */

/** @typedef {(typeof LEVELS)[number]} Level */

/** Levels, the most severe first. */
export const LEVELS = /** @type {const} */ (['error', 'warn', 'info', 'debug', 'trace']);
/** Number of lines that are kept. */
export const MAX_LINES = 5000;

/** Returns the line after which to ask: the last known one comes again, which shows that the daemon still counts from
 *  the same start. @param {readonly LogLine[]} lines */
export const sinceOf = (lines) => Math.max(0, (lines.at(-1)?.number ?? 0) - 1);

/** Appends the lines of an answer. Without the last known line in it, the daemon has started again, unless it has
 *  dropped lines; then the answer only has later ones. `isNewStart` asks to read all lines.
 *  @param {readonly LogLine[]} lines @param {readonly LogLine[]} answer
 *  @returns {{ lines: readonly LogLine[], isNewStart: boolean }} */
export function joined(lines, answer) {
  const last = lines.at(-1);
  if (!last) return { lines: answer.slice(-MAX_LINES), isNewStart: false };
  const [first] = answer;
  const isKnown = first?.number === last.number && first.unix_ms === last.unix_ms;
  if (!isKnown && !(first?.number > last.number && first.unix_ms >= last.unix_ms)) return { lines, isNewStart: true };
  const fresh = isKnown ? answer.slice(1) : answer;
  return { lines: fresh.length > 0 ? [...lines, ...fresh].slice(-MAX_LINES) : lines, isNewStart: false };
}

/** Returns the lines of a level and more severe ones that contain all words.
 *  @param {readonly LogLine[]} lines @param {Level} level @param {readonly string[]} words in lower case */
export function filtered(lines, level, words) {
  const most = LEVELS.indexOf(level);
  if (most === LEVELS.length - 1 && words.length === 0) return lines;
  return lines.filter((line) => {
    if (LEVELS.findIndex((known) => known === line.level) > most) return false;
    if (words.length === 0) return true;
    const text = `${line.target} ${line.message}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Returns a line as text, with its time in UTC. Each is one line of the text, whatever its message contains.
 *  @param {LogLine} line */
export function lineText({ unix_ms, level, target, message }) {
  const text = message.replace(/[\r\n]+/g, ' ⏎ ');
  return `${new Date(unix_ms).toISOString()} ${level.toUpperCase().padEnd(5)} ${target}: ${text}`;
}
