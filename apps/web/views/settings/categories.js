/** Categories: tree, and dialogs to create, edit, rename and remove them. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Category, CategoryEdit } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { TreeRow } from './label_tree.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { confirm, formDialog } from '../../ui/dialog.js';
import { rateField, textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { menuButton } from '../../ui/menu.js';
import { pathField } from '../../ui/path.js';
import { emptyState } from '../../ui/states.js';
import { validGoals } from '../dialogs/goal_text.js';
import { goalsFields } from '../dialogs/goals_fields.js';
import { categoryFacts, subtree, treeRows } from './label_tree.js';
import { filterField, showTorrents } from './labels.js';
import { wordsOf } from './values.js';

/** @param {App} app */
export function categoriesPage(app) {
  const search = signal('');
  const rows = computed(() => treeRows(app.categories.value, wordsOf(search.value)));
  const isEmpty = () => app.categories.value.length === 0;
  const addButton = () => button({ label: () => app.t('categories.add'), icon: 'plus', kind: 'primary',
    onClick: () => openCategoryForm(app, null) });
  app.refreshLabels();

  return html`<div class="p-labels">
    <p class="p-intro">${() => app.t('categories.intro')}</p>
    ${when(isEmpty, () => html`<div class="p-card">${emptyState({ icon: 'category',
      title: () => app.t('categories.empty'), hint: () => app.t('categories.empty_hint'),
      actions: addButton() })}</div>`,
    () => html`<div><div class="p-actions">${addButton()}${filterField(app, search)}</div>
      ${when(() => rows.value.length === 0, () => html`<p class="p-empty" role="status">${() =>
        app.t('labels.no_match')}</p>`)}
      <ul class="p-items">${each(rows, ({ category }) => category.path, (row) => categoryItem(app, row))}</ul></div>`)}
  </div>`;
}

/** @param {App} app @param {ReadonlySignal<TreeRow>} row */
function categoryItem(app, row) {
  const { path } = row.peek().category;
  const name = app.clean(path);
  const edit = () => openCategoryForm(app, row.peek().category);
  const items = () => [
    { label: app.t('categories.add_below', { name }), icon: /** @type {const} */ ('plus'),
      onSelect: () => openCategoryForm(app, null, `${path}/`) },
    { label: app.t('categories.rename'), icon: /** @type {const} */ ('rename'), onSelect: () => openRename(app, path) },
    { label: app.t('categories.show'), icon: /** @type {const} */ ('filter'),
      onSelect: () => showTorrents(app, 'category', path) },
    /** @type {const} */ ('separator'),
    { label: app.t('categories.remove'), icon: /** @type {const} */ ('remove'), danger: true,
      onSelect: () => remove(app, path) },
  ];
  return html`<li class="p-item" style:--depth=${() => String(row.value.depth)}>
    <span class="p-item-icon">${icon('folder')}</span>
    <div class="p-item-main"><p class="p-item-title"><bdi>${() => app.clean(row.value.name)}</bdi></p>
      <p class="p-meta">${() => categoryFacts(app, row.value.category).map((fact) =>
        html`<span class="p-meta-part" dir="auto">${fact}</span>`)}</p></div>
    <div class="p-item-actions">
      ${button({ label: () => app.t('categories.edit', { name }), icon: 'edit', iconOnly: true, kind: 'ghost',
        onClick: edit })}
      ${menuButton({ label: () => `${app.t('action.more')}: ${name}`, icon: 'more', iconOnly: true, items })}
    </div></li>`;
}

/** Opens the dialog of a category; of a new one for null.
 *  @param {App} app @param {Category | null} category @param {string} [start] first text of a new path */
function openCategoryForm(app, category, start = '') {
  const path = signal(category?.path ?? start);
  const savePath = signal(category?.save_path ?? '');
  const down = signal(category?.limits.down_per_s ?? null);
  const up = signal(category?.limits.up_per_s ?? null);
  const goals = signal(validGoals(category?.goals));
  const isTried = signal(false);
  // The API would replace what is set for it.
  const exists = () => !category && app.categories.value.some((known) => known.path === path.value.trim());

  formDialog({
    title: category ? app.t('categories.edit', { name: app.clean(category.path) }) : app.t('categories.add'),
    submit: { label: app.t('dialog.save') },
    async onSubmit() {
      isTried.value = true;
      if (exists()) return false;
      /** @type {CategoryEdit} */
      const edit = {
        save_path: savePath.value.trim() || null, limits: { down_per_s: down.value, up_per_s: up.value },
        goals: goals.value,
      };
      await app.api.putCategory(path.value.trim(), edit);
      await app.refreshLabels();
      return true;
    },
    body: () => html`<div class="p-form">
      ${category ? null : textField({ label: app.t('categories.path'), value: path, required: true, autofocus: true,
        help: app.t('categories.path_help'),
        error: () => (isTried.value && exists() ? app.t('categories.exists') : null) })}
      ${pathField({ app, label: app.t('categories.save_path'), value: savePath,
        help: app.t('categories.save_path_help') })}
      <fieldset class="p-fieldset"><legend class="p-legend">${app.t('categories.limits')}</legend>
        <div class="p-form-row">${rateField({ app, label: app.t('limits.down'), value: down })}
          ${rateField({ app, label: app.t('limits.up'), value: up })}</div></fieldset>
      <fieldset class="p-fieldset"><legend class="p-legend">${app.t('categories.goals')}</legend>
        ${goalsFields({ app, value: goals, inherit: () => (path.value.includes('/') ? 'goal_edit.inherit_above'
          : 'goal_edit.inherit_settings') })}</fieldset></div>`,
  });
}

/** @param {App} app @param {string} path */
function openRename(app, path) {
  const next = signal(path);
  formDialog({
    title: app.t('categories.rename_title', { name: app.clean(path) }), size: 'small',
    submit: { label: app.t('rename.submit') },
    async onSubmit() {
      await app.api.renameCategory(path, next.value.trim());
      await app.refreshLabels();
    },
    body: () => textField({ label: app.t('categories.path'), value: next, required: true, autofocus: true,
      help: app.t('categories.path_help') }),
  });
}

/** Removes a category and those below it. Without torrents in them that can be undone.
 *  @param {App} app @param {string} path */
async function remove(app, path) {
  const name = app.clean(path);
  const gone = subtree(app.categories.peek(), path);
  const count = gone.reduce((sum, { torrents }) => sum + torrents, 0);
  const isConfirmed = count === 0 || await confirm({
    title: app.t('categories.remove_title', { name }), message: app.t('categories.remove_message', { count }),
    confirmLabel: app.t('categories.remove'), danger: true,
  });
  if (!isConfirmed) return;
  const restore = async () => {
    for (const { path, save_path, limits, goals } of gone) {
      await app.api.putCategory(path, { save_path, limits, goals });
    }
    await app.refreshLabels();
  };
  try {
    await app.api.removeCategory(path);
    app.toasts.show({ text: app.t('categories.removed', { name }), kind: 'success',
      action: count > 0 ? undefined : { label: app.t('edit.undo'), run: () => restore().catch(app.fail) } });
  } catch (error) { app.fail(error); }
  app.refreshLabels();
}
