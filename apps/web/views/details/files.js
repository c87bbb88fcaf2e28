/** Files of the torrent as a tree. */

/** @import { FileSortKey } from '../../filetree.js' */
/** @import { Context } from './context.js' */
/** @import { FilesModel } from './files_model.js' */
/** @import { Grid, GridColumn } from './grid.js' */

import { html, when } from '../../base/html.js';
import { virtualList } from '../../base/list.js';
import { computed } from '../../base/signal.js';
import { priorityOf } from '../../filetree.js';
import { isAdding, isMenuClick } from '../../input.js';
import { icon } from '../../ui/icons.js';
import { menuButton, openMenu } from '../../ui/menu.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';
import { uid } from '../../ui/values.js';
import { isolated, part } from './context.js';
import { downloadAll, fileItems, isComplete, priorityItems } from './file_actions.js';
import { onFileKey, openNode } from './file_keys.js';
import { fileRow } from './file_row.js';
import { createFilesModel } from './files_model.js';
import { gridHead, orderItems } from './grid.js';

const ROW_PX = 30, PHONE_ROW_PX = 56;
/** Time without input after which a filter applies, in milliseconds. */
const FILTER_MS = 150;

/** @typedef {FileSortKey | 'actions'} FileColumn */
/** @type {readonly GridColumn<FileColumn>[]} */
const COLUMNS = [
  { key: 'name', label: 'column.name' },
  { key: 'size', label: 'column.size', isNumber: true },
  { key: 'progress', label: 'column.progress' },
  { key: 'priority', label: 'details.priority' },
  { key: 'actions', label: 'details.actions', isFixed: true, isNumber: true },
];
/** @type {ReadonlySet<FileColumn>} */
const LARGEST_FIRST = new Set(/** @type {const} */ (['size', 'progress', 'priority']));

/** @param {Context} context */
export function filesView(context) {
  const { app } = context;
  const model = createFilesModel(context);
  const { data, error } = model;
  const hasFiles = part(data, (files) => files.length > 0, false);
  const none = () => emptyState({ icon: 'file', title: () => app.t('details.no_files'),
    hint: () => app.t('details.metadata_hint') });
  const body = () => when(hasFiles, () => filesBody(model), none);
  return html`<div class="d-tab">${when(() => data.value !== null, body, () => when(() => error.value !== null,
    () => errorState({ app, error: error.peek(), retry: model.refresh }), () => skeletonRows(6)))}</div>`;
}

/** @param {FilesModel} model */
function filesBody(model) {
  const { app } = model.context;
  /** @type {Grid<FileColumn>} */
  const grid = { app, columns: COLUMNS, largestFirst: LARGEST_FIRST,
    order: /** @type {Grid<FileColumn>['order']} */ (/** @type {unknown} */ (model.order)) };
  const noMatch = () => emptyState({ icon: 'search', title: () => app.t('details.no_file_matches') });
  const isEmpty = computed(() => model.nodes.value.length === 0);
  return html`${toolbar(model, grid)}${when(isEmpty, noMatch, () => fileGrid(model, grid))}`;
}

/** @param {FilesModel} model @param {Grid<FileColumn>} grid */
function toolbar(model, grid) {
  const { app } = model.context;
  /** Nodes that the buttons act on: the selected ones, or all that are shown. */
  const targets = () => (model.selected.peek().size > 0 ? model.chosen()
    : model.nodes.peek().filter((node) => node.depth === 0));
  let timer = 0;
  const search = html`<span class="d-search">${icon('search', { size: 16 })}<input type="search" class="k-input"
    aria-label=${() => app.t('details.filter_files')} placeholder=${() => app.t('details.filter_files')}
    .value=${model.filter.peek()} autocomplete="off" spellcheck="false"
    @input=${(/** @type {Event} */ event) => {
      const { value } = /** @type {HTMLInputElement} */ (event.target);
      clearTimeout(timer);
      timer = setTimeout(() => { model.filter.value = value; }, FILTER_MS);
    }}/></span>`;
  const text = () => {
    const total = model.total.value, chosen = model.selected.value.size;
    if (chosen > 1) return app.t('list.selected', { count: chosen });
    if (!total) return '';
    const { all, shown, size } = total;
    if (all === 0) return '';
    const counted = shown < all ? app.t('details.files_shown', { count: shown, total: app.f().count(all) })
      : app.t('details.file_count', { count: all });
    return `${isolated(counted)} · ${isolated(app.f().size(size))}`;
  };
  return html`<div class="d-toolbar">${search}<span class="d-toolbar-text" role="status">${text}</span>
    ${menuButton({ label: () => app.t('details.priority'), icon: 'chevron',
      items: () => priorityItems(model, targets, null) })}
    ${menuButton({ label: () => app.t('action.more'), icon: 'more', iconOnly: true, items: () => [
      { label: app.t('details.expand_all'), onSelect: () => model.toggleAll(true) },
      { label: app.t('details.collapse_all'), onSelect: () => model.toggleAll(false) },
      { label: app.t('details.sort'), items: orderItems(grid) },
      'separator',
      { label: app.t('details.download_chosen'), icon: 'download', disabled: model.selected.peek().size === 0,
        onSelect: () => downloadAll(model, model.filesOf(model.chosen()).filter(isComplete)) },
    ] })}</div>`;
}

/** @param {FilesModel} model @param {Grid<FileColumn>} grid */
function fileGrid(model, grid) {
  const { app } = model.context;
  const id = uid();
  /** Row at an event. @param {Event} event */
  const nodeAt = (event) => {
    const row = /** @type {Element} */ (event.target).closest('.d-file-row');
    return row ? model.nodes.peek()[Number(row.id.slice(id.length + 1))] : undefined;
  };
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    const node = nodeAt(event);
    if (!node || isMenuClick(event)) return;
    if (isTouch(event)) return node.file ? showMenu(event) : model.toggle(node);
    model.select(node, { adds: isAdding(event), extends: event.shiftKey });
  };
  /** @param {MouseEvent} event */
  const showMenu = (event) => {
    const node = nodeAt(event);
    if (!node) return;
    event.preventDefault();
    if (!model.selected.peek().has(node.key)) model.select(node);
    openMenu(fileItems(model, node, priorityOf(node)), { x: event.clientX, y: event.clientY });
  };
  const scroller = /** @type {HTMLElement} */ (html`<div class="d-grid d-file-grid" role="treegrid" tabindex="0"
    id=${id} aria-label=${() => app.t('details.files')} aria-multiselectable="true"
    aria-activedescendant=${() => (model.activeIndex.value < 0 ? null : `${id}-${model.activeIndex.value}`)}
    @click=${onClick} @contextmenu=${showMenu}
    @dblclick=${(/** @type {MouseEvent} */ event) => {
      const node = nodeAt(event);
      if (node && !isTouch(event)) openNode(model, node);
    }}
    @focus=${() => {
      const [first] = model.nodes.peek();
      if (model.activeIndex.peek() < 0 && first) model.active.value = first.key;
    }}
    @keydown=${(/** @type {KeyboardEvent} */ event) => {
      // A head or another control has its own keys.
      if (event.target !== scroller || !onFileKey(model, event, list.scrollToIndex)) return;
      event.preventDefault();
      event.stopPropagation();
    }}>${gridHead(grid)}</div>`);
  const list = virtualList({
    scroller,
    source: model.source,
    rowHeight: computed(() => (app.isPhone.value ? PHONE_ROW_PX : ROW_PX)),
    keyOf: ({ key }) => key,
    render: (item, index) => fileRow(model, id, item, index),
    onWindow: model.load,
    headerRows: 1,
  });
  return scroller;
}

/** @param {MouseEvent} event */
const isTouch = (event) => event instanceof PointerEvent && event.pointerType === 'touch';
