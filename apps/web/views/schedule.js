/**
 * Schedule of limits: entries in the syntax of the setting, and the effects of all minutes of a week.
 *
 * An entry is `DAYS FROM-TO EFFECT`, such as `mon-fri 08:00-18:00 down=1MiB/s`. Where several apply, the last one
 * counts. Painting works on minutes, so that borders between the slots of the grid are kept.
 */

import { parseLimit, sizeText } from '../format.js';

/** @typedef {{ kind: 'pause' } | { kind: 'unlimited' }
 *    | { kind: 'limits', down: number | null, up: number | null }} Effect
 *    Rates in bytes per second; null is no limit. */
/** @typedef {{ days: readonly number[], from: number, to: number, effect: Effect }} Entry
 *    Days on which it starts, Monday is 0. Minutes of the day; it ends on the next day if `to` is not above `from`. */
/** @typedef {{ effects: readonly Effect[], minutes: Uint16Array }} Week
 *    Effect of each minute from Monday on, as its index plus 1; 0 is none. */
/** @typedef {{ day: number, from: number, minutes: number, effect: Effect }} Run Minutes in a row with one effect. */

export const DAY_MINUTES = 1440;
export const WEEK_MINUTES = 7 * DAY_MINUTES;
/** Longest run that is shown as one over midnight. */
const MAX_NIGHT_MINUTES = 720;
const NAMES = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const ALL_DAYS = [0, 1, 2, 3, 4, 5, 6];

/** Parses an entry as the daemon does; null if it is none. @param {string} text @returns {Entry | null} */
export function parseEntry(text) {
  const [dayText, span, ...words] = text.trim().toLowerCase().split(/\s+/);
  const days = parseDays(dayText);
  const [fromText, toText, ...more] = (span ?? '').split('-');
  const [from, to] = [parseMinute(fromText), parseMinute(toText ?? '')];
  const effect = parseEffect(words);
  if (!days || from === null || to === null || !effect || more.length > 0 || from === DAY_MINUTES) return null;
  return { days, from, to: to % DAY_MINUTES, effect };
}

/** Parses all entries; the text of the first that is none if there is one.
 *  @param {readonly string[]} texts @returns {{ entries: Entry[], fault: null } | { entries: null, fault: string }} */
export function parseEntries(texts) {
  /** @type {Entry[]} */
  const entries = [];
  for (const text of texts) {
    const entry = parseEntry(text);
    if (!entry) return { entries: null, fault: text.trim() };
    entries.push(entry);
  }
  return { entries, fault: null };
}

/** Returns the canonical text of an entry. @param {Entry} entry */
export const entryText = ({ days, from, to, effect }) =>
  `${daysText(days)} ${minuteText(from)}-${minuteText(to || DAY_MINUTES)} ${effectText(effect)}`;

/** Returns a time of day such as `08:30`. @param {number} minute from 0 to 1440 */
export const minuteText = (minute) =>
  [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':');

/** Parses a time of day; null if it is none. @param {string} text */
export function parseMinute(text) {
  const [, hour, minute] = /^(\d{1,2}):([0-5]\d)$/.exec(text) ?? [];
  const total = Number(hour) * 60 + Number(minute);
  return total <= DAY_MINUTES ? total : null;
}

/** @param {Effect} effect */
export function effectText(effect) {
  if (effect.kind !== 'limits') return effect.kind;
  const parts = /** @type {const} */ (['down', 'up']).map((name) => {
    const rate = effect[name];
    return rate === null ? '' : `${name}=${sizeText(rate).replace(' ', '')}/s`;
  });
  return parts.filter((part) => part !== '').join(' ') || 'unlimited';
}

/** Returns days with three and more in a row as a range. @param {readonly number[]} days */
export function daysText(days) {
  if (days.length === 7) return 'daily';
  return dayRanges(days).map(([first, last]) => (first === last ? NAMES[first] : `${NAMES[first]}-${NAMES[last]}`))
    .join(',');
}

/** Returns sorted days as ranges of one day, or of three and more. @param {readonly number[]} days
 *  @returns {[first: number, last: number][]} */
export function dayRanges(days) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (let day = 0; day < 7; day += 1) {
    let last = day;
    while (days.includes(day) && days.includes(last + 1)) last += 1;
    if (!days.includes(day)) continue;
    if (last - day >= 2) ranges.push([day, last]);
    else for (let single = day; single <= last; single += 1) ranges.push([single, single]);
    day = last;
  }
  return ranges;
}

/** Returns true if two effects are the same. @param {Effect} a @param {Effect} b */
export const isSameEffect = (a, b) => effectText(a) === effectText(b);

/** Returns the effects of all minutes. @param {readonly Entry[]} entries @returns {Week} */
export function weekOf(entries) {
  /** @type {Week} */
  let week = { effects: [], minutes: new Uint16Array(WEEK_MINUTES) };
  for (const { days, from, to, effect } of entries) {
    const length = to > from ? to - from : to - from + DAY_MINUTES;
    for (const day of days) week = paint(week, day * DAY_MINUTES + from, length, effect);
  }
  return week;
}

/** Returns the week with an effect, or none, from a minute on. It may pass the end of the week.
 *  @param {Week} week @param {number} start @param {number} length @param {Effect | null} effect @returns {Week} */
export function paint({ effects, minutes }, start, length, effect) {
  const known = effect ? effects.findIndex((other) => isSameEffect(other, effect)) : -1;
  const isNew = effect !== null && known < 0;
  const value = effect === null ? 0 : isNew ? effects.length + 1 : known + 1;
  const painted = minutes.slice();
  const end = start + length;
  painted.fill(value, start, Math.min(end, WEEK_MINUTES));
  if (end > WEEK_MINUTES) painted.fill(value, 0, end - WEEK_MINUTES);
  return { effects: isNew ? [...effects, effect] : effects, minutes: painted };
}

/** Returns the effect of a minute. @param {Week} week @param {number} minute @returns {Effect | null} */
export const effectAt = ({ effects, minutes }, minute) => effects[minutes[minute] - 1] ?? null;

/** Returns true if not all minutes of a span have one effect. @param {Week} week @param {number} start
 *  @param {number} length */
export const isMixed = ({ minutes }, start, length) =>
  minutes.subarray(start, start + length).some((value) => value !== minutes[start]);

/** Returns the fewest entries that have the effects of a week. @param {Week} week @returns {Entry[]} */
export function entriesOf(week) {
  /** @type {Map<string, { days: number[], from: number, to: number, effect: Effect }>} */
  const entries = new Map();
  for (const { day, from, minutes, effect } of runsOf(week)) {
    const to = (from + minutes) % DAY_MINUTES;
    const key = `${from}-${to} ${effectText(effect)}`;
    const entry = entries.get(key) ?? { days: [], from, to, effect };
    entry.days.push(day);
    entries.set(key, entry);
  }
  return [...entries.values()].map((entry) => ({ ...entry, days: entry.days.sort((a, b) => a - b) }))
    .sort((a, b) => a.days[0] - b.days[0] || a.from - b.from);
}

/** Returns the runs of a week. One ends at midnight, or on the next day if it is a night in all.
 *  @param {Week} week @returns {Run[]} */
function runsOf(week) {
  const runs = ALL_DAYS.flatMap((day) => runsOfDay(week, day));
  /** @type {Run[]} */
  const joined = [];
  const isJoined = new Set();
  for (const run of runs) {
    const next = runs.find(({ day, from }) => day === (run.day + 1) % 7 && from === 0);
    const reaches = run.from > 0 && run.from + run.minutes === DAY_MINUTES;
    const isNight = reaches && next !== undefined && isSameEffect(next.effect, run.effect)
      && run.minutes + next.minutes <= MAX_NIGHT_MINUTES;
    if (isNight) isJoined.add(next);
    joined.push(isNight ? { ...run, minutes: run.minutes + next.minutes } : run);
  }
  return joined.filter((_, i) => !isJoined.has(runs[i]));
}

/** @param {Week} week @param {number} day @returns {Run[]} */
function runsOfDay(week, day) {
  /** @type {Run[]} */
  const runs = [];
  const start = day * DAY_MINUTES;
  for (let from = 0, to = 0; from < DAY_MINUTES; from = to) {
    while (to < DAY_MINUTES && week.minutes[start + to] === week.minutes[start + from]) to += 1;
    const effect = effectAt(week, start + from);
    if (effect) runs.push({ day, from, minutes: to - from, effect });
  }
  return runs;
}

/** @param {string} text @returns {number[] | null} */
function parseDays(text) {
  if (text === 'daily') return ALL_DAYS;
  /** @type {Set<number>} */
  const days = new Set();
  for (const part of text.split(',')) {
    const names = part.split('-');
    const [first, last] = [NAMES.indexOf(names[0]), NAMES.indexOf(names[names.length - 1])];
    if (first < 0 || last < 0 || names.length > 2) return null;
    // A range may pass the end of the week, as sat-mon.
    for (let i = 0; i <= (last + 7 - first) % 7; i += 1) days.add((first + i) % 7);
  }
  return [...days].sort((a, b) => a - b);
}

/** @param {readonly string[]} words @returns {Effect | null} */
function parseEffect(words) {
  if (words.length === 1 && (words[0] === 'pause' || words[0] === 'unlimited')) return { kind: words[0] };
  /** @type {Map<string, number | null>} */
  const rates = new Map();
  for (const word of words) {
    const [, name, rate] = /^(down|up)=(.*)$/.exec(word) ?? [];
    const parsed = parseLimit(rate ?? '');
    if (!name || parsed.fault || rates.has(name)) return null;
    rates.set(name, parsed.value);
  }
  if (rates.size === 0) return null;
  const [down, up] = [rates.get('down') ?? null, rates.get('up') ?? null];
  return down === null && up === null ? { kind: 'unlimited' } : { kind: 'limits', down, up };
}
