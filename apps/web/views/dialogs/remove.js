/** Dialog to remove torrents, and to choose what happens to their files. */

/** @import { App } from '../../app.js' */
/** @import { Signal } from '../../base/signal.js' */
/** @import { RemoveInit } from '../../dialogs.js' */
/** @import { DataChoice, Torrent } from '../../types.js' */

import { html, when } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { confirm, formDialog } from '../../ui/dialog.js';
import { radioGroup } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { loaded, subject, torrentsOf } from './common.js';
import { MAX_KEPT, keepTorrents, restoreTorrents } from './restore.js';

/** @param {App} app @param {readonly number[]} ids @param {RemoveInit} [init] */
export async function openRemove(app, ids, { withData = false } = {}) {
  if (ids.length === 0) return;
  // The last choice is proposed, except the one that loses data.
  const last = app.prefs.define('removeData', /** @type {'keep' | 'trash'} */ ('keep'), (value) =>
    (value === 'trash' ? 'trash' : 'keep'));
  const choice = signal(/** @type {string} */ (withData ? 'delete' : last.peek()));
  let torrents = /** @type {Torrent[]} */ ([]);
  const isDeleting = () => choice.value === 'delete';

  await formDialog({
    title: () => app.t('remove.title', { count: ids.length }), size: 'small',
    body: () => loaded({
      app,
      load: async (abort) => {
        torrents = await torrentsOf(app, ids, abort);
        return hasTrashFolder(app, abort);
      },
      render: (hasTrash) => {
        if (!hasTrash && choice.peek() === 'trash') choice.value = 'keep';
        return content(app, ids.length, torrents, choice, hasTrash);
      },
    }),
    submit: { label: () => app.t(isDeleting() ? 'remove.submit_delete' : 'remove.submit') },
    onSubmit: async () => {
      const data = /** @type {DataChoice} */ (choice.peek());
      if (data === 'delete' && !(await confirmDelete(app, ids.length, torrents))) return false;
      if (data !== 'delete') last.value = data;
      return remove(app, ids, data);
    },
  }).closed;
}

/** @param {App} app @param {AbortSignal} abort */
async function hasTrashFolder(app, abort) {
  const { value } = await app.api.setting('trash_dir', { signal: abort });
  return typeof value === 'string' && value !== '' && value !== 'none';
}

/** @param {App} app @param {number} count @param {readonly Torrent[]} torrents @param {Signal<string>} choice
 *  @param {boolean} hasTrash */
function content(app, count, torrents, choice, hasTrash) {
  const options = [
    {
      value: 'keep', label: app.t('remove.keep'),
      help: app.t(count <= MAX_KEPT ? 'remove.keep_hint' : 'remove.keep_many'),
    },
    ...(hasTrash ? [{ value: 'trash', label: app.t('remove.trash'), help: app.t('remove.trash_hint') }] : []),
    { value: 'delete', label: app.t('remove.delete'), help: app.t('remove.delete_hint') },
  ];
  return html`<div class="a-form">${subject(app, torrents, count)}
    ${radioGroup({ label: () => app.t('remove.files'), value: choice, options })}
    ${hasTrash ? null : html`<p class="a-note">${() => app.t('remove.no_trash')}</p>`}
    <div class="a-live" aria-live="polite">${when(() => choice.value === 'delete', () =>
      html`<p class="a-warning a-danger">
      ${icon('warning', { size: 18 })}<span>${() => app.t('remove.warning')}</span></p>`)}</div></div>`;
}

/** @param {App} app @param {number} count @param {readonly Torrent[]} torrents */
function confirmDelete(app, count, torrents) {
  const bytes = torrents.reduce((sum, { size_bytes, left_bytes }) => sum + Math.max(0, size_bytes - left_bytes), 0);
  const message = torrents.length === 1
    ? app.t('remove.confirm_one', { name: app.clean(torrents[0].name), size: app.f().size(bytes) })
    : torrents.length === count ? app.t('remove.confirm_many', { count, size: app.f().size(bytes) })
      : app.t('remove.confirm_all', { count });
  return confirm({
    title: app.t('remove.confirm_title'), message, confirmLabel: app.t('remove.submit_delete'), danger: true,
  });
}

/** @param {App} app @param {readonly number[]} ids @param {DataChoice} data */
async function remove(app, ids, data) {
  const kept = data === 'keep' ? await keepTorrents(app, ids) : null;
  const result = await app.act(ids, { kind: 'remove', data }, { quiet: true });
  if (!result) return false;
  const count = result.done.length + result.under_way.length;
  if (count === 0) return result.failed.length === 0;
  const keys = /** @type {const} */ (
    { keep: 'remove.done_keep', trash: 'remove.done_trash', delete: 'remove.done_delete' });
  const gone = new Set([...result.done, ...result.under_way]);
  const undo = kept?.filter(({ id }) => gone.has(id));
  app.toasts.show({
    kind: 'success', text: app.t(keys[data], { count }),
    ...(undo && undo.length > 0 && {
      action: { label: app.t('action.undo'), run: () => restoreTorrents(app, undo) },
    }),
  });
  return true;
}
