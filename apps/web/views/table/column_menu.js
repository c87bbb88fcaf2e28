/** Menu of a column header. */

/** @import { ColumnDef } from '../../columns.js' */
/** @import { MenuItem } from '../../ui/menu.js' */
/** @import { Table } from './table.js' */

import { moved, toggled } from '../../columns.js';
import { withoutSort } from '../../query.js';
import { fitColumn } from './header_drag.js';

/** @param {Table} table @param {ColumnDef} def @returns {MenuItem[]} */
export function columnMenu(table, def) {
  const { app, layout } = table;
  const columns = layout.columns.peek();
  const at = columns.findIndex(({ key }) => key === def.key);
  return [
    ...sortItems(table, def),
    { label: app.t('table.move_to_start'), disabled: at === 0,
      onSelect: () => layout.change(moved(columns, def.key, at - 1)) },
    { label: app.t('table.move_to_end'), disabled: at === columns.length - 1,
      onSelect: () => layout.change(moved(columns, def.key, at + 1)) },
    { label: app.t('table.fit'), onSelect: () => fitColumn(table, def.key) },
    { label: app.t('table.hide'), icon: 'eye_off', disabled: columns.length === 1,
      onSelect: () => layout.change(toggled(columns, def.key)) },
    'separator',
    { label: app.t('columns.choose'), icon: 'columns', onSelect: () => app.dialogs.columns() },
    { label: app.t('columns.reset'), onSelect: () => layout.reset() },
  ];
}

/** @param {Table} table @param {ColumnDef} def @returns {MenuItem[]} */
function sortItems({ app }, { sort: key }) {
  if (!key) return [];
  const { sort } = app.view.peek();
  const known = sort.find((item) => item.key === key);
  const others = sort.filter((item) => item.key !== key);
  /** @param {boolean} isDescending @returns {MenuItem} */
  const only = (isDescending) => ({
    label: app.t(isDescending ? 'table.sort_descending' : 'table.sort_ascending'),
    icon: isDescending ? 'sort_down' : 'sort_up',
    checked: known !== undefined && known.isDescending === isDescending,
    // A column of several keeps its place in the order.
    onSelect: () => app.setView({ sort: known ? sort.map((item) => (item === known ? { key, isDescending } : item))
      : [{ key, isDescending }] }),
  });
  const also = known ? [] : [{
    label: app.t('table.sort_also'), onSelect: () => app.setView({ sort: [...sort, { key, isDescending: false }] }),
  }];
  const not = known && others.length > 0 ? [{
    label: app.t('table.sort_not'), onSelect: () => app.setView({ sort: withoutSort(sort, key) }),
  }] : [];
  return [only(false), only(true), ...also, ...not, 'separator'];
}
