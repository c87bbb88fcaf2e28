/**
 * Commands: one list for the toolbar, the context menu, the keyboard and the sheet of keys.
 *
 * A key is written as `Mod+A`, where Mod is Ctrl, or Command on a Mac. Commands of the scope `torrents` act on ids;
 * what they can do follows from a summary of those torrents.
 */

/** @import { App } from './app.js' */
/** @import { Key } from './i18n.js' */
/** @import { Action, Torrent } from './types.js' */
/** @import { IconName } from './ui/icons.js' */

import { switchAlternative } from './limits.js';
import { toQuery } from './query.js';
import { loadedIds } from './selection.js';
import { copyDetails, copyLines, saveTorrentFiles } from './views/table/copy.js';

/** @typedef {'run' | 'edit' | 'files' | 'queue' | 'copy' | 'remove' | 'list' | 'app'} Group */
/** @typedef {object} Summary Torrents that are not loaded count as able to do all.
 *  @property {number} count
 *  @property {boolean} canStart
 *  @property {boolean} canForce
 *  @property {boolean} canStop
 *  @property {boolean} canRetry
 *  @property {boolean} isSequential true if all are
 *  @property {boolean} isEndsFirst
 *  @property {boolean} isSuperSeeding
 *  @property {string | null | undefined} category that of all; undefined if they differ
 *  @property {readonly string[]} tags tags that all have */
/** @typedef {object} Command
 *  @property {string} id
 *  @property {Key} label
 *  @property {IconName} icon
 *  @property {readonly string[]} keys
 *  @property {Group} group
 *  @property {'torrents' | 'list' | 'app'} scope `list` works on the page of torrents, `app` everywhere
 *  @property {(summary: Summary) => boolean} [isEnabled] always, if left out, with a torrent
 *  @property {(summary: Summary) => boolean} [isChecked] makes it a switch
 *  @property {(app: App, ids: readonly number[]) => unknown} run */

/** Most torrents of which links are copied or files saved: each is a request. */
export const MOST_REQUESTS = 100;
const STOPPED = new Set(['paused', 'done', 'scheduled', 'unknown']);

/** Returns what can be done with torrents. @param {readonly Torrent[]} loaded @param {number} count of all of them
 *  @returns {Summary} */
export function summaryOf(loaded, count) {
  const hasUnknown = count > loaded.length;
  /** @param {(torrent: Torrent) => boolean} test */
  const some = (test) => hasUnknown || loaded.some(test);
  /** @param {(torrent: Torrent) => boolean} test */
  const all = (test) => loaded.length > 0 && !hasUnknown && loaded.every(test);
  const [first] = loaded;
  return {
    count,
    canStart: some(({ state }) => STOPPED.has(state)),
    canForce: some((torrent) => !torrent.is_forced || STOPPED.has(torrent.state)),
    canStop: some(({ state }) => state !== 'paused'),
    canRetry: some(({ state, fault }) => state === 'error' || fault !== null),
    isSequential: all((torrent) => torrent.is_sequential),
    isEndsFirst: all((torrent) => torrent.is_ends_first),
    isSuperSeeding: all((torrent) => torrent.is_super_seeding),
    category: all(({ category }) => category === first.category) ? first.category : undefined,
    tags: (first?.tags ?? []).filter((tag) => all(({ tags }) => tags.includes(tag))),
  };
}

/** Returns the summary of torrents of the list. It records the read of the rows.
 *  @param {App} app @param {readonly number[]} ids */
export function summaryOfIds(app, ids) {
  const wanted = new Set(ids);
  return summaryOf(app.live.snapshot.value.rows.filter(({ id }) => wanted.has(id)), ids.length);
}

/** Returns the summary of the selected torrents. It records the reads of the selection and of the rows.
 *  @param {App} app */
export const selectionSummary = ({ live, selection }) =>
  summaryOf(live.snapshot.value.rows.filter(({ id }) => selection.has(id)), selection.count.value);

/** Selects all torrents that match the filters. @param {App} app */
export async function selectAll(app) {
  const loaded = loadedIds(app.live.snapshot.peek(), 0, Infinity);
  if (loaded) return app.selection.set(loaded);
  const view = app.view.peek();
  try {
    const ids = await app.api.ids(toQuery(view));
    // The filters may have changed in the meantime.
    if (view === app.view.peek()) app.selection.set(ids);
  } catch (error) { app.fail(error); }
}

/** Shows the details of a torrent. @param {App} app @param {number} id */
const open = (app, id) => { app.opened.value = id; };

/** @param {App} app */
function focusSearch(app) {
  if (app.page.peek() !== 'torrents') app.goTo('torrents');
  /** @type {HTMLInputElement | null} */
  const field = document.querySelector('#search');
  field?.focus();
  field?.select();
}

/** @param {App} app */
function close(app) {
  if (app.opened.peek() !== null) app.opened.value = null;
  else app.selection.clear();
}

/** @param {(summary: Summary) => Action} actionOf @returns {Command['run']} */
const acts = (actionOf) => (app, ids) => app.act(ids, actionOf(summaryOfIds(app, ids)));
/** @param {Summary} summary */
const isOne = ({ count }) => count === 1;
/** @param {Summary} summary */
const isFew = ({ count }) => count > 0 && count <= MOST_REQUESTS;

/** @type {readonly [Group, Command['scope'], readonly Omit<Command, 'group' | 'scope'>[]][]} */
const GROUPS = [
  ['run', 'torrents', [
    { id: 'start', label: 'action.start', icon: 'start', keys: ['F3'], isEnabled: (summary) => summary.canStart,
      run: acts(() => ({ kind: 'start' })) },
    { id: 'force_start', label: 'action.force_start', icon: 'force', keys: [], isEnabled: ({ canForce }) => canForce,
      run: acts(() => ({ kind: 'start', force: true })) },
    { id: 'stop', label: 'action.stop', icon: 'pause', keys: ['F4'], isEnabled: ({ canStop }) => canStop,
      run: acts(() => ({ kind: 'stop' })) },
    { id: 'retry', label: 'action.retry', icon: 'undo', keys: [], isEnabled: ({ canRetry }) => canRetry,
      run: acts(() => ({ kind: 'retry' })) },
  ]],
  ['edit', 'torrents', [
    { id: 'rename', label: 'action.rename', icon: 'rename', keys: ['F2'], isEnabled: isOne,
      run: (app, [id]) => app.dialogs.rename(id) },
    { id: 'category', label: 'action.category', icon: 'category', keys: [],
      run: (app, ids) => app.dialogs.category(ids) },
    { id: 'tags', label: 'action.tags', icon: 'tag', keys: ['F7'], run: (app, ids) => app.dialogs.tags(ids) },
    { id: 'limits', label: 'action.limits', icon: 'limits', keys: [], run: (app, ids) => app.dialogs.limits(ids) },
    { id: 'goals', label: 'command.goals', icon: 'goals', keys: [], run: (app, ids) => app.dialogs.goals(ids) },
    { id: 'trackers', label: 'command.trackers', icon: 'tracker', keys: [],
      run: (app, ids) => app.dialogs.trackers(ids) },
    { id: 'peers', label: 'command.peers', icon: 'peers', keys: [], run: (app, ids) => app.dialogs.peers(ids) },
  ]],
  ['files', 'torrents', [
    { id: 'move', label: 'action.move', icon: 'move', keys: ['F6'], run: (app, ids) => app.dialogs.move(ids) },
    { id: 'recheck', label: 'action.recheck', icon: 'recheck', keys: [], run: acts(() => ({ kind: 'recheck' })) },
    { id: 'reannounce', label: 'action.reannounce', icon: 'announce', keys: [],
      run: acts(() => ({ kind: 'reannounce' })) },
    { id: 'sequential', label: 'action.sequential', icon: 'download', keys: [],
      isChecked: (summary) => summary.isSequential,
      run: acts(({ isSequential }) => ({ kind: 'set_sequential', on: !isSequential })) },
    { id: 'ends_first', label: 'action.ends_first', icon: 'piece', keys: [],
      isChecked: (summary) => summary.isEndsFirst,
      run: acts(({ isEndsFirst }) => ({ kind: 'set_ends_first', on: !isEndsFirst })) },
    { id: 'super_seeding', label: 'action.super_seeding', icon: 'upload', keys: [],
      isChecked: (summary) => summary.isSuperSeeding,
      run: acts(({ isSuperSeeding }) => ({ kind: 'set_super_seeding', on: !isSuperSeeding })) },
  ]],
  ['queue', 'torrents', /** @type {const} */ (['top', 'up', 'down', 'bottom']).map((to) => ({
    id: `queue_${to}`, label: /** @type {const} */ (`action.queue_${to}`), icon: to, keys: [],
    run: acts(() => ({ kind: 'queue', to })),
  }))],
  ['copy', 'torrents', [
    { id: 'copy_name', label: 'command.copy_name', icon: 'copy', keys: [],
      run: (app, ids) => copyLines(app, ids, ({ name }) => app.clean(name)) },
    { id: 'copy_hash', label: 'action.copy_hash', icon: 'copy', keys: [],
      run: (app, ids) => copyLines(app, ids, ({ hash, hash_v2: hashV2 }) => hash || (hashV2 ?? '')) },
    { id: 'copy_magnet', label: 'action.copy_magnet', icon: 'magnet', keys: ['Mod+C'], isEnabled: isFew,
      run: (app, ids) => copyDetails(app, ids, ({ magnet }) => magnet) },
    { id: 'export', label: 'action.export', icon: 'save', keys: [], isEnabled: isFew, run: saveTorrentFiles },
  ]],
  ['remove', 'torrents', [
    { id: 'remove', label: 'action.remove', icon: 'remove', keys: ['Delete'],
      run: (app, ids) => app.dialogs.remove(ids) },
    { id: 'remove_data', label: 'command.remove_data', icon: 'remove', keys: ['Shift+Delete'],
      run: (app, ids) => app.dialogs.remove(ids, { withData: true }) },
  ]],
  ['list', 'list', [
    { id: 'open', label: 'command.open', icon: 'info', keys: ['Enter'], isEnabled: isOne,
      run: (app, [id]) => open(app, id) },
    { id: 'select_all', label: 'action.select_all', icon: 'check', keys: ['Mod+A'], run: selectAll },
    { id: 'close', label: 'command.close', icon: 'close', keys: ['Escape'], run: close },
    { id: 'columns', label: 'columns.choose', icon: 'columns', keys: [], run: (app) => app.dialogs.columns() },
  ]],
  ['app', 'app', [
    { id: 'add', label: 'action.add', icon: 'add', keys: ['Insert', 'Mod+O'], run: (app) => app.dialogs.add() },
    { id: 'search', label: 'search.label', icon: 'search', keys: ['/', 'Mod+F'], run: focusSearch },
    { id: 'turtle', label: 'status.alternative', icon: 'turtle', keys: ['F8'], run: switchAlternative },
    { id: 'settings', label: 'settings.title', icon: 'settings', keys: ['F9'], run: (app) => app.goTo('settings') },
    { id: 'help', label: 'command.help', icon: 'help', keys: ['?'], run: (app) => app.dialogs.help() },
  ]],
];

/** @type {readonly Command[]} */
export const COMMANDS = GROUPS.flatMap(([group, scope, list]) => list.map((command) => ({ ...command, group, scope })));

/** @type {ReadonlyMap<string, Command>} */
const BY_ID = new Map(COMMANDS.map((command) => [command.id, command]));

/** @param {string} id @returns {Command} */
export function commandOf(id) {
  const command = BY_ID.get(id);
  if (!command) throw new Error(`there is no command ${id}`);
  return command;
}

/** Returns true if a command can run on torrents with this summary.
 *  @param {Command} command @param {Summary} summary */
export const canRun = ({ scope, isEnabled }, summary) =>
  (scope !== 'torrents' || summary.count > 0) && (isEnabled?.(summary) ?? true);

/** Runs a command if it can. Returns false if it cannot.
 *  @param {App} app @param {Command} command @param {readonly number[]} ids */
export function runCommand(app, command, ids) {
  if (!canRun(command, summaryOfIds(app, ids))) return false;
  command.run(app, ids);
  return true;
}
