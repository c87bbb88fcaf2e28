/** Rows of the table: cells by column, marks of selection and cursor. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { ColumnDef } from '../../columns.js' */
/** @import { Torrent } from '../../types.js' */
/** @import { Cell } from './cells.js' */
/** @import { Table } from './table.js' */

import { html, toElement } from '../../base/html.js';
import { computed, effect } from '../../base/signal.js';
import { attributeOf, createCell } from './cells.js';

let lastRow = 0;

/** Renders a row of the table. @param {Table} table @param {ReadonlySignal<Torrent | undefined>} item */
export function renderRow(table, item) {
  const { app, layout } = table;
  const row = toElement(html`<div class="t-row" id=${`t-row-${(lastRow += 1)}`}></div>`);
  /** @type {Cell[]} */
  let cells = [];
  /** @type {readonly ColumnDef[] | null} */
  let defs = null;
  let hasSecondLine = false;

  // One effect for all cells costs less than one each, as they change together.
  effect(() => {
    const [nextDefs, isRoomy] = [layout.defs.value, layout.density.value === 'roomy'];
    if (nextDefs !== defs || isRoomy !== hasSecondLine) {
      [defs, hasSecondLine] = [nextDefs, isRoomy];
      cells = defs.map((def) => createCell(def, { hasSecondLine }));
      row.replaceChildren(...cells.map((cell) => cell.node));
    }
    const torrent = item.value;
    const context = { t: app.t, f: app.f(), clean: app.clean };
    for (const cell of cells) cell.update(torrent, context);
    row.classList.toggle('t-loading', torrent === undefined);
  });
  markRow(table, row, item);
  return row;
}

/** Shows selection and cursor in a row. @param {Table} table @param {HTMLElement} row
 *  @param {ReadonlySignal<Torrent | undefined>} item */
export function markRow({ app, cursor, items, setActive }, row, item) {
  items.set(row, item);
  const setSelected = attributeOf(row, 'aria-selected');
  effect(() => {
    const id = item.value?.id;
    setSelected(String(id !== undefined && app.selection.has(id)));
  });
  const isActive = computed(() => item.value !== undefined && item.value.id === cursor.id.value);
  effect(() => {
    row.classList.toggle('t-active', isActive.value);
    setActive(row, isActive.value);
  });
}
