/** Header of the table: sort, width and order of the columns, by mouse and keyboard. */

/** @import { ColumnDef } from '../../columns.js' */
/** @import { SortKey } from '../../query.js' */
/** @import { Table } from './table.js' */

import { each, html, toElement } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { moved, resized, widthOf } from '../../columns.js';
import { keyOf } from '../../keyboard.js';
import { sortBy } from '../../query.js';
import { openMenu } from '../../ui/menu.js';
import { columnMenu } from './column_menu.js';
import { watchColumnDrag, watchResize } from './header_drag.js';

/** Step of a width by keyboard, in CSS pixels. */
const STEP_PX = 16;

/** @param {Table} table */
export function header(table) {
  const { app, layout } = table;
  /** Key of the column that is reached by Tab. */
  const stop = signal(/** @type {string | null} */ (null));
  const stopKey = computed(() => {
    const keys = layout.defs.value.map(({ key }) => key);
    return keys.find((key) => key === stop.value) ?? keys[0];
  });
  const row = toElement(html`<div class="t-head-row" role="row" aria-rowindex="1" @keydown=${onKey}>
    ${each(() => layout.defs.value, ({ key }) => key, (def) => headerCell(table, def.value, () => stopKey.value))}
  </div>`);
  watchColumnDrag(table, row);
  return toElement(html`<div class="t-head" role="rowgroup" @focusin=${onFocus} @contextmenu=${onMenu}>${row}</div>`);

  /** @param {Event} event */
  function keyAt({ target }) {
    const cell = target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest('.t-th')) : null;
    const key = cell?.dataset.key;
    return layout.defs.peek().find((def) => def.key === key) ?? null;
  }
  /** @param {Event} event */
  function onFocus(event) {
    const def = keyAt(event);
    if (def) stop.value = def.key;
  }
  /** @param {MouseEvent} event */
  function onMenu(event) {
    const def = keyAt(event);
    if (!def) return;
    event.preventDefault();
    const button = /** @type {Element} */ (row.querySelector(`[data-key=${def.key}] .t-th-button`));
    const place = event.button === 2 ? { x: event.clientX, y: event.clientY } : { anchor: button };
    openMenu(columnMenu(table, def), place, { label: app.t(def.label) });
  }
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const def = keyAt(event);
    if (!def) return;
    const isRtl = getComputedStyle(row).direction === 'rtl';
    const step = { ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1 }[event.key] ?? 0;
    const key = keyOf(event).replace(/Arrow(Left|Right)$/, 'Arrow');
    const columns = layout.columns.peek();
    const at = columns.findIndex((column) => column.key === def.key);
    if (key === 'Arrow') focusCell(columns[at + step]?.key);
    else if (key === 'Shift+Arrow') {
      layout.change(resized(columns, def.key, shownWidth(def.key) + step * STEP_PX));
      table.say(app.t('table.width_is', { name: app.t(def.label), count: widthOf(layout.columns.peek()[at]) }));
    } else if (key === 'Mod+Arrow') moveTo(def, at + step);
    else if (key === 'Home') focusCell(columns[0].key);
    else if (key === 'End') focusCell(columns[columns.length - 1].key);
    else if (key === 'ArrowDown') table.scroller.focus({ preventScroll: true });
    else if (key === 'Shift+Enter' && def.sort) sortColumn(table, def.sort, true);
    else return;
    event.preventDefault();
  }
  /** @param {string | undefined} key */
  function focusCell(key) {
    /** @type {HTMLElement | null} */ (key && row.querySelector(`[data-key=${key}] .t-th-button`) || null)?.focus();
  }
  /** @param {string} key */
  function shownWidth(key) {
    return row.querySelector(`[data-key=${key}]`)?.getBoundingClientRect().width ?? 0;
  }
  /** @param {ColumnDef} def @param {number} index */
  function moveTo(def, index) {
    const count = layout.columns.peek().length;
    if (index < 0 || index >= count) return;
    layout.change(moved(layout.columns.peek(), def.key, index));
    table.say(app.t('table.place_is', { name: app.t(def.label), position: app.f().count(index + 1) }));
  }
}

/** Sorts by a column, or by it after others. @param {Table} table @param {SortKey} key @param {boolean} adds */
export const sortColumn = ({ app }, key, adds) => app.setView({ sort: sortBy(app.view.peek().sort, key, adds) });

/** @param {Table} table @param {ColumnDef} def @param {() => string} stopKey */
function headerCell(table, def, stopKey) {
  const { app } = table;
  const sorted = computed(() => {
    const { sort } = app.view.value;
    const at = sort.findIndex(({ key }) => key === def.sort);
    return at < 0 ? null : { ...sort[at], place: sort.length > 1 ? at + 1 : null, isFirst: at === 0 };
  });
  const label = () => app.t(def.label);
  const ariaSort = () => {
    if (!sorted.value?.isFirst) return def.sort ? 'none' : null;
    return sorted.value.isDescending ? 'descending' : 'ascending';
  };
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    if (def.sort && !table.isDragging) sortColumn(table, def.sort, event.shiftKey);
  };
  const handle = toElement(html`<span class="t-resize" aria-hidden="true"></span>`);
  watchResize(table, handle, def.key);
  return html`<div class="t-th" role="columnheader" data-key=${def.key} aria-sort=${ariaSort}
    class:t-end=${def.align === 'end'} class:t-sorted=${() => sorted.value !== null}>
    <button class="t-th-button" type="button" title=${label} tabindex=${() => (stopKey() === def.key ? '0' : '-1')}
      aria-disabled=${def.sort ? null : 'true'} @click=${onClick}>
      <span class="t-th-label">${() => app.t(def.short)}</span>
      <svg class="t-sort" viewBox="0 0 24 24" aria-hidden="true"
        ?hidden=${() => !sorted.value}><path d=${() => (sorted.value?.isDescending ? 'M12 6v12M7 13l5 5 5-5'
          : 'M12 18V6M7 11l5-5 5 5')}/></svg>
      <span class="t-sort-place">${() => (sorted.value?.place ? app.f().count(sorted.value.place) : null)}</span>
    </button>${handle}</div>`;
}
