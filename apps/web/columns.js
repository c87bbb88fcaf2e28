/**
 * Columns of the list of torrents: labels, widths and texts. A new column is one entry here, its key in query.js, and
 * its label in the catalogues.
 */

/** @import { Format } from './format.js' */
/** @import { Key } from './i18n.js' */
/** @import { Column, ColumnKey, SortKey } from './query.js' */
/** @import { State, Torrent } from './types.js' */

import { COLUMN_KEYS, DEFAULT_COLUMNS, SORT_KEYS, clampWidth } from './query.js';

/** @typedef {{ t: ReturnType<typeof import('./i18n.js').createI18n>['t'], f: Format, clean: (text: string) => string }}
 *    TextContext */
/** @typedef {'text' | 'name' | 'progress' | 'state' | 'tags'} CellKind */
/** @typedef {object} ColumnDef
 *  @property {ColumnKey} key
 *  @property {Key} label
 *  @property {Key} short label where there is little room
 *  @property {number} widthPx width until the user chooses another
 *  @property {'start' | 'end'} align
 *  @property {SortKey | null} sort null if the API cannot sort by it
 *  @property {CellKind} cell
 *  @property {boolean} isForeign true if the text is written by others, so that its direction is its own
 *  @property {(torrent: Torrent, context: TextContext) => string} text */
/** @typedef {'down' | 'up' | 'busy' | 'idle' | 'done' | 'warn' | 'error'} Tone */

/** Dot between facts of one text. */
const AND = ' · ';

/** @template T @param {T | null | undefined} value @param {(value: T) => string} write */
const known = (value, write) => (value === null || value === undefined ? '' : write(value));
/** Zero is blank, so that the rows that move stand out. @param {number} perS @param {Format} f */
const rate = (perS, f) => (perS > 0 ? f.rate(perS) : '');
/** Zero is not known yet, or nothing is left. @param {number} bytes @param {Format} f */
const size = (bytes, f) => (bytes > 0 ? f.size(bytes) : '');
/** Connected ones, and all that the tracker knows.
 *  @param {number} count @param {number | null} all @param {Format} f */
const ofSwarm = (count, all, f) => (all === null ? f.count(count) : `${f.count(count)} (${f.count(all)})`);

/** Returns the state that is shown: a torrent whose files move has one of its own.
 *  @param {Torrent} torrent @returns {State | 'moving'} */
export const shownState = ({ state, moving }) => (moving && state !== 'error' ? 'moving' : state);

/** @type {Record<State | 'moving', Tone>} */
const TONES = { downloading: 'down', metadata: 'down', seeding: 'up', checking: 'busy', loading: 'busy', moving: 'busy',
  queued: 'idle', paused: 'idle', scheduled: 'idle', unknown: 'idle', done: 'done', error: 'error' };

/** Returns true if no tracker works and the torrent would use one. @param {Torrent} torrent */
const hasTrackerProblem = ({ state, tracker_error: problem }) =>
  problem !== null && ['downloading', 'seeding', 'metadata'].includes(state);

/** Returns the role of the colour of a state. @param {Torrent} torrent @returns {Tone} */
export const toneOf = (torrent) => (hasTrackerProblem(torrent) ? 'warn' : TONES[shownState(torrent)] ?? 'idle');

/** Returns the state in words, with what hinders the torrent. @param {Torrent} torrent @param {TextContext} context */
export function stateText(torrent, { t, f, clean }) {
  const { fault, moving, is_forced: isForced, tracker_error: problem } = torrent;
  const shown = shownState(torrent);
  const parts = [t(`state.${shown}`)];
  if (shown === 'moving' && moving && moving.total_bytes > 0) {
    parts[0] += ` ${f.percent(moving.done_bytes / moving.total_bytes)}`;
  }
  if (isForced && TONES[shown] !== 'idle') parts.push(t('state.forced'));
  if (fault) parts.push(clean(fault.message));
  // What needs attention comes first: a narrow column cuts the rest.
  else if (hasTrackerProblem(torrent)) return [t('state.tracker_error'), ...parts, clean(problem ?? '')].join(AND);
  return parts.join(AND);
}

/** Definition without what most columns share.
 *  @typedef {Partial<ColumnDef> & Pick<ColumnDef, 'widthPx' | 'text'>} Draft */
/** @type {Record<ColumnKey, Draft>} */
const DRAFTS = {
  name: { widthPx: 230, cell: 'name', isForeign: true, text: ({ name }, { clean }) => clean(name) },
  progress: { widthPx: 122, cell: 'progress', align: 'end', text: ({ progress }, { f }) => f.percent(progress) },
  state: { widthPx: 130, cell: 'state', text: stateText },
  size: { widthPx: 84, align: 'end', text: (row, { f }) => size(row.size_bytes, f) },
  total: { widthPx: 84, align: 'end', text: (row, { f }) => size(row.total_bytes, f) },
  left: { widthPx: 84, align: 'end', text: (row, { f }) => size(row.left_bytes, f) },
  down: { widthPx: 104, short: 'status.down', align: 'end', text: (row, { f }) => rate(row.down_per_s, f) },
  up: { widthPx: 94, short: 'status.up', align: 'end', text: (row, { f }) => rate(row.up_per_s, f) },
  downloaded: { widthPx: 92, align: 'end', text: (row, { f }) => f.size(row.downloaded_bytes) },
  uploaded: { widthPx: 92, align: 'end', text: (row, { f }) => f.size(row.uploaded_bytes) },
  ratio: { widthPx: 68, align: 'end', text: ({ ratio }, { f }) => known(ratio, f.ratio) },
  eta: { widthPx: 92, align: 'end', text: (row, { f }) => known(row.eta_s, f.eta) },
  seeds: { widthPx: 84, align: 'end', text: (row, { f }) => ofSwarm(row.seeds, row.swarm_seeds, f) },
  peers: { widthPx: 84, align: 'end', text: (row, { f }) => ofSwarm(row.peers, row.swarm_leechers, f) },
  queue: {
    widthPx: 84, short: 'command.queue', align: 'end', text: (row, { f }) => known(row.queue_position, f.count),
  },
  category: { widthPx: 130, isForeign: true, text: ({ category }, { clean }) => clean(category ?? '') },
  tags: { widthPx: 170, cell: 'tags', isForeign: true, text: ({ tags }, { clean }) => tags.map(clean).join(', ') },
  added: { widthPx: 160, align: 'end', text: (row, { f }) => f.dateTime(row.added_unix_s) },
  finished: { widthPx: 160, align: 'end', text: (row, { f }) => known(row.finished_unix_s, f.dateTime) },
  active_time: { widthPx: 84, align: 'end', text: (row, { f }) => f.duration(row.active_s) },
  seeding_time: { widthPx: 84, align: 'end', text: (row, { f }) => f.duration(row.seeding_s) },
  down_limit: { widthPx: 96, align: 'end', text: ({ limits }, { f }) => known(limits.down_per_s, f.rate) },
  up_limit: { widthPx: 96, align: 'end', text: ({ limits }, { f }) => known(limits.up_per_s, f.rate) },
  tracker: { widthPx: 180, isForeign: true, text: ({ tracker }, { clean }) => clean(tracker ?? '') },
  dir: { widthPx: 220, isForeign: true, text: ({ dir }, { clean }) => clean(dir) },
  private: {
    widthPx: 76,
    text: ({ is_private: isPrivate }, { t }) =>
      known(isPrivate, () => t(isPrivate ? 'column.private_yes' : 'column.private_no')),
  },
  hash: { widthPx: 330, text: ({ hash }) => hash },
  id: { widthPx: 64, align: 'end', text: ({ id }) => String(id) },
};

/** Definitions of all columns by key. */
export const COLUMNS = /** @type {Record<ColumnKey, ColumnDef>} */ (Object.fromEntries(COLUMN_KEYS.map((key) => {
  const sort = /** @type {readonly string[]} */ (SORT_KEYS).includes(key) ? key : null;
  const label = `column.${key}`;
  return [key, {
    key, label, short: label, align: 'start', cell: 'text', isForeign: false, sort, ...DRAFTS[key],
  }];
})));

/** Columns in the order of the dialog. */
export const COLUMN_ORDER = /** @type {ColumnKey[]} */ (Object.keys(DRAFTS));

/** Default columns that a narrow window leaves out, the first one first. @type {readonly ColumnKey[]} */
const SPARE = ['added', 'peers', 'seeds', 'ratio', 'eta', 'size', 'state'];

/** Returns the width of a column. @param {Column} column */
export const widthOf = ({ key, widthPx }) => widthPx ?? COLUMNS[key].widthPx;

/** Returns the default columns that have room in a width. @param {number} availablePx */
export function fittingColumns(availablePx) {
  let columns = DEFAULT_COLUMNS;
  for (const key of SPARE) {
    if (columns.reduce((sum, column) => sum + widthOf(column), 0) <= availablePx) break;
    columns = columns.filter((column) => column.key !== key);
  }
  return columns;
}

/** Returns the tracks of a grid that places the columns. The name takes the room that is left, unless it has a width.
 *  @param {readonly Column[]} columns */
export const tracksOf = (columns) => columns.map((column) =>
  (column.key === 'name' && column.widthPx === null ? `minmax(${widthOf(column)}px, 1fr)` : `${widthOf(column)}px`))
  .join(' ');

/** @param {readonly Column[]} columns @param {ColumnKey} key @param {number | null} widthPx @returns {Column[]} */
export const resized = (columns, key, widthPx) => columns.map((column) =>
  (column.key === key ? { key, widthPx: widthPx === null ? null : clampWidth(widthPx) } : column));

/** Moves a column to an index of the others. @param {readonly Column[]} columns @param {ColumnKey} key
 *  @param {number} index @returns {Column[]} */
export function moved(columns, key, index) {
  const rest = columns.filter((column) => column.key !== key);
  const column = columns.find((item) => item.key === key);
  const at = Math.min(Math.max(0, index), rest.length);
  return column ? [...rest.slice(0, at), column, ...rest.slice(at)] : rest;
}

/** Shows or hides a column. The last one stays. @param {readonly Column[]} columns @param {ColumnKey} key
 *  @returns {readonly Column[]} */
export function toggled(columns, key) {
  const rest = columns.filter((column) => column.key !== key);
  if (rest.length === columns.length) return [...columns, { key, widthPx: null }];
  return rest.length > 0 ? rest : columns;
}
