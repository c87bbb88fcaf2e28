/** Keyboard of the tree of files, as the ARIA pattern of a treegrid has it. Space ticks, Ctrl with Space selects. */

/** @import { Node } from '../../filetree.js' */
/** @import { FilesModel } from './files_model.js' */

import { downloadAll, fileItems, isComplete } from './file_actions.js';
import { openMenu } from '../../ui/menu.js';
import { priorityOf } from '../../filetree.js';

/** Rows of a page, less than most windows show. */
const PAGE_ROWS = 10;

/** Returns the index to which a key moves; null if it does not move.
 *  @param {string} key @param {number} at index of the active row, -1 for none @param {number} total */
export function targetIndex(key, at, total) {
  const last = total - 1;
  switch (key) {
    case 'ArrowDown': return Math.min(at + 1, last);
    case 'ArrowUp': return Math.max(at - 1, 0);
    case 'PageDown': return Math.min(Math.max(at, 0) + PAGE_ROWS, last);
    case 'PageUp': return Math.max(at - PAGE_ROWS, 0);
    case 'Home': return 0;
    case 'End': return last;
    default: return null;
  }
}

/** Opens a folder or enters it, and leaves it or closes it, with the arrows along a line. Returns the node to go to.
 *  @param {FilesModel} model @param {Node} node @param {boolean} inward @returns {Node | null} */
function step(model, node, inward) {
  const isOpen = model.isOpen(node);
  if (inward && !node.file && !isOpen) model.toggle(node, true);
  else if (!inward && isOpen) model.toggle(node, false);
  else if (inward && isOpen) return model.nodes.peek()[model.indexOf(node.key) + 1] ?? null;
  else if (!inward && node.parent?.parent) return node.parent;
  return null;
}

/** Handles a key. @param {FilesModel} model @param {KeyboardEvent} event @param {(index: number) => void} reveal
 *  @returns {boolean} true if it was used */
export function onFileKey(model, event, reveal) {
  const nodes = model.nodes.peek();
  const at = model.activeIndex.peek();
  const node = /** @type {Node | undefined} */ (nodes[at]);
  const { key, shiftKey } = event;
  const mod = event.ctrlKey || event.metaKey;
  if (event.altKey || nodes.length === 0) return false;

  /** @param {Node} target */
  const goTo = (target) => {
    if (mod && !shiftKey) model.active.value = target.key;
    else model.select(target, { extends: shiftKey });
    reveal(model.indexOf(target.key));
  };
  const index = targetIndex(key, at, nodes.length);
  if (index !== null) { goTo(nodes[index]); return true; }
  if (mod && key.toLowerCase() === 'a') { model.selectAll(); return true; }
  if (key === 'Escape' && model.selected.peek().size > 0) { model.clear(); return true; }
  if (key === '*') { model.toggleAll(true); return true; }
  if (!node) return false;
  const isRtl = document.documentElement.dir === 'rtl';
  if (key === 'ArrowRight' || key === 'ArrowLeft') {
    const next = step(model, node, (key === 'ArrowRight') !== isRtl);
    if (next) goTo(next);
  } else if (key === ' ' && mod) model.select(node, { adds: true });
  else if (key === ' ') model.tick(model.targetsOf(node));
  else if (key === 'Enter') openNode(model, node);
  else if (key === 'F2') model.renaming.value = node.key;
  else if (key === 'ContextMenu' || (key === 'F10' && shiftKey)) showMenu(model, event, at);
  else return false;
  return true;
}

/** Opens or closes a folder; downloads a complete file. @param {FilesModel} model @param {Node} node */
export function openNode(model, node) {
  if (!node.file) model.toggle(node);
  else if (isComplete(node.file)) downloadAll(model, [node.file]);
}

/** @param {FilesModel} model @param {KeyboardEvent} event @param {number} index */
function showMenu(model, event, index) {
  const grid = /** @type {HTMLElement} */ (event.currentTarget);
  const row = document.getElementById(`${grid.id}-${index}`);
  const node = model.nodes.peek()[index];
  openMenu(fileItems(model, node, priorityOf(node)), { anchor: row?.querySelector('.d-file-text') ?? row ?? grid });
}
