/** Toolbar above the list: actions for the selection, how much is selected, columns and row height. */

/** @import { App } from '../../app.js' */
/** @import { MenuItem } from '../../ui/menu.js' */

import { html, when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { COLUMNS, COLUMN_ORDER } from '../../columns.js';
import { canRun, commandOf, runCommand, selectionSummary } from '../../commands.js';
import { keyText } from '../../keyboard.js';
import { DENSITIES, sortBy } from '../../query.js';
import { button } from '../../ui/button.js';
import { menuButton } from '../../ui/menu.js';
import { layoutOf } from './layout.js';
import { contextMenu } from './menu.js';

/** Commands with a button of their own. */
const MAIN = ['start', 'stop', 'remove'], FURTHER = ['move', 'tags', 'limits'];

/** @param {App} app */
export const toolbar = (app) => html`<div class="t-toolbar">
  ${when(app.isPhone, () => phoneTools(app), () => tools(app))}</div>`;

/** @param {App} app */
function tools(app) {
  const summary = computed(() => selectionSummary(app));
  /** @param {string} id */
  const action = (id) => {
    const command = commandOf(id);
    const isDisabled = computed(() => !canRun(command, summary.value));
    return button({
      label: () => app.t(command.label), icon: command.icon, iconOnly: true, kind: 'ghost', disabled: isDisabled,
      keys: ariaKeys(command.keys[0]), title: () => withKey(app.t(command.label), keyText(command, app)),
      onClick: () => { runCommand(app, command, app.selection.list()); },
    });
  };
  const more = menuButton({
    label: () => app.t('action.more'), icon: 'more', iconOnly: true,
    items: () => contextMenu(app, app.selection.list()),
  });
  const hasNone = computed(() => app.selection.count.value === 0);
  return html`<div class="t-tools" role="toolbar" aria-label=${() => app.t('table.selection')} @keydown=${moveFocus}>
      ${MAIN.map(action)}<span class="t-tools-line" aria-hidden="true"></span>${FURTHER.map(action)}
      <span class="t-tools-more" ?inert=${hasNone} class:t-disabled=${hasNone}>${more}</span></div>
    ${countText(app)}
    <div class="t-tools-end">${menuButton({ label: () => app.t('table.view'), icon: 'columns', iconOnly: true,
      items: () => viewItems(app) })}</div>`;
}

/** @param {App} app */
const phoneTools = (app) => html`${countText(app)}<div class="t-tools-end">${menuButton({
  label: () => sortLabel(app), items: () => sortItems(app) })}</div>`;

/** What is selected, else how many torrents there are. @param {App} app */
const countText = (app) => html`<p class="t-count">${() => {
  const { count } = app.selection;
  const total = app.live.total.value;
  if (count.value > 0) return app.t('table.selected_of', { count: count.value, total: app.f().count(total) });
  return app.live.shown.value && !app.live.problem.value ? app.t('list.total', { count: total }) : null;
}}</p><span class="k-hidden" role="status">${() =>
  (app.selection.count.value > 0 ? app.t('list.selected', { count: app.selection.count.value }) : null)}</span>`;

/** Row heights and columns. @param {App} app @returns {MenuItem[]} */
function viewItems(app) {
  const layout = layoutOf(app);
  const heights = DENSITIES.map((density) => ({
    label: app.t(`density.${density}`), checked: layout.density.peek() === density,
    onSelect: () => layout.setDensity(density),
  }));
  return [...heights, 'separator',
    { label: app.t('columns.choose'), icon: 'columns', onSelect: () => app.dialogs.columns() },
    { label: app.t('columns.reset'), onSelect: () => layout.reset() }];
}

/** @param {App} app */
function sortLabel(app) {
  const [{ key, isDescending }] = app.view.value.sort;
  return `${app.t(COLUMNS[key].label)} ${isDescending ? '↓' : '↑'}`;
}

/** Sort order without a header. @param {App} app @returns {MenuItem[]} */
function sortItems(app) {
  const { sort } = app.view.peek();
  return COLUMN_ORDER.flatMap((column) => {
    const { sort: key, label } = COLUMNS[column];
    if (!key) return [];
    const known = sort[0].key === key ? sort[0] : null;
    return [{
      label: app.t(label), checked: known !== null, keys: known ? (known.isDescending ? '↓' : '↑') : undefined,
      onSelect: () => app.setView({ sort: sortBy(sort, key) }),
    }];
  });
}

/** @param {string} label @param {string | undefined} key */
const withKey = (label, key) => (key ? `${label} (${key})` : label);

/** Key in the form of the attribute. @param {string | undefined} key */
const ariaKeys = (key) => key?.replace('Mod', 'Control');

/** Arrow keys move among the buttons of a toolbar. @param {KeyboardEvent} event */
function moveFocus(event) {
  const bar = /** @type {HTMLElement} */ (event.currentTarget);
  if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
  const buttons = /** @type {HTMLElement[]} */ ([...bar.querySelectorAll('button:not(:disabled)')]);
  const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
  const step = (event.key === 'ArrowRight') === (getComputedStyle(bar).direction === 'ltr') ? 1 : -1;
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
}
