/** Columns and row height of the list: those of the view if it has its own, else the usual ones of the user. */

/** @import { App } from '../../app.js' */
/** @import { Column, ColumnKey, Density } from '../../query.js' */
/** @import { ColumnDef } from '../../columns.js' */

import { computed, signal } from '../../base/signal.js';
import { COLUMNS, fittingColumns, resized, tracksOf, widthOf } from '../../columns.js';
import { clampWidth, validColumns, validDensity } from '../../query.js';

/** @typedef {ReturnType<typeof createLayout>} Layout */

/** Heights of rows in CSS pixels, as in tokens.css. @type {Record<Density, number>} */
export const ROW_PX = { compact: 28, normal: 36, roomy: 48 };
/** Height that a finger can hit. */
const TOUCH_PX = 44;

/** @type {WeakMap<App, Layout>} */
const layouts = new WeakMap();

/** Returns the layout of the list, of which there is one. @param {App} app */
export function layoutOf(app) {
  const layout = layouts.get(app) ?? createLayout(app);
  layouts.set(app, layout);
  return layout;
}

/** @param {App} app */
function createLayout(app) {
  const usual = app.prefs.define('columns', /** @type {readonly Column[] | null} */ (null), validColumns);
  const usualDensity = app.prefs.define('density', /** @type {Density} */ ('normal'),
    (value) => validDensity(value) ?? 'normal');
  /** Width for columns, which the table measures. */
  const availablePx = signal(globalThis.innerWidth ?? 1200);
  /** @type {import('../../base/signal.js').Signal<{ key: ColumnKey, widthPx: number } | null>} Width while it is
   *  dragged. */
  const draft = signal(/** @type {{ key: ColumnKey, widthPx: number } | null} */ (null));
  const isOwn = computed(() => app.view.value.columns !== null);
  const stored = computed(() => app.view.value.columns ?? usual.value);
  // The text is the value, so that a change of the width within the same columns notifies nobody.
  const fitting = computed(() => fittingColumns(availablePx.value).map(({ key }) => key).join());
  const columns = computed(() => stored.value
    ?? /** @type {readonly Column[]} */ (fitting.value.split(',').map((key) => ({ key, widthPx: null }))));
  const shown = computed(() => {
    const dragged = draft.value;
    return dragged ? resized(columns.value, dragged.key, dragged.widthPx) : columns.value;
  });
  const keys = computed(() => columns.value.map(({ key }) => key).join());
  const density = computed(() => app.view.value.density ?? usualDensity.value);

  /** @param {readonly Column[] | null} next null for the default */
  const change = (next) => {
    if (isOwn.peek()) app.setView({ columns: next });
    else usual.value = next;
  };
  return {
    availablePx,
    /** True if the view has columns of its own. */
    isOwn,
    /** @param {boolean} own */
    setOwn: (own) => app.setView({ columns: own ? columns.peek() : null }),
    columns,
    /** @type {import('../../base/signal.js').ReadonlySignal<readonly ColumnDef[]>} Changes with the order only. */
    defs: computed(() => /** @type {ColumnKey[]} */ (keys.value.split(',')).map((key) => COLUMNS[key])),
    tracks: computed(() => tracksOf(shown.value)),
    widthPx: computed(() => shown.value.reduce((sum, column) => sum + widthOf(column), 0)),
    change,
    reset: () => change(null),
    /** @param {ColumnKey} key @param {number} widthPx */
    dragWidth: (key, widthPx) => { draft.value = { key, widthPx: clampWidth(widthPx) }; },
    endDrag: () => {
      const dragged = draft.peek();
      draft.value = null;
      if (dragged) change(resized(columns.peek(), dragged.key, dragged.widthPx));
    },
    density,
    /** @param {Density} next */
    setDensity: (next) => {
      if (app.view.peek().density !== null) app.setView({ density: next });
      else usualDensity.value = next;
    },
    rowPx: computed(() => Math.max(ROW_PX[density.value], isCoarse() ? TOUCH_PX : 0)),
  };
}

const isCoarse = () => globalThis.matchMedia?.('(pointer: coarse)').matches ?? false;
