/** Repeated requests of a view, for data that is not pushed. */

/** @import { ReadonlySignal } from '../base/signal.js' */

import { batch, onCleanup, signal } from '../base/signal.js';

/** Calls `fetch` now and then again and again, until the current scope ends. Calls never overlap, and none begins
 *  while the page is hidden. After a failure the data stays, and the next call is tried as usual.
 *  @template T @param {(signal: AbortSignal) => Promise<T>} fetch @param {number} intervalMs from end to begin
 *  @returns {{ data: ReadonlySignal<T | null>, error: ReadonlySignal<unknown>, refresh: () => Promise<void>,
 *    stop: () => void }} `stop` ends the calls before the scope does; what has arrived stays */
export function poll(fetch, intervalMs) {
  const data = signal(/** @type {T | null} */ (null));
  const error = signal(/** @type {unknown} */ (null));
  const end = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<void> | null} */
  let running = null;
  let isWanted = false;

  const once = async () => {
    try {
      const result = await fetch(end.signal);
      if (!end.signal.aborted) batch(() => { data.value = result; error.value = null; });
    } catch (cause) {
      if (!end.signal.aborted) error.value = cause;
    }
  };
  const run = async () => {
    do {
      isWanted = false;
      await once();
    } while (isWanted && !end.signal.aborted);
    running = null;
    if (!end.signal.aborted) timer = setTimeout(tick, intervalMs);
  };
  /** Calls now; after the call that is under way, if there is one. */
  const refresh = () => {
    clearTimeout(timer);
    if (end.signal.aborted) return Promise.resolve();
    isWanted = running !== null;
    return (running ??= run());
  };
  const isHidden = () => globalThis.document?.visibilityState === 'hidden';
  const tick = () => { if (!isHidden()) refresh(); };
  const onVisible = () => { if (!isHidden() && !running) refresh(); };

  globalThis.document?.addEventListener('visibilitychange', onVisible);
  const stop = () => {
    globalThis.document?.removeEventListener('visibilitychange', onVisible);
    clearTimeout(timer);
    end.abort();
  };
  onCleanup(stop);
  refresh();
  return { data, error, refresh, stop };
}
