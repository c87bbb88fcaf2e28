/**
 * Cursor of the list: the row that the keyboard acts on. It belongs to a torrent, and follows it while it is loaded.
 * While the row at its index is not loaded, the torrent is unknown, and taken when it arrives.
 */

/** @import { Snapshot } from '../../live.js' */

import { computed, signal } from '../../base/signal.js';
import { indexOf } from '../../selection.js';

/** @typedef {{ id: number | null, index: number }} Place */
/** @typedef {ReturnType<typeof createCursor>} Cursor */

/** Returns the place after an update of the list. @param {Place} place @param {Snapshot} snapshot @returns {Place} */
export function placeIn(place, snapshot) {
  const { id, index } = place;
  const found = indexOf(snapshot, id);
  if (found >= 0) return found === index ? place : { id, index: found };
  if (id !== null || index < 0) return place;
  const row = snapshot.rows[index - snapshot.first];
  return row ? { id: row.id, index } : place;
}

/** Creates a cursor that is nowhere. */
export function createCursor() {
  const active = signal(/** @type {Place} */ ({ id: null, index: -1 }));
  /** @type {Place} Start of ranges. */
  let anchor = { id: null, index: -1 };

  return {
    /** Id of the torrent at the cursor. */
    id: computed(() => active.value.id),
    /** @returns {Place} */
    place: () => active.peek(),
    /** Follows the torrents after an update. @param {Snapshot} snapshot */
    follow(snapshot) {
      anchor = placeIn(anchor, snapshot);
      active.value = placeIn(active.peek(), snapshot);
    },
    /** Moves to a row. @param {Place} place @param {Snapshot} snapshot @param {{ keepsAnchor?: boolean }} [options] */
    move(place, snapshot, { keepsAnchor = false } = {}) {
      const next = placeIn(place, snapshot);
      if (!keepsAnchor || anchor.index < 0) anchor = next;
      active.value = next;
    },
    /** Index of the start of ranges; that of the cursor if there is none. */
    anchorIndex: () => (anchor.index < 0 ? active.peek().index : anchor.index),
    reset() {
      anchor = { id: null, index: -1 };
      active.value = anchor;
    },
  };
}
