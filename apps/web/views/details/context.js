/** What all parts of the details share: the torrent, from the live list or from requests, and actions on it. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { ActOptions, App } from '../../app.js' */
/** @import { Action, ActionResult, Detail, Torrent } from '../../types.js' */

import { ApiError } from '../../api.js';
import { computed, effect, signal, untracked } from '../../base/signal.js';
import { poll } from '../../ui/poll.js';

/** @typedef {object} Context
 *  @property {App} app
 *  @property {number} id
 *  @property {ReadonlySignal<Torrent | null>} torrent null until it is known
 *  @property {ReadonlySignal<Detail | null>} detail
 *  @property {ReadonlySignal<unknown>} error failure of the last request
 *  @property {ReadonlySignal<boolean>} isGone true after the torrent was removed
 *  @property {() => Promise<void>} refresh
 *  @property {(action: Action, options?: ActOptions) => Promise<boolean>} act resolves to true unless it failed */

const DETAIL_MS = 1500;
/** Tabs that show more than the row of the list has. @type {ReadonlySet<string>} */
const DETAIL_TABS = new Set(['overview', 'options']);

/** @param {unknown} error */
export const isMissing = (error) => error instanceof ApiError && error.kind === 'not_found';

/** Returns true if an action was carried out, or goes on. @param {ActionResult | null} result */
export const isDone = (result) => result !== null && result.failed.length === 0;

/** Creates the context of a torrent in the current scope. @param {App} app @param {number} id @returns {Context} */
export function createContext(app, id) {
  const live = computed(() => { [app.live.snapshot.value]; return app.live.row(id) ?? null; });
  /** @param {AbortSignal} abort @returns {Promise<Detail | null>} */
  const fetch = async (abort) => {
    const isNeeded = DETAIL_TABS.has(app.tab.peek()) || !live.peek() || !detail.data.peek();
    return isNeeded ? app.api.detail(id, { signal: abort }) : detail.data.peek();
  };
  // The first call begins before `detail` is there.
  const detail = poll((abort) => Promise.resolve().then(() => fetch(abort)), DETAIL_MS);
  const torrent = computed(() => {
    const [row, data] = [live.value, detail.data.value];
    return row && (!data || row.revision >= data.revision) ? row : data;
  });
  const isGone = signal(false);
  // An id is not used again.
  effect(() => {
    if (!isMissing(detail.error.value)) return;
    isGone.value = true;
    detail.stop();
  });
  let isFirst = true;
  effect(() => {
    if (DETAIL_TABS.has(app.tab.value) && !isFirst) untracked(() => detail.refresh());
    isFirst = false;
  });

  return {
    app, id, torrent, detail: detail.data, error: detail.error, refresh: detail.refresh,
    isGone,
    async act(action, options) {
      const result = await app.act([id], action, options);
      await detail.refresh();
      return isDone(result);
    },
  };
}

/** Follows a part of a value; what reads it runs only when the part changes.
 *  @template T, R @param {ReadonlySignal<T | null | undefined>} source @param {(value: T) => R} fn
 *  @param {R} otherwise while there is no value @returns {ReadonlySignal<R>} */
export const part = (source, fn, otherwise) => computed(() => {
  const value = source.value;
  return value === null || value === undefined ? otherwise : fn(value);
});

/** Marks the limits of a text that stands beside others: its direction must not change theirs. @param {string} text */
export const isolated = (text) => `\u2068${text}\u2069`;
