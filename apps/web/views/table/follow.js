/** What follows what in the list: rows the view, the selection the rows, the details the cursor. */

/** @import { App } from '../../app.js' */
/** @import { Span } from './window.js' */
/** @import { Table } from './table.js' */

import { computed, effect, onCleanup } from '../../base/signal.js';
import { toQuery } from '../../query.js';
import { hasLost, loadedIds } from '../../selection.js';
import { OVERSCAN } from './window.js';

/** Pause before the details follow the cursor, and before the cursor follows the layout. */
const DETAILS_MS = 150;
/** Pause before torrents that were removed are looked up, as several are often removed together; and from one look to
 *  the next, as a list in which all changes loses some with each update. */
const REMOVAL_MS = 400, AGAIN_MS = 2000;

/** @type {WeakMap<App, { key: string, span: Span }>} Rows in view when the list was left. */
const places = new WeakMap();

/** Requests the rows of each new list, from its start. A list that is shown again is at its old place.
 *  @param {Table} table @param {{ restart: (span?: Span) => void, span: () => Span }} follower */
export function watchView({ app, cursor, selector, scrollToIndex }, follower) {
  const listKey = computed(() => JSON.stringify(toQuery(app.view.value)));
  const filterKey = computed(() => JSON.stringify({ ...toQuery(app.view.value), sort: null }));
  const old = places.get(app);
  let filters = filterKey.peek(), list = '';
  effect(() => {
    const span = list === '' && old?.key === listKey.value ? old.span : undefined;
    list = listKey.value;
    follower.restart(span);
    scrollToIndex(span ? span.first + span.count - 1 - OVERSCAN : 0);
    if (filterKey.peek() === filters) return;
    // Torrents that are not in the list must not be acted on unseen.
    filters = filterKey.peek();
    selector.cancel();
    cursor.reset();
    app.selection.clear();
  });
  onCleanup(() => places.set(app, { key: list, span: follower.span() }));
}

/** Deselects torrents that have left the list. @param {Table} table */
export function watchSelection({ app, cursor }) {
  const { selection, live } = app;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let all = 0, lastMs = -Infinity;
  let window = live.snapshot.peek();
  const checkAll = async () => {
    timer = undefined;
    lastMs = performance.now();
    const view = app.view.peek();
    if (selection.list().every((id) => live.row(id))) return;
    try {
      const ids = await app.api.ids(toQuery(view));
      if (view === app.view.peek()) selection.keep(ids);
    } catch { /* An action on them will say what is wrong. */ }
  };
  effect(() => {
    const snapshot = live.snapshot.value;
    cursor.follow(snapshot);
    const ids = selection.count.peek() > 0 && !live.isPending.peek() ? loadedIds(snapshot, 0, Infinity) : null;
    if (ids) selection.keep(ids);
  });
  const schedule = () => {
    if (selection.list().every((id) => live.row(id))) return;
    timer ??= setTimeout(checkAll, Math.max(REMOVAL_MS, lastMs + AGAIN_MS - performance.now()));
  };
  effect(() => {
    const before = all;
    all = live.counts.value?.all ?? 0;
    if (all < before) schedule();
  });
  effect(() => {
    const before = window;
    window = live.snapshot.value;
    if (!live.isPending.peek() && hasLost(before, window)) schedule();
  });
  onCleanup(() => clearTimeout(timer));
}

/** Shows the details of the torrent at the cursor, while details are open. @param {Table} table */
export function watchDetails({ app, cursor, selector, scrollToIndex }) {
  const first = app.opened.peek();
  if (first !== null && app.selection.count.peek() === 0) app.selection.set([first]);
  effect(() => {
    const id = cursor.id.value, opened = app.opened.peek();
    if (id === null || opened === null || opened === id) return;
    // A key that is held passes many rows.
    const timer = setTimeout(() => { if (app.opened.peek() !== null) app.opened.value = id; }, DETAILS_MS);
    onCleanup(() => clearTimeout(timer));
  });
  effect(() => {
    if (app.opened.value === null) return;
    // The details cover rows only after the layout.
    const timer = setTimeout(() => {
      const index = selector.index();
      if (index >= 0) scrollToIndex(index);
    }, DETAILS_MS);
    onCleanup(() => clearTimeout(timer));
  });
}
