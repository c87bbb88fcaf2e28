/** Fields for folders on the server, with completion and free space. */

/** @import { ReadonlySignal, Signal } from '../base/signal.js' */
/** @import { App } from '../app.js' */
/** @import { Folder } from '../types.js' */
/** @import { Maybe, Text } from './values.js' */

import { html, when } from '../base/html.js';
import { effect, onCleanup, signal, untracked } from '../base/signal.js';
import { comboField } from './fields.js';
import { icon } from './icons.js';
import {
  ancestors, completions, isAbsolute, isBelowHome, joinPath, nameOf, splitPath, tidyPath, validRecent, withRecent,
} from './path_text.js';
import { read } from './values.js';

/** @typedef {{ kind: 'none' | 'loading' | 'found' | 'missing' | 'unknown', folder: Folder | null }} FolderState
 *    For a missing folder, `folder` is the nearest one above it that exists. */
/** @typedef {object} PathOptions
 *  @property {App} app
 *  @property {Text} label
 *  @property {Signal<string>} value
 *  @property {Text} [help]
 *  @property {Maybe<string | null>} [error]
 *  @property {Text} [placeholder]
 *  @property {boolean} [required]
 *  @property {boolean} [hideLabel]
 *  @property {boolean} [autofocus]
 *  @property {ReadonlySignal<FolderState>} [state] from `folderState`, if the caller needs it too
 *  @property {boolean} [hasHome] true if it may begin with `~/`, the home folder of the daemon
 *  @property {boolean} [isSource] true if it is read from, and may be a file; there is no word on its space then */

/** Time without input before a folder is looked up, in milliseconds. */
const DELAY_MS = 200;

/** Follows a folder on the server in the current scope. @param {App} app @param {ReadonlySignal<string>} path
 *  @returns {ReadonlySignal<FolderState>} */
export function folderState(app, path) {
  const state = signal(/** @type {FolderState} */ ({ kind: 'none', folder: null }));
  effect(() => {
    const dirs = ancestors(path.value);
    const end = new AbortController();
    if (dirs.length === 0) return void (state.value = { kind: 'none', folder: null });
    untracked(() => { state.value = { kind: 'loading', folder: state.peek().folder }; });
    const timer = setTimeout(async () => {
      const next = await nearest(app, dirs, end.signal);
      if (!end.signal.aborted) state.value = next;
    }, DELAY_MS);
    onCleanup(() => { clearTimeout(timer); end.abort(); });
  });
  return state;
}

/** @param {App} app @param {readonly string[]} dirs @param {AbortSignal} abort @returns {Promise<FolderState>} */
async function nearest(app, dirs, abort) {
  /** @param {string} dir */
  const read = (dir) => app.api.folders(dir, { signal: abort });
  const [dir, ...above] = dirs;
  // The folder above is asked first: while a name is typed it exists, and browsers log each answer that is an error.
  for (const parent of above) {
    try {
      const folder = await read(parent);
      if (parent !== above[0] || !folder.folders.includes(nameOf(dir))) return { kind: 'missing', folder };
      break;
    } catch (error) {
      if (abort.aborted) return { kind: 'unknown', folder: null };
      // A folder above may be closed to the daemon, and this one open.
      if (/** @type {{ kind?: string }} */ (error).kind !== 'not_found') break;
    }
  }
  try { return { kind: 'found', folder: await read(dir) }; } catch { return { kind: 'unknown', folder: null }; }
}

/** @param {PathOptions} options */
export function pathField(options) {
  const { app, value, help, error, state, hasHome = false, isSource = false } = options;
  const followed = isSource ? null : state ?? folderState(app, value);
  /** Listing that the next letters use too, so that it does not end with the request of one.
   *  @type {{ dir: string, names: Promise<Folder>, end: AbortController } | null} */
  let listed = null;
  onCleanup(() => listed?.end.abort());
  /** @param {string} dir */
  const list = (dir) => {
    listed?.end.abort();
    const end = new AbortController();
    return (listed = { dir, names: app.api.folders(dir, { signal: end.signal }), end });
  };

  /** @param {string} text */
  const suggestions = async (text) => {
    const known = knownFolders(app);
    const parts = splitPath(text);
    if (!parts) return text.trim() === '' ? known : [];
    const current = listed?.dir === parts.dir ? listed : list(parts.dir);
    const { folders } = await current.names.catch((cause) => {
      if (listed === current) listed = null;
      throw cause;
    });
    const inside = completions(folders, parts.prefix).map((name) =>
      ({ value: `${joinPath(parts.dir, name)}/`, label: app.clean(joinPath(parts.dir, name)) }));
    const typed = text.trim().toLowerCase();
    const likely = known.filter((folder) => folder.value.toLowerCase().startsWith(typed) && folder.value !== text);
    return [...likely, ...inside];
  };
  const fault = () => {
    const text = value.value.trim();
    const isUsable = text === '' || isAbsolute(text) || (hasHome && isBelowHome(text));
    return read(error ?? null) ?? (isUsable ? null : app.t(hasHome ? 'input.absolute_or_home' : 'input.absolute'));
  };
  const { label, placeholder, required, autofocus, hideLabel } = options;
  return comboField({
    label, placeholder, required, autofocus, hideLabel, value, suggestions, error: fault, dir: 'ltr',
    onChoose: () => {},
    help: () => [read(help ?? ''), followed ? stateText(app, followed.value) : ''].filter(Boolean).join(' '),
  });
}

/** Returns the folders to offer for an empty field. @param {App} app */
function knownFolders(app) {
  const recent = recentFolders(app).peek().map((value) => ({ value, hint: app.t('path_field.recent') }));
  const ofCategories = app.categories.peek().flatMap(({ path, effective_save_path }) =>
    (effective_save_path ? [{ value: effective_save_path, hint: app.clean(path) }] : []));
  return [...recent, ...ofCategories];
}

/** @param {App} app @param {FolderState} state */
function stateText(app, { kind, folder }) {
  if (!folder || kind === 'none' || kind === 'unknown') return '';
  const parts = [];
  if (kind === 'missing') parts.push(app.t('path_field.missing'));
  if (!folder.is_writable) parts.push(app.t('path_field.read_only'));
  if (folder.free_bytes !== null) parts.push(app.t('path_field.free', { size: app.f().size(folder.free_bytes) }));
  return parts.join(' ');
}

/** Warns if a folder has less free space than needed. @param {{ app: App, state: ReadonlySignal<FolderState>,
 *  needed: () => number, free?: () => number | null }} options `free` is used while the state has none */
export function spaceWarning({ app, state, needed, free = () => null }) {
  const left = () => (state.value.kind === 'none' ? free() : state.value.folder?.free_bytes ?? null);
  const isShort = () => { const now = left(); return now !== null && needed() > now; };
  return html`<div class="a-live" aria-live="polite">${when(isShort, () => html`<p class="a-warning">
    ${icon('warning', { size: 18 })}<span>${() => app.t('path_field.short', {
      needed: app.f().size(needed()), free: app.f().size(left()) })}</span></p>`)}</div>`;
}

/** Folders that were chosen last. @param {App} app @returns {Signal<string[]>} */
export const recentFolders = (app) => app.prefs.define('recentFolders', /** @type {string[]} */ ([]), validRecent);

/** @param {App} app @param {string | null} dir */
export function rememberFolder(app, dir) {
  const recent = recentFolders(app);
  if (dir) recent.value = [...withRecent(recent.peek(), tidyPath(dir))];
}
