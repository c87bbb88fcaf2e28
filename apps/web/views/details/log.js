/** Lines of the log about the torrent. */

/** @import { Context } from './context.js' */
/** @import { LogLine } from '../../types.js' */

import { each, html, when } from '../../base/html.js';
import { poll } from '../../ui/poll.js';
import { badge } from '../../ui/badge.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';

const LOG_MS = 3000;
/** Number of lines that are kept; the oldest go first. */
const MAX_LINES = 500;

const TONES = /** @type {const} */ ({ error: 'danger', warn: 'warn', info: 'info' });

/** @param {Context} context */
export function logView({ app, id }) {
  /** @type {readonly LogLine[]} The last line comes first. */
  let lines = [];
  const { data, error, refresh } = poll(async (signal) => {
    const query = { torrent: id, since: lines[0]?.number, limit: MAX_LINES };
    const news = await app.api.log(query, { signal });
    if (news.length > 0) lines = [...news.toReversed(), ...lines].slice(0, MAX_LINES);
    return lines;
  }, LOG_MS);
  const list = () => html`<div class="d-log" role="log" tabindex="0" aria-label=${() => app.t('details.log')}>
    ${each(() => data.value ?? [], ({ number }) => number, (line) => lineView(app, line.peek()))}</div>`;
  const body = () => when(() => (data.value ?? []).length > 0, list, () => emptyState({
    icon: 'log', title: () => app.t('details.no_log'), hint: () => app.t('details.no_log_hint') }));
  return html`<div class="d-tab">${when(() => data.value !== null, body, () => when(() => error.value !== null,
    () => errorState({ app, error: error.peek(), retry: refresh }), () => skeletonRows(5)))}</div>`;
}

/** @param {Context['app']} app @param {LogLine} line */
const lineView = (app, { unix_ms, level, message }) => html`<div class="d-log-line">
  <time title=${() => app.f().dateTime(unix_ms / 1000)}>${() => app.f().clock(unix_ms / 1000)}</time>
  ${badge({ text: level, tone: TONES[/** @type {'info'} */ (level)] ?? 'neutral' })}
  <span class="d-log-text" dir="auto">${app.clean(message)}</span></div>`;
