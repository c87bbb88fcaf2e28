/**
 * Virtual list: shows a few of many rows in a scroll container. The rows themselves are elsewhere, as on a server.
 *
 * Positions are counted in rows: the top is the index of the row at the upper edge, with a fraction. Each animation
 * frame first reads from the DOM and then writes. The style sheet base.css places the rows.
 */

/** @import { ReadonlySignal, Signal } from './signal.js' */

import { arrange, html, toElement } from './html.js';
import { batch, computed, effect, onCleanup, scope, signal } from './signal.js';

/** Height above which the scroll space is scaled, in CSS pixels. Browsers have limits from 10,000,000 on. */
const MAX_SPACE_PX = 8_000_000;
/** Time without a change after which the list is at rest, in milliseconds. */
const REST_MS = 120;

/** @template T @typedef {{ total: number, first: number, rows: readonly T[] }} Snapshot
 *    Number of all rows, and the loaded rows from the index `first` on. */
/** @template T @typedef {{ item: Signal<T | undefined>, index: Signal<number>, node: Element, dispose: () => void }}
 *    Row */
/** @template T @typedef {object} ListOptions
 *  @property {HTMLElement} scroller scroll container, with the role of a grid or a table
 *  @property {ReadonlySignal<Snapshot<T>>} source
 *  @property {ReadonlySignal<number>} rowHeight in CSS pixels
 *  @property {(item: T) => unknown} keyOf identity of a row
 *  @property {(item: ReadonlySignal<T | undefined>, index: ReadonlySignal<number>) => Node} render returns one
 *    element; the item is undefined until its row is loaded
 *  @property {(first: number, count: number) => void} onWindow requests the rows of a window, which may pass the end
 *  @property {number} [overscan] number of rows rendered above and below the visible ones
 *  @property {number} [headerRows] number of rows that precede the list in the grid */

/** Computes the measures of a list.
 *  @param {number} total number of rows @param {number} rowHeight in pixels @param {number} viewHeight in pixels */
export function layoutOf(total, rowHeight, viewHeight) {
  const viewRows = viewHeight / rowHeight;
  const maxTop = Math.max(0, total - viewRows);
  const spacePx = Math.min(total * rowHeight, MAX_SPACE_PX);
  // Distance that the scroll bar moves for one row; less than the row if the space is scaled.
  const scrollPxPerRow = spacePx < total * rowHeight ? (spacePx - viewHeight) / maxTop : rowHeight;
  return { total, rowHeight, viewRows, maxTop, spacePx, scrollPxPerRow };
}

/** Returns the rows to render, without regard to the end of the list.
 *  @param {number} top @param {number} viewRows @param {number} overscan */
export function windowAt(top, viewRows, overscan) {
  const first = Math.max(0, Math.floor(top) - overscan);
  return { first, count: Math.ceil(top + viewRows) + overscan - first };
}

/** Returns the nearest top at which a row is visible as a whole.
 *  @param {number} index @param {number} top @param {number} viewRows */
export const topToShow = (index, top, viewRows) => Math.min(index, Math.max(top, index + 1 - viewRows));

/** Returns the distance by which more than half of the visible rows have moved, or 0 if there is none.
 *  @template T @param {Snapshot<T>} before @param {Snapshot<T>} after @param {(item: T) => unknown} keyOf
 *  @param {number} top @param {number} viewRows */
export function commonShift(before, after, keyOf, top, viewRows) {
  const indexes = new Map(after.rows.map((item, i) => /** @type {const} */ ([keyOf(item), after.first + i])));
  const first = Math.max(before.first, Math.floor(top));
  const visible = before.rows.slice(first - before.first, Math.max(first, Math.ceil(top + viewRows)) - before.first);
  const shifts = visible.map((item, i) => (indexes.get(keyOf(item)) ?? NaN) - first - i).filter((n) => !isNaN(n));
  const median = shifts.sort((a, b) => a - b)[shifts.length >> 1]; // A majority includes the median.
  return shifts.filter((shift) => shift === median).length * 2 > visible.length ? median : 0;
}

/** Creates a virtual list in the current scope. It keeps its position when rows are inserted above.
 *  @template T @param {ListOptions<T>} options
 *  @returns {{ scrollToIndex: (index: number) => void }} scrolls as far as necessary to show a row */
export function virtualList({ scroller, source, rowHeight, keyOf, render, onWindow, overscan = 8, headerRows = 0 }) {
  const viewHeight = signal(0);
  const measured = computed(() => layoutOf(source.value.total, rowHeight.value, viewHeight.value));
  /** Layout in the document, which only a frame changes. */
  const layout = signal(measured.peek());
  /** Distance of row 0 from the start of the space, in pixels; other than 0 only in a scaled space. */
  const origin = signal(0);
  /** @type {Map<number, Row<T>>} Rows in the document, by index. */
  let rows = new Map();
  /** @type {Row<T>[]} */
  const spare = [];
  let requested = { first: 0, count: 0 }, shown = source.peek(), frame = 0, rest = 0;
  /** @type {number | null} Index of the row to scroll to. */
  let target = null;

  const space = toElement(html`<div class="virtual-space" role="rowgroup"
    style:height=${() => `${layout.value.spacePx}px`}
    style:--row-height=${() => `${layout.value.rowHeight}px`}></div>`);
  scroller.classList.add('virtual-list');
  scroller.append(space);
  effect(() => scroller.setAttribute('aria-rowcount', String(layout.value.total + headerRows)));

  const order = () => arrange(space, [...rows.values()].map((row) => row.node));
  const schedule = () => { clearTimeout(rest); frame ||= requestAnimationFrame(draw); };
  // Layout is clean when an observer runs. A header in the scroller covers the upper part of the view.
  const observer = new ResizeObserver(() => (viewHeight.value = scroller.clientHeight - space.offsetTop));
  observer.observe(scroller);
  scroller.addEventListener('scroll', schedule, { passive: true });
  effect(() => { [source.value, measured.value]; schedule(); });
  onCleanup(() => {
    cancelAnimationFrame(frame), clearTimeout(rest);
    observer.disconnect();
    scroller.removeEventListener('scroll', schedule);
    for (const row of [...rows.values(), ...spare]) row.dispose();
    space.remove();
  });
  return { scrollToIndex: (index) => { target = index; schedule(); } };

  function draw() {
    frame = 0;
    if (viewHeight.peek() <= 0) return; // The list is hidden.
    const scrollPx = scroller.scrollTop;
    const old = layout.peek();
    const next = measured.peek();
    const snapshot = source.peek();
    const oldTop = clamp(scrollPx / old.scrollPxPerRow, old.maxTop);
    // At the very top, rows inserted above come into view.
    const shift = snapshot === shown || oldTop === 0 ? 0 : commonShift(shown, snapshot, keyOf, oldTop, old.viewRows);
    const kept = oldTop + shift;
    const top = clamp(target === null ? kept : topToShow(target, kept, next.viewRows), next.maxTop);
    const topPx = top * next.scrollPxPerRow;
    const window = windowAt(top, next.viewRows, overscan);
    [shown, target] = [snapshot, null];

    if (shift !== 0) rows = new Map([...rows].map(([index, row]) => [index + shift, row]));
    batch(() => {
      layout.value = next;
      origin.value = topPx - top * next.rowHeight;
      fill(snapshot, window);
    });
    rows = new Map([...rows].sort(([a], [b]) => a - b));
    // The order of the nodes matters to screen readers only: they are put in order when the list is at rest.
    if (space.childElementCount !== rows.size) order();
    rest = setTimeout(order, REST_MS);
    if (Math.abs(topPx - oldTop * old.scrollPxPerRow) >= 1) scroller.scrollTop = topPx;
    if (window.first === requested.first && window.count === requested.count) return;
    onWindow((requested = window).first, window.count);
  }

  /** Gives each index of the window a row, and each row its item.
   *  @param {Snapshot<T>} snapshot @param {{ first: number, count: number }} window */
  function fill({ total, first, rows: items }, window) {
    const end = Math.min(window.first + window.count, total);
    for (const [index, row] of rows) {
      // The row with the focus stays, so that the keyboard keeps its place.
      const outside = index < window.first || index >= end;
      const focused = outside && index < total && row.node.contains(document.activeElement);
      if (!outside || focused) continue;
      rows.delete(index);
      row.item.value = undefined;
      spare.push(row);
    }
    for (let index = window.first; index < end; index += 1) {
      if (!rows.has(index)) rows.set(index, spare.shift() ?? createRow());
    }
    for (const [index, row] of rows) {
      row.index.value = index;
      row.item.value = items[index - first] ?? row.item.peek(); // Shows the old item until the new one is loaded.
    }
  }

  /** @returns {Row<T>} */
  function createRow() {
    const [item, index] = [signal(/** @type {T | undefined} */ (undefined)), signal(0)];
    const [node, dispose] = scope(() => {
      const element = toElement(render(item, index));
      element.classList.add('virtual-row');
      element.setAttribute('role', 'row');
      effect(() => element.setAttribute('aria-rowindex', String(index.value + headerRows + 1)));
      const y = computed(() => origin.value + index.value * layout.value.rowHeight);
      effect(() => element.style.setProperty('transform', `translateY(${y.value}px)`));
      return element;
    });
    return { item, index, node, dispose };
  }
}

/** @param {number} value @param {number} max */
const clamp = (value, max) => Math.min(Math.max(0, value), max);
