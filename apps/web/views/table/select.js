/** Selection by mouse and keyboard, over rows of which some may not be loaded. */

/** @import { Table } from './table.js' */
/** @import { Place } from './cursor.js' */

import { toQuery } from '../../query.js';
import { indexOf, loadedIds } from '../../selection.js';

/** Pause before ids are requested, for a range that grows with a key that is held. */
const REST_MS = 120;

/** @typedef {{ isRange?: boolean, adds?: boolean, onlyMoves?: boolean }} SelectOptions `isRange` selects from the
 *    anchor; `adds` keeps what is selected; `onlyMoves` changes nothing but the cursor. */

/** Creates the selection of a table. @param {Pick<Table, 'app' | 'cursor'>} table */
export function createSelector({ app, cursor }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {AbortController | null} */
  let request = null;

  /** Drops a range whose ids are awaited. */
  const cancel = () => {
    clearTimeout(timer);
    request?.abort();
    request = null;
  };

  /** @param {number} start @param {number} end @param {boolean} adds */
  const fetchRange = async (start, end, adds) => {
    const { signal } = (request = new AbortController());
    try {
      const query = toQuery(app.view.peek(), { offset: start, limit: end - start + 1 });
      app.selection.range(await app.api.ids(query, { signal }), adds);
    } catch (error) { if (!signal.aborted) app.fail(error); }
  };

  /** @param {boolean} adds */
  const selectRange = (adds) => {
    const [a, b] = [cursor.anchorIndex(), cursor.place().index];
    const ids = loadedIds(app.live.snapshot.peek(), a, b);
    if (ids) return app.selection.range(ids, adds);
    timer = setTimeout(fetchRange, REST_MS, Math.min(a, b), Math.max(a, b), adds);
  };

  return {
    cancel,
    /** Moves the cursor and selects. @param {Place} place @param {SelectOptions} [options] */
    to(place, { isRange = false, adds = false, onlyMoves = false } = {}) {
      cancel();
      const snapshot = app.live.snapshot.peek();
      cursor.move(place, snapshot, { keepsAnchor: isRange });
      const { id } = cursor.place();
      if (onlyMoves) return;
      if (isRange) selectRange(adds);
      else if (id === null) app.selection.clear();
      else if (adds) app.selection.toggle(id);
      else app.selection.set([id]);
    },
    /** Selects or deselects the torrent at the cursor. */
    toggle() {
      cancel();
      const { id } = cursor.place();
      if (id !== null) app.selection.toggle(id);
    },
    /** True if another torrent is at the place of the cursor, as its own was removed. */
    isGone() {
      const { id, index } = cursor.place();
      const snapshot = app.live.snapshot.peek();
      return id !== null && indexOf(snapshot, id) < 0 && loadedIds(snapshot, index, index)?.length === 1;
    },
    /** Index of the cursor now; -1 if it is nowhere. */
    index() {
      const { id, index } = cursor.place();
      const found = indexOf(app.live.snapshot.peek(), id);
      return found < 0 ? index : found;
    },
  };
}
