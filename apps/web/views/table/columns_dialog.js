/** Dialog that chooses columns and their order. It takes effect at once. */

/** @import { App } from '../../app.js' */
/** @import { ColumnKey, Density } from '../../query.js' */

import { each, html } from '../../base/html.js';
import { computed, effect, signal } from '../../base/signal.js';
import { COLUMNS, COLUMN_ORDER, moved, toggled } from '../../columns.js';
import { DENSITIES } from '../../query.js';
import { button } from '../../ui/button.js';
import { openDialog } from '../../ui/dialog.js';
import { radioGroup, switchField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { layoutOf } from './layout.js';

/** @param {App} app */
export async function openColumns(app) {
  const layout = layoutOf(app);
  const dialog = openDialog({
    title: () => app.t('columns.choose'), size: 'medium',
    body: () => [columnList(app), density(app), ownSwitch(app)],
    footer: ({ close }) => [
      button({ label: () => app.t('columns.reset'), kind: 'ghost', onClick: () => layout.reset() }),
      button({ label: () => app.t('dialog.close'), kind: 'primary', onClick: () => close() }),
    ],
  });
  await dialog.closed;
}

/** Shown columns in their order, then the others. @param {App} app */
function columnList(app) {
  const layout = layoutOf(app);
  const said = signal('');
  const shown = computed(() => layout.defs.value.map(({ key }) => key));
  const all = computed(() => [...shown.value, ...COLUMN_ORDER.filter((key) => !shown.value.includes(key))]);
  /** @param {ColumnKey} key @param {number} step */
  const move = (key, step) => {
    const index = shown.peek().indexOf(key) + step;
    if (index < 0 || index >= shown.peek().length || index === step - 1) return;
    layout.change(moved(layout.columns.peek(), key, index));
    said.value = app.t('table.place_is', { name: app.t(COLUMNS[key].label), position: app.f().count(index + 1) });
  };
  /** @param {ColumnKey} key */
  const item = (key) => {
    const isShown = computed(() => shown.value.includes(key));
    const isFirst = computed(() => shown.value[0] === key);
    const isLast = computed(() => shown.value[shown.value.length - 1] === key);
    const label = () => app.t(COLUMNS[key].label);
    const id = `t-column-${key}`;
    /** @param {Event} event */
    const onChange = (event) => {
      layout.change(toggled(layout.columns.peek(), key));
      // The last column stays.
      /** @type {HTMLInputElement} */ (event.target).checked = shown.peek().includes(key);
    };
    /** @param {'up' | 'down'} direction @param {number} step @param {() => boolean} isDisabled */
    const mover = (direction, step, isDisabled) => button({
      label: () => app.t(direction === 'up' ? 'table.move_to_start' : 'table.move_to_end'), icon: direction,
      iconOnly: true, kind: 'ghost', disabled: isDisabled, onClick: () => move(key, step),
    });
    return html`<li class="t-choice" data-key=${key} class:t-choice-shown=${isShown}
      draggable=${() => (isShown.value ? 'true' : null)}>
      <span class="t-choice-handle">${icon('drag', { size: 16 })}</span>
      <input type="checkbox" id=${id} .checked=${isShown} @change=${onChange}/>
      <label for=${id}>${label}</label>
      <span class="t-choice-move" ?hidden=${() => !isShown.value}>
        ${mover('up', -1, () => isFirst.value)}${mover('down', 1, () => isLast.value)}</span></li>`;
  };
  const list = /** @type {HTMLElement} */ (html`<ul class="t-choices">${each(all, (key) => key, (_, key) =>
    item(key))}</ul>`);
  watchDrag(list, (key, index) => layout.change(moved(layout.columns.peek(), key, index)));
  return html`${list}<div class="k-hidden" role="status">${said}</div>`;
}

/** Moves items by drag. @param {HTMLElement} list @param {(key: ColumnKey, index: number) => void} move */
function watchDrag(list, move) {
  /** @type {HTMLElement | null} */
  let dragged = null;
  /** @param {Event} event */
  const itemAt = ({ target }) => /** @type {HTMLElement | null} */ (
    target instanceof Element ? target.closest('.t-choice-shown') : null);
  list.addEventListener('dragstart', (event) => {
    dragged = itemAt(event);
    event.dataTransfer?.setData('text/plain', dragged?.textContent?.trim() ?? '');
  });
  list.addEventListener('dragover', (event) => {
    const item = itemAt(event);
    if (!dragged || !item) return;
    event.preventDefault();
    if (item !== dragged) move(/** @type {ColumnKey} */ (dragged.dataset.key), [...list.children].indexOf(item));
  });
  list.addEventListener('dragend', () => { dragged = null; });
  // A drop elsewhere would be taken as text to add.
  list.addEventListener('drop', (event) => { event.preventDefault(); event.stopPropagation(); });
}

/** @param {App} app */
function density(app) {
  const layout = layoutOf(app);
  const value = signal(/** @type {string} */ (layout.density.peek()));
  effect(() => { if (value.value !== layout.density.peek()) layout.setDensity(/** @type {Density} */ (value.value)); });
  return radioGroup({
    label: () => app.t('density.label'), value, segments: true,
    options: DENSITIES.map((key) => ({ value: key, label: app.t(`density.${key}`) })),
  });
}

/** @param {App} app */
function ownSwitch(app) {
  const layout = layoutOf(app);
  const checked = signal(layout.isOwn.peek());
  effect(() => { if (checked.value !== layout.isOwn.peek()) layout.setOwn(checked.value); });
  return switchField({
    label: () => app.t('table.own_columns'), help: () => app.t('table.own_columns_hint'), checked,
  });
}
