/**
 * Grid of the week, painted by pointer or keyboard: a row for each day, a cell for each half hour.
 *
 * A drag or Shift with the arrow keys selects a rectangle, which is painted at the end. Fingers paint whole hours.
 */

/** @import { ReadonlySignal } from '../base/signal.js' */
/** @import { App } from '../app.js' */
/** @import { Effect, Week } from './schedule.js' */

import { html } from '../base/html.js';
import { computed, effect as follow, signal, untracked } from '../base/signal.js';
import { uid } from '../ui/values.js';
import { DAY_MINUTES, effectAt, isMixed, isSameEffect } from './schedule.js';
import { dayName, daysInOrder, effectName, hourName, spanName } from './schedule_names.js';

/** @typedef {{ row: number, slot: number }} Place */
/** @typedef {{ rows: [number, number], slots: [number, number] }} Area Both ends are in it. */
/** @typedef {{ day: number, from: number, minutes: number }} Stroke */
/** @typedef {object} GridOptions
 *  @property {App} app
 *  @property {ReadonlySignal<Week>} week
 *  @property {(strokes: readonly Stroke[], erases: boolean) => void} onPaint */

export const SLOT_MINUTES = 30;
const SLOTS = DAY_MINUTES / SLOT_MINUTES, SLOTS_PER_HOUR = 60 / SLOT_MINUTES;
/** Number of colours for limits. */
const LIMIT_COLOURS = 4;

/** Returns the name of the colour of an effect. @param {readonly Effect[]} effects of the week
 *  @param {Effect | null} effect */
export function colourOf(effects, effect) {
  if (!effect) return 'none';
  if (effect.kind !== 'limits') return effect.kind;
  const limits = effects.filter(({ kind }) => kind === 'limits');
  const at = limits.findIndex((other) => isSameEffect(other, effect));
  return `limits-${(at < 0 ? limits.length : at) % LIMIT_COLOURS}`;
}

/** Returns the area between two places; of whole hours for fingers. @param {Place} a @param {Place} b
 *  @param {boolean} isCoarse @returns {Area} */
export function areaOf(a, b, isCoarse) {
  const unit = isCoarse ? SLOTS_PER_HOUR : 1;
  const [first, last] = [Math.min(a.slot, b.slot), Math.max(a.slot, b.slot)];
  return {
    rows: [Math.min(a.row, b.row), Math.max(a.row, b.row)],
    slots: [Math.floor(first / unit) * unit, Math.floor(last / unit) * unit + unit - 1],
  };
}

/** Returns the place that a key leads to; null if it is none.
 *  @param {Place} at @param {string} key @param {boolean} isRtl @param {boolean} isWide true to move by hours
 *  @returns {Place | null} */
export function placeAfter(at, key, isRtl, isWide) {
  const step = isWide ? SLOTS_PER_HOUR : 1;
  const slots = /** @type {Record<string, number>} */ ({
    [isRtl ? 'ArrowLeft' : 'ArrowRight']: at.slot + step, [isRtl ? 'ArrowRight' : 'ArrowLeft']: at.slot - step,
    Home: 0, End: SLOTS - 1,
  });
  const rows = /** @type {Record<string, number>} */ ({
    ArrowDown: at.row + 1, ArrowUp: at.row - 1, PageUp: 0, PageDown: 6,
  });
  if (!Object.hasOwn(slots, key) && !Object.hasOwn(rows, key)) return null;
  const clamp = (/** @type {number} */ value, /** @type {number} */ max) => Math.min(max, Math.max(0, value));
  return { row: clamp(rows[key] ?? at.row, 6), slot: clamp(slots[key] ?? at.slot, SLOTS - 1) };
}

/** @param {GridOptions} options */
export function weekGrid({ app, week, onPaint }) {
  const at = signal(/** @type {Place} */ ({ row: 0, slot: 16 }));
  const anchor = signal(/** @type {Place | null} */ (null));
  /** Place at the pointer. */
  const hover = signal(/** @type {Place | null} */ (null));
  const isCoarse = signal(false);
  const area = computed(() => (anchor.value ? areaOf(anchor.value, at.value, isCoarse.value) : null));
  const locale = app.f().locale;
  const order = daysInOrder(locale);
  const helpId = uid();
  let isDrawing = false;

  const cells = order.map((_, row) => Array.from({ length: SLOTS }, (__, slot) => /** @type {HTMLElement} */ (
    html`<div class="p-cell" role="gridcell" tabindex="-1" data-row=${String(row)} data-slot=${String(slot)}></div>`)));
  // One effect for all cells is cheaper than one for each.
  follow(() => {
    const current = week.value;
    untracked(() => cells.forEach((row, i) => row.forEach((cell, slot) => {
      const start = order[i] * DAY_MINUTES + slot * SLOT_MINUTES;
      show(cell, describe(i, slot, current), colourOf(current.effects, effectAt(current, start)),
        isMixed(current, start, SLOT_MINUTES));
    })));
  });
  follow(() => {
    const selected = area.value, { row: focused, slot } = at.value;
    cells.forEach((row, i) => row.forEach((cell, j) => {
      const isSelected = selected !== null && isIn(i, selected.rows) && isIn(j, selected.slots);
      if (cell.classList.contains('p-cell-selected') !== isSelected) {
        cell.classList.toggle('p-cell-selected', isSelected);
        cell.setAttribute('aria-selected', String(isSelected));
      }
      const tabindex = i === focused && j === slot ? '0' : '-1';
      if (cell.getAttribute('tabindex') !== tabindex) cell.setAttribute('tabindex', tabindex);
    }));
  });

  /** @param {number} row @param {number} slot @param {Week} current */
  function describe(row, slot, current) {
    const from = slot * SLOT_MINUTES, start = order[row] * DAY_MINUTES + from;
    const effect = isMixed(current, start, SLOT_MINUTES) ? app.t('schedule.mixed')
      : effectName(app, effectAt(current, start));
    return app.t('schedule.cell', {
      day: dayName(locale, order[row]), time: spanName(locale, from, from + SLOT_MINUTES), effect,
    });
  }
  const readout = () => {
    const selected = area.value;
    const { row, slot } = hover.value ?? at.value;
    if (!selected) return describe(row, slot, week.value);
    const [from, to] = [selected.slots[0] * SLOT_MINUTES, (selected.slots[1] + 1) * SLOT_MINUTES];
    const days = [...new Set(selected.rows)].map((row) => dayName(locale, order[row])).join('\u2013');
    return `${days} ${spanName(locale, from, to)}`;
  };

  /** @param {boolean} erases */
  const paintArea = (erases) => {
    const { rows, slots } = area.peek() ?? areaOf(at.peek(), at.peek(), false);
    const strokes = order.slice(rows[0], rows[1] + 1).map((day) => ({
      day, from: slots[0] * SLOT_MINUTES, minutes: (slots[1] - slots[0] + 1) * SLOT_MINUTES,
    }));
    anchor.value = null;
    onPaint(strokes, erases);
  };
  /** @param {PointerEvent} event @returns {Place | null} */
  const placeAt = (event) => {
    const cell = /** @type {HTMLElement | null} */ (
      document.elementFromPoint(event.clientX, event.clientY)?.closest('.p-cell') ?? null);
    return cell && grid.contains(cell) ? { row: Number(cell.dataset.row), slot: Number(cell.dataset.slot) } : null;
  };
  /** @param {PointerEvent} event */
  const onDown = (event) => {
    const place = event.button === 0 ? placeAt(event) : null;
    if (!place) return;
    event.preventDefault();
    grid.setPointerCapture(event.pointerId);
    isDrawing = true;
    isCoarse.value = event.pointerType === 'touch';
    anchor.value = place;
    at.value = place;
    cells[place.row][place.slot].focus({ preventScroll: true });
  };
  /** @param {PointerEvent} event */
  const onMove = (event) => {
    const place = placeAt(event);
    hover.value = place;
    if (place && isDrawing) at.value = place;
  };
  const onUp = () => {
    if (!isDrawing) return;
    isDrawing = false;
    if (anchor.peek()) paintArea(false);
  };
  const cancel = () => {
    isDrawing = false;
    anchor.value = null;
  };
  /** @param {FocusEvent} event */
  const onFocus = ({ target }) => {
    const { row, slot } = /** @type {HTMLElement} */ (target).dataset;
    const { row: known, slot: same } = at.peek();
    if (Number(row) !== known || Number(slot) !== same) at.value = { row: Number(row), slot: Number(slot) };
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const isRtl = document.documentElement.dir === 'rtl';
    const next = placeAfter(at.peek(), event.key, isRtl, event.ctrlKey || event.metaKey);
    if (next) {
      isCoarse.value = false;
      anchor.value = event.shiftKey ? anchor.peek() ?? at.peek() : null;
      at.value = next;
      cells[next.row][next.slot].focus({ preventScroll: true });
    } else if (event.key === ' ' || event.key === 'Enter') paintArea(false);
    else if (event.key === 'Delete' || event.key === 'Backspace') paintArea(true);
    else if (event.key === 'Escape' && anchor.peek()) cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const hours = [0, 3, 6, 9, 12, 15, 18, 21];
  /** @type {HTMLElement} */
  const grid = /** @type {HTMLElement} */ (html`<div class="p-grid" role="grid" aria-multiselectable="true"
    aria-label=${app.t('schedule.grid')} aria-describedby=${helpId} @pointerdown=${onDown} @pointermove=${onMove}
    @pointerup=${onUp} @pointercancel=${cancel} @pointerleave=${() => { hover.value = null; }}
    @focusin=${onFocus} @keydown=${onKey}>${order.map((day, row) => html`<div class="p-day"
      role="row"><span class="p-day-name" role="rowheader"><abbr title=${dayName(locale, day)}>${
      dayName(locale, day, 'short')}</abbr></span><div class="p-cells" role="presentation">${cells[row]}</div></div>`)}
  </div>`);
  return html`<div class="p-week">
    <p class="p-readout" aria-hidden="true">${readout}</p>
    <div class="p-hours" aria-hidden="true"><span></span><div class="p-hours-list">${hours.map((hour) =>
      html`<span>${hourName(locale, hour)}</span>`)}</div></div>
    ${grid}<p class="p-help p-keys" id=${helpId}>${app.t('schedule.keys')}</p></div>`;
}

/** @param {HTMLElement} cell @param {string} label @param {string} colour @param {boolean} mixed */
function show(cell, label, colour, mixed) {
  if (cell.getAttribute('aria-label') !== label) cell.setAttribute('aria-label', label);
  if (cell.dataset.effect !== colour) cell.dataset.effect = colour;
  cell.classList.toggle('p-cell-mixed', mixed);
}

/** @param {number} value @param {[number, number]} range */
const isIn = (value, [first, last]) => value >= first && value <= last;
