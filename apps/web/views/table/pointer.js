/** Mouse and touch on rows, of the table and of the cards. */

/** @import { Table } from './table.js' */

import { onCleanup } from '../../base/signal.js';
import { isAdding, isMenuClick } from '../../input.js';
import { indexOf } from '../../selection.js';
import { openMenu } from '../../ui/menu.js';
import { contextMenu } from './menu.js';

/** Time after which a touch selects, and the distance that ends it. */
const LONG_PRESS_MS = 450, SLOP_PX = 10;

/** Watches the rows of a list.
 *  @param {Table} table @param {{ tapOpens: boolean }} options true if a tap shows the details */
export function watchPointer(table, { tapOpens }) {
  const { app, scroller, items, selector } = table;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let press;
  let start = { x: 0, y: 0 };
  let isTouch = false, isPressed = false;

  /** Returns the row of an event and its torrent. @param {Event} event */
  const hit = (event) => {
    const row = /** @type {Element} */ (event.target).closest('.t-row');
    const id = row ? items.get(row)?.peek()?.id : undefined;
    if (!row || id === undefined) return null;
    // The list may have changed since the row was drawn.
    const found = indexOf(app.live.snapshot.peek(), id);
    return { row, place: { id, index: found < 0 ? Number(row.ariaRowIndex) - 1 - table.headerRows : found } };
  };

  /** @param {PointerEvent} event */
  const onDown = (event) => {
    isTouch = event.pointerType === 'touch';
    isPressed = false;
    clearTimeout(press);
    if (!isTouch || !event.isPrimary) return;
    start = { x: event.clientX, y: event.clientY };
    press = setTimeout(() => {
      const found = hit(event);
      if (!found) return;
      isPressed = true;
      selector.to(found.place, { adds: true });
      globalThis.navigator?.vibrate?.(10);
    }, LONG_PRESS_MS);
  };
  /** @param {PointerEvent} event */
  const onMove = ({ clientX, clientY }) => {
    if (Math.hypot(clientX - start.x, clientY - start.y) > SLOP_PX) clearTimeout(press);
  };
  const endPress = () => clearTimeout(press);

  // A mouse selects as the button goes down: rows may move before it comes up.
  /** @param {MouseEvent} event */
  const onMouseDown = (event) => {
    if (isTouch || event.button !== 0 || isMenuClick(event)) return;
    const found = hit(event);
    if (!found) return;
    selector.to(found.place, { isRange: event.shiftKey, adds: isAdding(event) });
  };
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    if (!isTouch || isPressed) return;
    const found = hit(event);
    if (!found) return;
    const selects = app.selection.count.peek() > 0 && (tapOpens || app.selection.count.peek() > 1);
    if (selects) selector.to(found.place, { adds: true });
    else if (tapOpens) app.opened.value = found.place.id;
    else selector.to(found.place);
  };
  /** @param {MouseEvent} event */
  const onDoubleClick = (event) => {
    const found = hit(event);
    // The first of the two clicks chose the torrent; another may be at its place by now.
    const { id } = table.cursor.place();
    if (found && id !== null && !event.ctrlKey && !event.metaKey && !event.shiftKey) app.opened.value = id;
  };
  /** @param {MouseEvent} event */
  const onContextMenu = (event) => {
    const isKey = event.button !== 2 && !isTouch && !event.ctrlKey;
    const found = isKey ? null : hit(event);
    if (!found && !isKey) return;
    event.preventDefault();
    // A long touch selects.
    if (isTouch) return;
    if (found && !app.selection.ids.peek().has(found.place.id)) selector.to(found.place);
    const ids = app.selection.list();
    if (ids.length === 0) return;
    const box = isKey ? scroller.querySelector('.t-active')?.getBoundingClientRect() : undefined;
    const isRtl = getComputedStyle(scroller).direction === 'rtl';
    const place = box ? { x: isRtl ? box.right : box.left, y: box.bottom } : { x: event.clientX, y: event.clientY };
    openMenu(contextMenu(app, ids), place, { label: app.t('action.more') });
  };
  /** Shows the text of a cell that is cut. @param {PointerEvent} event */
  const onOver = (event) => {
    const cell = /** @type {HTMLElement} */ (event.target);
    if (isTouch || !cell.matches('.t-cell, .t-name, .t-second')) return;
    const text = cell.scrollWidth > cell.clientWidth ? cell.textContent ?? '' : '';
    if (cell.title !== text) cell.title = text;
  };

  const listeners = /** @type {const} */ ([['pointerdown', onDown], ['pointermove', onMove], ['pointerup', endPress],
    ['pointercancel', endPress], ['mousedown', onMouseDown], ['click', onClick], ['dblclick', onDoubleClick],
    ['contextmenu', onContextMenu], ['pointerover', onOver]]);
  for (const [name, listener] of listeners) {
    scroller.addEventListener(name, /** @type {EventListener} */ (listener), { passive: name === 'pointermove' });
  }
  scroller.addEventListener('scroll', endPress, { passive: true });
  onCleanup(endPress);
}
