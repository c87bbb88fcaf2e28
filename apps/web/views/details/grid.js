/** Parts of the tables of the details: heads that sort, cells, and the choice of an order on a phone. */

/** @import { App } from '../../app.js' */
/** @import { Signal } from '../../base/signal.js' */
/** @import { Key } from '../../i18n.js' */
/** @import { MenuItem } from '../../ui/menu.js' */

import { html } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { icon } from '../../ui/icons.js';

/** @template {string} K @typedef {{ key: K, isDescending: boolean }} Order */
/** @template {string} K @typedef {object} GridColumn
 *  @property {K} key also the class of its cells, after `d-`
 *  @property {Key} label
 *  @property {boolean} [isNumber]
 *  @property {boolean} [isFixed] true if the rows cannot be sorted by it */
/** @template {string} K @typedef {object} Grid
 *  @property {App} app
 *  @property {readonly GridColumn<K>[]} columns
 *  @property {Signal<Order<K>>} order
 *  @property {ReadonlySet<K>} largestFirst keys of which users look for the largest values first */

/** Orders outlive their table: it may be shown again. @type {WeakMap<App, Map<string, Signal<any>>>} */
const orders = new WeakMap();

/** Returns the order of a table of the app. @template {string} K @param {App} app @param {string} name
 *  @param {Order<K>} initial @returns {Signal<Order<K>>} */
export function orderOf(app, name, initial) {
  const known = orders.get(app) ?? new Map();
  orders.set(app, known);
  if (!known.has(name)) known.set(name, signal(initial));
  return known.get(name);
}

/** Sorts by a column, or the other way if it is sorted by it.
 *  @template {string} K @param {Grid<K>} grid @param {K} key */
function sortBy({ order, largestFirst }, key) {
  const { key: old, isDescending } = order.peek();
  order.value = { key, isDescending: old === key ? !isDescending : largestFirst.has(key) };
}

/** Row of the heads. @template {string} K @param {Grid<K>} grid */
export function gridHead(grid) {
  const { app, columns, order } = grid;
  /** @param {GridColumn<K>} column */
  const head = ({ key, label, isNumber = false, isFixed = false }) => {
    const text = () => app.t(/** @type {'column.name'} */ (label));
    const isSorted = () => order.value.key === key;
    const direction = () => (!isSorted() ? null : order.value.isDescending ? 'descending' : 'ascending');
    const content = isFixed ? html`<span class="d-head-text">${text}</span>`
      : html`<button type="button" class="d-head-text" @click=${() => sortBy(grid, key)}>
          <span class="d-ellipsis">${text}</span>${() => (!isSorted() ? null
            : icon(order.value.isDescending ? 'sort_down' : 'sort_up', { size: 14 }))}</button>`;
    return html`<div class="d-head" role="columnheader" class:d-num=${isNumber}
      aria-sort=${direction}>${content}</div>`;
  };
  return html`<div class="d-grid-head" role="row" aria-rowindex="1">${columns.map(head)}</div>`;
}

/** Items of a menu that chooses the order, for tables without visible heads.
 *  @template {string} K @param {Grid<K>} grid @returns {MenuItem[]} */
export function orderItems(grid) {
  const { app, columns, order } = grid;
  const now = order.peek();
  return columns.filter(({ isFixed }) => !isFixed).map(({ key, label }) => ({
    label: app.t(/** @type {'column.name'} */ (label)), checked: now.key === key,
    ...(now.key === key && { icon: now.isDescending ? 'sort_down' : 'sort_up' }),
    onSelect: () => sortBy(grid, key),
  }));
}

/** Thin bar with its percentage as a text. @param {App} app @param {() => number | null} value */
export const partBar = (app, value) => html`<span class="d-part">
  <span class="d-part-track" class:d-part-done=${() => (value() ?? 0) >= 1}><span class="d-part-bar"
    style:transform=${() => `scaleX(${value() ?? 0})`}></span></span>
  <span class="d-part-text">${() => { const part = value(); return part === null ? '' : app.f().percent(part); }}</span>
</span>`;
