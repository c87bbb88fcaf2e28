/** Watched folders: list, dialog, scan and problems. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { WatchFolder, WatchFolderEdit } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { SettingsContext } from './settings.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { badge } from '../../ui/badge.js';
import { button } from '../../ui/button.js';
import { formDialog } from '../../ui/dialog.js';
import { checkbox, selectField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { pathField } from '../../ui/path.js';
import { poll } from '../../ui/poll.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';
import { tagsField } from '../../ui/tags.js';

const POLL_MS = 5000;

/** @param {SettingsContext} context */
export function watchPage({ app }) {
  const { data, error, refresh } = poll((abort) => app.api.watchFolders({ signal: abort }), POLL_MS);
  const folders = computed(() => data.value ?? []);
  const isEmpty = () => data.value?.length === 0;
  const add = () => openWatch(app, null, refresh);
  const scan = async () => {
    try {
      await app.api.scanWatchFolders();
      app.toasts.show({ text: app.t('watch.scanned') });
    } catch (cause) { app.fail(cause); }
    refresh();
  };
  const addButton = () => button({ label: () => app.t('watch.add'), icon: 'plus', kind: 'primary', onClick: add });

  return html`<div class="p-watch">
    <p class="p-intro">${() => app.t('watch.intro')}</p>
    ${when(() => data.value === null && !error.value, () => html`<div role="status"
      aria-label=${() => app.t('watch.loading')}>${skeletonRows(3)}</div>`)}
    ${when(() => data.value === null && error.value, () => errorState({ app, error: error.peek(), retry: refresh }))}
    ${when(isEmpty, () => html`<div class="p-card">${emptyState({ icon: 'watch', title: () => app.t('watch.empty'),
      hint: () => app.t('watch.empty_hint'), actions: addButton() })}</div>`)}
    ${when(() => folders.value.length > 0, () => html`<div class="p-watch-list">
      <div class="p-actions">${addButton()}${button({ label: () => app.t('watch.scan'), icon: 'refresh',
        onClick: scan })}</div>
      <ul class="p-items">${each(folders, ({ dir }) => dir, (folder) => watchItem(app, folder, refresh))}</ul></div>`)}
    <h3 class="p-subtitle">${() => app.t('watch.more')}</h3></div>`;
}

/** @param {App} app @param {ReadonlySignal<WatchFolder>} folder @param {() => unknown} refresh */
function watchItem(app, folder, refresh) {
  const { dir } = folder.peek();
  const name = app.clean(dir);
  const remove = async () => {
    const before = editOf(folder.peek());
    try {
      await app.api.removeWatchFolder(dir);
      app.toasts.show({ text: app.t('watch.removed', { name }), action: {
        label: app.t('edit.undo'),
        run: () => app.api.putWatchFolder(dir, before).then(refresh, app.fail),
      } });
    } catch (cause) { app.fail(cause); }
    refresh();
  };
  return html`<li class="p-item">
    <span class="p-item-icon">${icon('watch')}</span>
    <div class="p-item-main">
      <p class="p-item-title"><bdi dir="ltr">${name}</bdi></p>
      <p class="p-meta">${() => summary(app, folder.value).map((text) => html`<span class="p-meta-part" dir="auto">${
        text}</span>`)}</p>
      ${when(() => folder.value.error, () => html`<p class="p-error" dir="auto">${icon('error', { size: 16 })}
        <span>${() => app.clean(folder.value.error ?? '')}</span></p>`)}
      ${when(() => folder.value.problems.length > 0, () => problems(app, folder))}
    </div>
    <div class="p-item-actions">
      ${button({ label: () => `${app.t('watch.edit')}: ${name}`, icon: 'edit', iconOnly: true, kind: 'ghost',
        onClick: () => openWatch(app, folder.peek(), refresh) })}
      ${button({ label: () => `${app.t('watch.remove')}: ${name}`, icon: 'remove', iconOnly: true, kind: 'ghost',
        onClick: remove })}</div></li>`;
}

/** @param {App} app @param {ReadonlySignal<WatchFolder>} folder */
const problems = (app, folder) => html`<details class="p-problems">
  <summary class="p-summary">${badge({ text: () => app.t('watch.problems', { count: folder.value.problems.length }),
    tone: 'warn' })}${icon('chevron', { size: 16 })}</summary>
  <ul class="p-problem-list">${each(() => folder.value.problems, ({ path }) => path, (problem) => html`<li>
    <bdi class="p-code" dir="ltr">${() => app.clean(problem.value.path)}</bdi>
    <span class="p-help" dir="auto">${() => app.clean(problem.value.message)}</span></li>`)}</ul></details>`;

/** @param {App} app @param {WatchFolder} folder */
function summary(app, { added, category, tags, recursive, save_path, paused, subfolder_as_category, loaded }) {
  return [
    app.t('watch.added', { count: added }),
    category !== null ? `${app.t('watch.category')}: ${app.clean(category)}` : null,
    tags.length > 0 ? `${app.t('watch.tags')}: ${tags.map(app.clean).join(', ')}` : null,
    save_path !== null ? `${app.t('watch.save_path')}: ${app.clean(save_path)}` : null,
    recursive ? app.t('watch.recursive') : null,
    subfolder_as_category ? app.t('watch.subfolder') : null,
    paused === null ? null : app.t(paused ? 'watch.start_paused' : 'watch.start_now'),
    loaded === 'rename' ? null : app.t(`watch.loaded_${loaded}`),
  ].filter((text) => text !== null);
}

/** @param {WatchFolder} folder @returns {WatchFolderEdit} */
const editOf = ({ recursive, category, subfolder_as_category, tags, save_path, paused, loaded }) =>
  ({ recursive, category, subfolder_as_category, tags, save_path, paused, loaded });

/** Opens the dialog of a watched folder; of a new one for null.
 *  @param {App} app @param {WatchFolder | null} folder @param {() => unknown} refresh */
function openWatch(app, folder, refresh) {
  const dir = signal(folder?.dir ?? '');
  const recursive = signal(folder?.recursive ?? false);
  const category = signal(folder?.category ?? '');
  const subfolder = signal(folder?.subfolder_as_category ?? false);
  const tags = signal(/** @type {readonly string[]} */ (folder?.tags ?? []));
  const savePath = signal(folder?.save_path ?? '');
  const start = signal(folder?.paused === true ? 'paused' : folder?.paused === false ? 'now' : 'default');
  const loaded = signal(/** @type {string} */ (folder?.loaded ?? 'rename'));
  const paths = app.categories.peek().map(({ path }) => ({ value: path, label: app.clean(path) }));

  formDialog({
    title: app.t(folder ? 'watch.edit' : 'watch.add'), submit: { label: app.t('dialog.save') },
    async onSubmit() {
      await app.api.putWatchFolder(dir.value.trim().replace(/(.)\/+$/, '$1'), {
        recursive: recursive.value, category: category.value || null, subfolder_as_category: subfolder.value,
        tags: [...tags.value], save_path: savePath.value.trim() || null,
        paused: start.value === 'default' ? null : start.value === 'paused',
        loaded: /** @type {WatchFolder['loaded']} */ (loaded.value),
      });
      refresh();
    },
    body: () => html`<div class="p-form">
      ${folder ? html`<p class="p-fixed"><span class="k-label">${app.t('watch.dir')}</span>
        <bdi class="p-code" dir="ltr">${app.clean(folder.dir)}</bdi></p>`
        : pathField({ app, label: app.t('watch.dir'), value: dir, required: true, autofocus: true })}
      ${checkbox({ label: app.t('watch.recursive'), checked: recursive })}
      ${selectField({ label: app.t('watch.category'), value: category, options: [
        { value: '', label: app.t('filter.no_category') }, ...paths] })}
      ${checkbox({ label: app.t('watch.subfolder'), checked: subfolder })}
      ${tagsField({ app, label: app.t('watch.tags'), value: tags })}
      ${pathField({ app, label: app.t('watch.save_path'), value: savePath, help: app.t('watch.save_path_help') })}
      <div class="p-form-row">
        ${selectField({ label: app.t('watch.start'), value: start, options: [
          { value: 'default', label: app.t('watch.start_default') }, { value: 'now', label: app.t('watch.start_now') },
          { value: 'paused', label: app.t('watch.start_paused') }] })}
        ${selectField({ label: app.t('watch.loaded'), value: loaded, options: /** @type {const} */ (
          ['rename', 'delete', 'keep']).map((value) => ({ value, label: app.t(`watch.loaded_${value}`) })) })}
      </div></div>`,
  });
}

