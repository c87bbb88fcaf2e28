/**
 * List of torrents: a table, or cards on a phone. The rows that are in view are requested from the server; the list
 * shows what has arrived, and keeps its place while torrents move.
 */

/** @import { App } from '../../app.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Torrent } from '../../types.js' */
/** @import { Layout } from './layout.js' */
/** @import { Cursor } from './cursor.js' */

import { html, toElement, when } from '../../base/html.js';
import { onCleanup, signal } from '../../base/signal.js';
import { virtualList } from '../../base/list.js';
import { createCursor } from './cursor.js';
import { watchDetails, watchSelection, watchView } from './follow.js';
import { header } from './header.js';
import { watchListKeys } from './keys.js';
import { layoutOf } from './layout.js';
import { watchPointer } from './pointer.js';
import { renderRow } from './rows.js';
import { createSelector } from './select.js';
import { listState } from './states.js';
import { OVERSCAN, createFollower } from './window.js';
import { CARD_PX, renderCard, selectionBar } from '../cards.js';

/** @typedef {object} Table
 *  @property {App} app
 *  @property {Layout} layout
 *  @property {Cursor} cursor
 *  @property {ReturnType<typeof createSelector>} selector
 *  @property {HTMLElement} scroller
 *  @property {number} headerRows
 *  @property {ReadonlySignal<number>} rowPx
 *  @property {WeakMap<Element, ReadonlySignal<Torrent | undefined>>} items torrents of the rows
 *  @property {(row: HTMLElement, isActive: boolean) => void} setActive
 *  @property {(index: number) => void} scrollToIndex
 *  @property {(text: string) => void} say announces a text to screen readers
 *  @property {boolean} isDragging true while a column is dragged */

/** @param {App} app */
export const torrentTable = (app) => html`<section class="t-list" aria-label=${() => app.t('list.label')}>
  ${when(app.isPhone, () => list(app, true), () => list(app, false))}</section>`;

/** @param {App} app @param {boolean} isPhone */
function list(app, isPhone) {
  const layout = layoutOf(app);
  const said = signal('');
  const scroller = toElement(html`<div class="t-scroller" class:t-table=${!isPhone} class:t-cards=${isPhone}
    role="grid" tabindex="0" aria-multiselectable="true" aria-label=${() => app.t('list.label')}
    aria-busy=${() => String(app.live.isPending.value)} data-density=${layout.density}
    class:t-wide=${() => !isPhone && layout.widthPx.value > layout.availablePx.value}
    style:--t-tracks=${layout.tracks} style:--t-width=${() => `${layout.widthPx.value}px`}></div>`);
  const cursor = createCursor();
  /** @type {Table} */
  const table = {
    app, layout, cursor, scroller, selector: createSelector({ app, cursor }), headerRows: isPhone ? 0 : 1,
    rowPx: isPhone ? signal(CARD_PX) : layout.rowPx, items: new WeakMap(), isDragging: false,
    scrollToIndex: () => {}, say: (text) => { said.value = text; },
    setActive: (row, isActive) => {
      if (isActive) scroller.setAttribute('aria-activedescendant', row.id);
      else if (scroller.getAttribute('aria-activedescendant') === row.id) {
        scroller.removeAttribute('aria-activedescendant');
      }
    },
  };
  if (!isPhone) scroller.append(header(table));
  const follower = createFollower((window) => { app.window.value = window; });
  table.scrollToIndex = virtualList({
    scroller, source: app.live.snapshot, rowHeight: table.rowPx, keyOf: ({ id }) => id, overscan: OVERSCAN,
    headerRows: table.headerRows, render: (item) => (isPhone ? renderCard : renderRow)(table, item),
    onWindow: (first, count) => follower.show({ first, count }, app.live.snapshot.peek().total),
  }).scrollToIndex;
  onCleanup(() => { follower.end(); table.selector.cancel(); });
  watchView(table, follower);
  watchSelection(table);
  watchDetails(table);
  watchPointer(table, { tapOpens: isPhone });
  watchListKeys(table);
  measure(table);
  return [scroller, listState(app), isPhone ? selectionBar(app) : null,
    html`<div class="t-offscreen" role="status">${said}</div>`];
}

/** Measures the room for columns. @param {Table} table */
function measure({ scroller, layout }) {
  const observer = new ResizeObserver(() => { layout.availablePx.value = scroller.clientWidth; });
  observer.observe(scroller);
  onCleanup(() => observer.disconnect());
}
