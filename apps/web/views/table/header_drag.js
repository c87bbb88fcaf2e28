/** Width and order of columns by drag. */

/** @import { ColumnKey } from '../../query.js' */
/** @import { Table } from './table.js' */

import { moved, resized } from '../../columns.js';

/** Distance from which a press on a header is a drag. */
const SLOP_PX = 6;
/** Room around the content of a cell that is fitted, for its padding. */
const PADDING_PX = 26;
/** Width of the bar beside the figures of the progress. */
const BAR_PX = 56;

/** @param {Element} element */
const isRtl = (element) => getComputedStyle(element).direction === 'rtl';

/** Changes the width of a column by its handle. A double click fits it to its content.
 *  @param {Table} table @param {HTMLElement} handle @param {ColumnKey} key */
export function watchResize(table, handle, key) {
  let startX = 0, startPx = 0;
  /** @param {PointerEvent} event */
  const onMove = (event) => {
    const moved = (event.clientX - startX) * (isRtl(handle) ? -1 : 1);
    if (moved !== 0) table.layout.dragWidth(key, startPx + moved);
  };
  const onEnd = () => {
    handle.removeEventListener('pointermove', onMove);
    table.layout.endDrag();
  };
  handle.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    startX = event.clientX;
    startPx = handle.parentElement?.getBoundingClientRect().width ?? 0;
    handle.setPointerCapture(event.pointerId);
    handle.addEventListener('pointermove', onMove);
    handle.addEventListener('lostpointercapture', onEnd, { once: true });
  });
  handle.addEventListener('dblclick', () => fitColumn(table, key));
}

/** Gives a column the width of its widest content in view. @param {Table} table @param {ColumnKey} key */
export function fitColumn({ scroller, layout }, key) {
  const range = document.createRange();
  /** @param {Element} element */
  const widthOf = (element) => {
    range.selectNodeContents(element);
    return range.getBoundingClientRect().width;
  };
  const cells = [...scroller.querySelectorAll(`.t-c-${key}, [data-key=${key}] .t-th-label`)];
  const widest = Math.max(0, ...cells.map(widthOf));
  layout.change(resized(layout.columns.peek(), key, widest + PADDING_PX + (key === 'progress' ? BAR_PX : 0)));
}

/** Moves columns by drag. @param {Table} table @param {HTMLElement} row */
export function watchColumnDrag(table, row) {
  /** @type {{ cell: HTMLElement, pointer: number, x: number } | null} */
  let pressed = null;
  /** @type {number | null} Index before which the column goes. */
  let target = null;

  const cells = () => /** @type {HTMLElement[]} */ ([...row.children].filter((child) => child.matches('.t-th')));
  /** Returns the index of the gap at a place. @param {number} x */
  const gapAt = (x) => {
    const sign = isRtl(row) ? -1 : 1;
    const after = cells().findIndex((cell) => {
      const { left, width } = cell.getBoundingClientRect();
      return (x - left - width / 2) * sign < 0;
    });
    return after < 0 ? cells().length : after;
  };
  const mark = () => cells().forEach((cell, i, all) => {
    cell.classList.toggle('t-drop-before', target === i);
    cell.classList.toggle('t-drop-after', target === all.length && i === all.length - 1);
    cell.classList.toggle('t-dragged', target !== null && cell === pressed?.cell);
  });
  /** @param {boolean} drops */
  const end = (drops) => {
    const [moving, gap] = [pressed, target];
    target = null;
    mark();
    pressed = null;
    // The click that follows must not sort.
    setTimeout(() => { table.isDragging = false; });
    if (!drops || !moving || gap === null) return;
    const at = cells().indexOf(moving.cell);
    const key = /** @type {ColumnKey} */ (moving.cell.dataset.key);
    table.layout.change(moved(table.layout.columns.peek(), key, gap > at ? gap - 1 : gap));
  };

  row.addEventListener('pointerdown', (event) => {
    const cell = /** @type {Element} */ (event.target).closest('.t-th');
    // A finger scrolls.
    if (event.button !== 0 || event.pointerType === 'touch' || !cell) return;
    pressed = { cell: /** @type {HTMLElement} */ (cell), pointer: event.pointerId, x: event.clientX };
  });
  row.addEventListener('pointermove', (event) => {
    if (!pressed) return;
    // The button may have come up outside of the window.
    if (!(event.buttons & 1)) return end(false);
    if (target === null && Math.abs(event.clientX - pressed.x) < SLOP_PX) return;
    if (target === null) row.setPointerCapture(pressed.pointer);
    table.isDragging = true;
    target = gapAt(event.clientX);
    mark();
  });
  row.addEventListener('pointerup', () => end(true));
  row.addEventListener('pointercancel', () => end(false));
  row.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || target === null) return;
    event.stopPropagation();
    end(false);
  });
}
