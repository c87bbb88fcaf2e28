/** Tags: list, and dialogs to create, rename and remove them. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Tag } from '../../types.js' */
/** @import { App } from '../../app.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { confirm, formDialog } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { emptyState } from '../../ui/states.js';
import { filterField, showTorrents } from './labels.js';
import { matches, wordsOf } from './values.js';

/** @param {App} app */
export function tagsPage(app) {
  const search = signal('');
  const tags = computed(() => app.tags.value.filter(({ name }) => matches(wordsOf(search.value), [name]))
    .sort((a, b) => a.name.localeCompare(b.name)));
  const addButton = () => button({ label: () => app.t('tag_page.add'), icon: 'plus', kind: 'primary',
    onClick: () => openNew(app) });
  app.refreshLabels();

  return html`<div class="p-labels">
    <p class="p-intro">${() => app.t('tag_page.intro')}</p>
    ${when(() => app.tags.value.length === 0, () => html`<div class="p-card">${emptyState({ icon: 'tag',
      title: () => app.t('tag_page.empty'), hint: () => app.t('tag_page.empty_hint'), actions: addButton() })}</div>`,
    () => html`<div><div class="p-actions">${addButton()}${filterField(app, search)}</div>
      ${when(() => tags.value.length === 0, () => html`<p class="p-empty" role="status">${() =>
        app.t('labels.no_match')}</p>`)}
      <ul class="p-items">${each(tags, ({ name }) => name, (tag) => tagItem(app, tag))}</ul></div>`)}</div>`;
}

/** @param {App} app @param {ReadonlySignal<Tag>} tag */
function tagItem(app, tag) {
  const { name } = tag.peek();
  const shown = app.clean(name);
  return html`<li class="p-item p-item-low">
    <span class="p-item-icon">${icon('tag')}</span>
    <div class="p-item-main p-item-line"><span class="p-item-title"><bdi>${shown}</bdi></span>
      <button type="button" class="p-link" @click=${() => showTorrents(app, 'tag', name)}>${() =>
        app.t('categories.torrents', { count: tag.value.torrents })}</button></div>
    <div class="p-item-actions">
      ${button({ label: () => app.t('tag_page.rename_title', { name: shown }), icon: 'rename', iconOnly: true,
        kind: 'ghost', onClick: () => openRename(app, name) })}
      ${button({ label: () => app.t('tag_page.remove', { name: shown }), icon: 'remove', iconOnly: true, kind: 'ghost',
        onClick: () => remove(app, tag.peek()) })}</div></li>`;
}

/** @param {App} app */
function openNew(app) {
  const name = signal('');
  formDialog({
    title: app.t('tag_page.add'), size: 'small', submit: { label: app.t('tag_page.create') },
    async onSubmit() {
      await app.api.createTag(name.value.trim());
      await app.refreshLabels();
    },
    body: () => textField({ label: app.t('column.name'), value: name, required: true, autofocus: true }),
  });
}

/** @param {App} app @param {string} from */
function openRename(app, from) {
  const to = signal(from);
  formDialog({
    title: app.t('tag_page.rename_title', { name: app.clean(from) }), size: 'small',
    submit: { label: app.t('rename.submit') },
    async onSubmit() {
      await app.api.renameTag(from, to.value.trim());
      await app.refreshLabels();
    },
    body: () => textField({ label: app.t('rename.name'), value: to, required: true, autofocus: true }),
  });
}

/** Removes a tag. One without torrents can be restored. @param {App} app @param {Tag} tag */
async function remove(app, { name, torrents }) {
  const shown = app.clean(name);
  const isConfirmed = torrents === 0 || await confirm({
    title: app.t('tag_page.remove_title', { name: shown }),
    message: app.t('tag_page.remove_message', { count: torrents }),
    confirmLabel: app.t('categories.remove'), danger: true,
  });
  if (!isConfirmed) return;
  const restore = () => app.api.createTag(name).then(() => app.refreshLabels(), app.fail);
  try {
    await app.api.removeTag(name);
    app.toasts.show({ text: app.t('tag_page.removed', { name: shown }), kind: 'success',
      action: torrents > 0 ? undefined : { label: app.t('edit.undo'), run: restore } });
  } catch (error) { app.fail(error); }
  app.refreshLabels();
}
