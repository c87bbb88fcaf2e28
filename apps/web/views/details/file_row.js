/** Row of a file or a folder. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { FileRow } from '../../filetree.js' */
/** @import { FilesModel } from './files_model.js' */

import { html, when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { wantedOf } from '../../filetree.js';
import { icon } from '../../ui/icons.js';
import { openMenu } from '../../ui/menu.js';
import { isolated, part } from './context.js';
import { fileItems, isComplete, priorityItems, priorityText } from './file_actions.js';
import { partBar } from './grid.js';

/** Deepest level that moves a row inwards. */
const MAX_INDENT = 12;

/** @param {FilesModel} model @param {string} gridId @param {ReadonlySignal<FileRow | undefined>} item
 *  @param {ReadonlySignal<number>} index */
export function fileRow(model, gridId, item, index) {
  const { app } = model.context;
  const isFolder = part(item, (row) => row.isFolder, false);
  const isSelected = computed(() => model.selected.value.has(item.value?.key ?? ''));
  const isActive = computed(() => model.active.value === item.value?.key);
  const size = part(item, (row) => app.f().size(row.size), '');
  /** @param {(row: FileRow) => unknown} fn @returns {(event: Event) => void} */
  const onRow = (fn) => (event) => {
    event.stopPropagation();
    const row = item.peek();
    if (row) fn(row);
  };
  const openPriorities = onRow((row) => openMenu(
    priorityItems(model, () => model.targetsOf(row.node), row.priority), { anchor: priority }));
  const priority = /** @type {Element} */ (html`<button type="button" class="d-priority" tabindex="-1"
    aria-haspopup="menu" data-priority=${part(item, (row) => row.priority, 'normal')}
    aria-label=${part(item, (row) => app.t('details.priority_of', {
      name: app.clean(row.name), priority: priorityText(model, row.priority) }), '')}
    @click=${openPriorities}>${part(item, (row) => priorityText(model, row.priority), '')}</button>`);

  return html`<div class="d-row d-file-row" id=${() => `${gridId}-${index.value}`}
    class:d-selected=${isSelected} class:d-active=${isActive}
    class:d-skipped=${part(item, (row) => row.priority === 'skip', false)}
    aria-selected=${() => String(isSelected.value)} aria-level=${part(item, (row) => String(row.depth + 1), null)}
    aria-posinset=${part(item, (row) => String(row.position), null)}
    aria-setsize=${part(item, (row) => String(row.siblings), null)}
    aria-expanded=${part(item, (row) => (row.isFolder ? String(row.isOpen) : null), null)}>
    <div class="d-cell d-file-name" role="gridcell"
      style:--depth=${part(item, (row) => String(Math.min(row.depth, MAX_INDENT)), '0')}>
      ${when(isFolder, () => html`<button type="button" class="d-twist" tabindex="-1" aria-hidden="true"
        class:d-open=${part(item, (row) => row.isOpen, false)}
        @click=${onRow((row) => model.toggle(row.node))}>${icon('chevron', { size: 16 })}</button>`,
      () => html`<span class="d-twist"></span>`)}
      <label class="d-tick" @click=${(/** @type {Event} */ event) => event.stopPropagation()}>
        <input type="checkbox" tabindex="-1"
        aria-label=${part(item, (row) => app.t('details.want', { name: app.clean(row.name) }), '')}
        .checked=${part(item, (row) => wantedOf(row.node) === true && row.priority !== 'skip', false)}
        .indeterminate=${part(item, (row) => row.priority === 'mixed' && wantedOf(row.node) === null, false)}
        @change=${onRow((row) => model.tick(model.targetsOf(row.node)))}/></label>
      <span class="d-file-icon" aria-hidden="true">${when(isFolder, () => icon('folder', { size: 16 }),
        () => icon('file', { size: 16 }))}</span>
      ${nameView(model, item)}
      <span class="d-file-sub">${() =>
        `${isolated(size.value)} · ${app.f().percent(item.value?.progress)}`}</span></div>
    <div class="d-cell d-file-size d-num" role="gridcell"><bdi>${size}</bdi></div>
    <div class="d-cell d-file-progress" role="gridcell">${partBar(app, () => item.value?.progress ?? null)}</div>
    <div class="d-cell d-file-priority" role="gridcell">${priority}</div>
    <div class="d-cell d-file-actions" role="gridcell">${when(part(item, ({ node }) =>
      node.file !== null && isComplete(node.file), false), () => downloadLink(model, item))}
      ${rowMenu(model, item)}</div></div>`;
}

/** Name, or the field for another one. @param {FilesModel} model @param {ReadonlySignal<FileRow | undefined>} item */
function nameView(model, item) {
  const { app } = model.context;
  const name = part(item, (row) => app.clean(row.name), '');
  const text = () => html`<span class="d-file-text" dir="auto"
    title=${part(item, (row) => app.clean(row.path), '')}>${name}</span>`;
  return when(() => item.value !== undefined && model.renaming.value === item.value.key,
    () => renameField(model, item), text);
}

/** @param {FilesModel} model @param {ReadonlySignal<FileRow | undefined>} item */
function renameField(model, item) {
  const { app } = model.context;
  const { name = '', node } = item.peek() ?? {};
  let isOpen = true;
  /** @param {boolean} takes */
  const end = (takes) => {
    if (!isOpen) return;
    isOpen = false;
    const grid = /** @type {HTMLElement | null} */ (field.closest('[role=treegrid]'));
    if (takes && node) model.rename(node, field.value.trim());
    else model.renaming.value = null;
    grid?.focus({ preventScroll: true });
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    event.stopPropagation();
    if (event.key === 'Enter' && !event.isComposing && isName(field.value)) end(true);
    else if (event.key === 'Escape') end(false);
    else return;
    event.preventDefault();
  };
  const check = () => field.setCustomValidity(isName(field.value) ? '' : app.t('details.bad_name'));
  const stop = (/** @type {Event} */ event) => event.stopPropagation();
  const field = /** @type {HTMLInputElement} */ (html`<input class="d-rename" type="text" dir="auto" .value=${name}
    aria-label=${app.t('rename.name')} spellcheck="false" autocomplete="off" autocapitalize="off"
    @keydown=${onKey} @input=${() => { check(); field.reportValidity(); }} @blur=${() => end(false)} @click=${stop}
    @dblclick=${stop} @pointerdown=${stop}/>`);
  queueMicrotask(() => {
    field.focus();
    const dot = node?.file ? name.lastIndexOf('.') : -1;
    field.setSelectionRange(0, dot > 0 ? dot : name.length);
  });
  return field;
}

/** @param {string} name */
const isName = (name) => {
  const trimmed = name.trim();
  return trimmed !== '' && trimmed !== '.' && trimmed !== '..' && !/[/\0]/.test(trimmed);
};

/** @param {FilesModel} model @param {ReadonlySignal<FileRow | undefined>} item */
function downloadLink({ context: { app, id } }, item) {
  const label = part(item, (row) => app.t('details.download_of', { name: app.clean(row.name) }), '');
  return html`<a class="d-icon-button" tabindex="-1" download=${part(item, (row) => row.name, '')}
    href=${part(item, ({ node }) => (node.file ? app.api.contentUrl(id, node.file.index) : null), null)}
    title=${label} aria-label=${label}>${icon('download', { size: 16 })}</a>`;
}

/** @param {FilesModel} model @param {ReadonlySignal<FileRow | undefined>} item */
function rowMenu(model, item) {
  const { app } = model.context;
  /** @param {MouseEvent} event */
  const open = (event) => {
    event.stopPropagation();
    const row = item.peek();
    if (row) openMenu(fileItems(model, row.node, row.priority), { anchor: node });
  };
  const label = part(item, (row) => app.t('details.actions_of', { name: app.clean(row.name) }), '');
  const node = /** @type {Element} */ (html`<button type="button" class="d-icon-button d-row-menu" tabindex="-1"
    aria-haspopup="menu" aria-label=${label} @click=${open}>${icon('more', { size: 16 })}</button>`);
  return node;
}
