/** Choice of the files of a torrent: a tree in a virtual list, which may have 100,000 files. */

/** @import { App } from '../../app.js' */
/** @import { Node as TreeNode, FileRow, Folder } from '../../filetree.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Entries } from './entries.js' */

import { html } from '../../base/html.js';
import { computed, effect, signal } from '../../base/signal.js';
import { virtualList } from '../../base/list.js';
import { changeOf, isFolder, toggleOf, wantedOf } from '../../filetree.js';
import { button } from '../../ui/button.js';
import { textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { uid } from '../../ui/values.js';

const MAX_ROWS_SHOWN = 8;

/** @param {{ app: App, entries: Entries, id: number, freeBytes: () => number | null }} options */
export function fileChoice({ app, entries, id, freeBytes }) {
  const tree = entries.treeOf(id);
  // A single file is the torrent itself.
  if (!tree || tree.counts().all < 2) return null;
  const treeId = uid();
  const text = signal('');
  /** Changes with the folders that are open and with the filter. */
  const shape = signal(0);
  const at = signal(0);
  const window = signal({ first: 0, count: 40 });
  const rowHeight = computed(() => (app.isPhone.value ? 44 : 30));
  const nodes = computed(() => { void shape.value; return tree.visible(); });
  const source = computed(() => {
    void entries.choices.value;
    const { first, count } = window.value;
    return { total: nodes.value.length, first, rows: nodes.value.slice(first, first + count).map(tree.rowOf) };
  });
  effect(() => {
    tree.filter(text.value);
    at.value = 0;
    shape.value = shape.peek() + 1;
  });

  /** @param {readonly TreeNode[]} chosen */
  const toggleWanted = (chosen) => entries.choose(id, toggleOf(tree.filesOf(chosen)).choices);
  /** @param {TreeNode} node @param {boolean} [open] */
  const toggleOpen = (node, open) => {
    if (!isFolder(node) || tree.isOpen(node) === open) return;
    tree.toggle(node, open ?? !tree.isOpen(node));
    shape.value += 1;
  };
  /** @param {'skip' | 'normal'} priority */
  const setAll = (priority) => entries.choose(id, changeOf(tree.filesOf([tree.total()]), priority).choices);

  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const all = nodes.peek(), node = all[at.peek()];
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const isRtl = document.documentElement.dir === 'rtl';
    const [outward, inward] = isRtl ? ['ArrowRight', 'ArrowLeft'] : ['ArrowLeft', 'ArrowRight'];
    const steps = /** @type {Record<string, number>} */ ({
      ArrowDown: 1, ArrowUp: -1, PageDown: MAX_ROWS_SHOWN, PageUp: -MAX_ROWS_SHOWN, Home: -all.length, End: all.length,
    });
    if (Object.hasOwn(steps, event.key)) go(at.peek() + steps[event.key]);
    else if (event.key === ' ') toggleWanted([node]);
    else if (event.key === inward) toggleOpen(node, true);
    else if (event.key === outward && isFolder(node) && tree.isOpen(node)) toggleOpen(node, false);
    else if (event.key === outward) go(node.parent ? all.indexOf(node.parent) : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  /** @param {number} index */
  const go = (index) => {
    at.value = Math.min(Math.max(0, index), nodes.peek().length - 1);
    list?.scrollToIndex(at.peek());
  };

  /** @param {ReadonlySignal<FileRow | undefined>} row @param {ReadonlySignal<number>} index */
  const renderRow = (row, index) => fileRow(app, {
    row, id: () => `${treeId}-${index.value}`, isCurrent: () => at.value === index.value,
    onChoose: (node) => { at.value = index.peek(); toggleWanted([node]); },
    onOpen: (node) => { at.value = index.peek(); toggleOpen(node); },
  });
  const counts = tree.counts();
  const total = computed(() => {
    void entries.choices.value;
    return entries.chosenOf(id) ?? { bytes: 0, count: 0, total: 0 };
  });
  const summary = () => {
    const { bytes, count, total: all } = total.value;
    const free = freeBytes();
    const size = app.f().size(bytes);
    return free === null ? app.t('file_choice.chosen', { count, total: app.f().count(all), size })
      : app.t('file_choice.chosen_free', { count, total: app.f().count(all), size, free: app.f().size(free) });
  };
  const scroller = /** @type {HTMLElement} */ (html`<div class="a-files-list" role="treegrid" tabindex="0"
    aria-label=${() => app.t('file_choice.label')} aria-activedescendant=${() => (nodes.value.length > 0
      ? `${treeId}-${at.value}` : null)}
    style:height=${() => `${Math.min(MAX_ROWS_SHOWN, Math.max(1, nodes.value.length)) * rowHeight.value + 2}px`}
    @keydown=${onKey}></div>`);
  /** @type {{ scrollToIndex: (index: number) => void } | null} */
  let list = null;
  // The list adds its rows to the scroller; its scope is that of this view.
  list = virtualList({
    scroller, source, rowHeight, keyOf: ({ key }) => key, render: renderRow,
    onWindow: (first, count) => { window.value = { first, count }; },
  });
  return html`<div class="a-files">
    <div class="a-files-head">
      <p class="a-files-sum" aria-live="polite">${summary}</p>
      <div class="a-files-tools">
        ${counts.all > 5 && textField({
          label: () => app.t('file_choice.filter'), hideLabel: true, value: text, type: 'search',
          placeholder: () => app.t('file_choice.filter'),
        })}
        ${button({ label: () => app.t('file_choice.all'), kind: 'ghost', onClick: () => setAll('normal') })}
        ${button({ label: () => app.t('file_choice.none'), kind: 'ghost', onClick: () => setAll('skip') })}</div>
    </div>
    ${scroller}
    <p class="a-note" ?hidden=${() => nodes.value.length > 0}>${() => app.t('file_choice.no_match')}</p></div>`;
}

/** @param {App} app @param {{ row: ReadonlySignal<FileRow | undefined>, id: () => string, isCurrent: () => boolean,
 *  onChoose: (node: TreeNode) => void, onOpen: (node: TreeNode) => void }} options */
function fileRow(app, { row, id, isCurrent, onChoose, onOpen }) {
  /** @template T @param {(value: FileRow) => T} read @param {T} otherwise */
  const of = (read, otherwise) => computed(() => (row.value ? read(row.value) : otherwise));
  const isFolderRow = of((value) => value.isFolder, false);
  const isOpen = of((value) => value.isOpen, false);
  const name = of((value) => app.clean(value.name), '');
  // A row is another object when the choice of its files has changed.
  const wanted = of(({ priority, node }) =>
    (priority === 'mixed' ? mixedState(node) : priority !== 'skip'), false);
  /** @param {(node: TreeNode) => void} act */
  const withNode = (act) => () => { const value = row.peek(); if (value) act(value.node); };
  const check = /** @type {HTMLInputElement} */ (html`<input type="checkbox" class="a-file-check" tabindex="-1"
    aria-label=${name} .checked=${() => wanted.value === true} .indeterminate=${() => wanted.value === null}
    @change=${withNode(onChoose)}/>`);
  const box = html`<span class="a-file-box" role="gridcell">${check}</span>`;
  return html`<div id=${id} class="a-file" class:a-file-current=${isCurrent}
    aria-level=${of((value) => value.depth + 1, 1)}
    aria-expanded=${() => (isFolderRow.value ? String(isOpen.value) : null)}
    aria-posinset=${of((value) => value.position, 1)} aria-setsize=${of((value) => value.siblings, 1)}
    style:--depth=${of((value) => Math.min(value.depth, 12), 0)}>
    ${box}
    <span class="a-file-name" role="gridcell"
      @click=${withNode((node) => (isFolder(node) ? onOpen(node) : onChoose(node)))}>
      <span class="a-file-turn" class:a-file-open=${isOpen} style:visibility=${() =>
        (isFolderRow.value ? null : 'hidden')}>${icon('chevron', { size: 14 })}</span>
      ${() => icon(isFolderRow.value ? 'folder' : 'file', { size: 16 })}
      <span class="a-file-text" dir="auto" title=${name}>${name}</span></span>
    <span class="a-file-size" role="gridcell">${of((value) => app.f().size(value.size), '')}</span></div>`;
}

/** Returns null for a folder of which some files are chosen, true if all are. @param {TreeNode} node */
const mixedState = (node) => wantedOf(/** @type {Folder} */ (node));

