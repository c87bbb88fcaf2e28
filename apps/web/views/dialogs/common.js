/** Parts of the dialogs that change torrents. */

/** @import { App } from '../../app.js' */
/** @import { Torrent } from '../../types.js' */
/** @import { Change } from './changes.js' */

import { html, toElement } from '../../base/html.js';
import { onCleanup, signal, untracked } from '../../base/signal.js';
import { errorState, spinner } from '../../ui/states.js';
import { button } from '../../ui/button.js';

/** Number of torrents whose present values are read; a dialog for more of them changes all alike. */
export const MAX_READ = 500;
/** Ids in one request, which has them in its URL. */
const PAGE = 100;

/** Returns torrents by id. The list is empty for more than `MAX_READ`.
 *  @param {App} app @param {readonly number[]} ids @param {AbortSignal} [abort] @returns {Promise<Torrent[]>} */
export async function torrentsOf(app, ids, abort) {
  if (ids.length > MAX_READ) return [];
  /** @type {Torrent[]} */
  const torrents = [];
  for (let at = 0; at < ids.length; at += PAGE) {
    const select = ids.slice(at, at + PAGE).map((id) => `id:${id}`);
    torrents.push(...(await app.api.list({ select, limit: PAGE }, { signal: abort })).torrents);
  }
  return torrents;
}

/** Applies changes in order, and offers to undo them. Resolves to false if one could not be applied at all.
 *  @param {App} app @param {readonly Change[]} changes @param {readonly Change[]} [undo] @returns {Promise<boolean>} */
export async function apply(app, changes, undo = []) {
  let done = 0, underWay = 0;
  for (const { ids, action } of changes) {
    const result = await app.act(ids, action, { quiet: true });
    if (!result) return false;
    done += result.done.length;
    underWay += result.under_way.length;
  }
  const [key, count] = done > 0 ? /** @type {const} */ (['action.done', done]) : /** @type {const} */ (
    ['action.under_way', underWay]);
  if (count > 0) {
    app.toasts.show({
      kind: 'success', text: app.t(key, { count }),
      ...(undo.length > 0 && { action: { label: app.t('action.undo'), run: () => apply(app, undo) } }),
    });
  }
  return true;
}

/** Shows what `render` returns once the data is there; until then that it is loaded, or why it could not be. The
 *  content gets the focus, unless the user has moved it meanwhile.
 *  @template T @param {{ app: App, load: (abort: AbortSignal) => Promise<T>, render: (data: T) => unknown }} options */
export function loaded({ app, load, render }) {
  const state = signal(/** @type {{ data: T } | { error: unknown } | null} */ (null));
  const end = new AbortController();
  onCleanup(() => end.abort());
  const run = async () => {
    state.value = null;
    try {
      const data = await load(end.signal);
      if (!end.signal.aborted) state.value = { data };
    } catch (error) {
      if (!end.signal.aborted) state.value = { error };
    }
  };
  run();
  const content = () => {
    const now = state.value;
    return untracked(() => {
      if (now === null) return spinner(() => app.t('change.loading'));
      queueMicrotask(() => focusIn(host));
      return 'data' in now ? render(now.data) : errorState({ app, error: now.error, retry: run });
    });
  };
  const host = toElement(html`<div class="a-loaded">${content}</div>`);
  return host;
}

/** Moves the focus from the head of a dialog, where it is at first, into its content. @param {HTMLElement} host */
function focusIn(host) {
  const dialog = host.closest('dialog'), focused = document.activeElement;
  if (!dialog || (focused !== dialog && !focused?.closest('.k-dialog-head, .k-state'))) return;
  const fields = 'input:checked, input:not([type="radio"]), select, textarea, button';
  /** @type {HTMLElement | null} */ (host.querySelector('[autofocus]') ?? host.querySelector(fields))?.focus();
}

/** Names of the torrents that a dialog is about, so that users see what they change.
 *  @param {App} app @param {readonly Torrent[]} torrents @param {number} count of all of them */
export function subject(app, torrents, count) {
  const shown = torrents.slice(0, 3);
  if (shown.length === 0) return null;
  const more = () => (count > shown.length ? app.t('change.more', { count: count - shown.length }) : '');
  return html`<ul class="a-subject">${shown.map(({ name }) =>
    html`<li dir="auto" title=${app.clean(name)}>${app.clean(name)}</li>`)}
    <li class="a-note" ?hidden=${count <= shown.length}>${more}</li></ul>`;
}

/** Note that the torrents differ in a value. @param {App} app @param {boolean} differs */
export const mixedHint = (app, differs) => () => (differs ? app.t('change.mixed') : '');

/** Button in the footer of a dialog that leads to a page. @param {import('../../ui/values.js').Text} label
 *  @param {() => void} go */
export const footerLink = (label, go) => button({ label, kind: 'ghost', icon: 'settings', onClick: go });
