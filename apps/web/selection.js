/**
 * Selected torrents, by id. The ids are a set that is replaced by each change, so that a binding of a row reads one
 * signal, and thousands of ids are one copy.
 */

/** @import { ReadonlySignal } from './base/signal.js' */
/** @import { Snapshot } from './live.js' */

import { computed, signal } from './base/signal.js';

/** @typedef {ReturnType<typeof createSelection>} Selection */

/** Creates an empty selection. */
export function createSelection() {
  const ids = signal(/** @type {ReadonlySet<number>} */ (new Set()));
  /** @type {ReadonlySet<number>} Selection to which the current range adds. */
  let base = ids.peek();

  /** @param {ReadonlySet<number>} next @param {boolean} [isRange] */
  const change = (next, isRange = false) => {
    if (!isRange) base = next;
    if (!isEqual(next, ids.peek())) ids.value = next;
  };

  return {
    /** @type {ReadonlySignal<ReadonlySet<number>>} */
    ids,
    /** @type {ReadonlySignal<number>} */
    count: computed(() => ids.value.size),
    /** Records the read, as the property `value` of a signal does. @param {number} id */
    has: (id) => ids.value.has(id),
    /** Ids in the order of their selection, without recording the read. */
    list: () => [...ids.peek()],
    /** @param {Iterable<number>} list */
    set: (list) => change(new Set(list)),
    /** @param {number} id */
    toggle: (id) => {
      const next = new Set(ids.peek());
      if (!next.delete(id)) next.add(id);
      change(next);
    },
    /** Selects a range in place of the range before. With `adds`, the selection before the range stays.
     *  @param {Iterable<number>} list @param {boolean} [adds] */
    range: (list, adds = false) => change(new Set([...(adds ? base : []), ...list]), true),
    /** @param {Iterable<number>} list */
    remove: (list) => {
      const next = new Set(ids.peek());
      let isChanged = false;
      for (const id of list) isChanged = next.delete(id) || isChanged;
      if (isChanged) change(next);
    },
    /** Deselects all others. @param {Iterable<number>} list */
    keep: (list) => {
      const old = ids.peek();
      change(new Set([...list].filter((id) => old.has(id))));
    },
    clear: () => change(new Set()),
  };
}

/** @param {ReadonlySet<number>} a @param {ReadonlySet<number>} b */
function isEqual(a, b) {
  if (a.size !== b.size) return false;
  for (const id of a) if (!b.has(id)) return false;
  return true;
}

/** Returns the ids of the rows from `a` to `b`, both included, in either order; null if some are not loaded.
 *  @param {Snapshot} snapshot @param {number} a @param {number} b */
export function loadedIds({ total, first, rows }, a, b) {
  const [start, end] = [Math.max(0, Math.min(a, b)), Math.min(total, Math.max(a, b) + 1)];
  if (start < first || end > first + rows.length) return null;
  return rows.slice(start - first, end - first).map(({ id }) => id);
}

/** Returns true if torrents may have left the list from one snapshot to the next: there are fewer, or rows are gone.
 *  @param {Snapshot} before @param {Snapshot} now */
export function hasLost(before, now) {
  if (now.total < before.total) return true;
  if (now.rows === before.rows) return false;
  const ids = new Set(now.rows.map(({ id }) => id));
  return before.rows.some(({ id }) => !ids.has(id));
}

/** Returns the index of a torrent in the whole list, or -1 if it is not loaded.
 *  @param {Snapshot} snapshot @param {number | null} id */
export function indexOf({ first, rows }, id) {
  const index = id === null ? -1 : rows.findIndex((row) => row.id === id);
  return index < 0 ? -1 : first + index;
}
