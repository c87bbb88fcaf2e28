/**
 * State of the connection in terms of users: what is wrong, and why.
 *
 * A browser hides why a WebSocket has failed. While the list is offline, one plain request per attempt finds out.
 */

/** @import { ReadonlySignal } from './base/signal.js' */
/** @import { LiveState } from './live.js' */

import { ApiError } from './api.js';
import { computed, effect, signal, untracked } from './base/signal.js';

/** @typedef {'unreachable' | 'refused' | 'blocked' | 'silent' | 'unreadable' | 'broken'} Reason
 *    Unreachable: no answer at all. Refused: the server answers with an error. Blocked: it answers, but lets no
 *    WebSocket through, as some proxies do. Silent, unreadable: its updates do not come, or make no sense. */
/** @typedef {{ kind: 'connecting' | 'live' } | { kind: 'offline', reason: Reason, detail: string | null,
 *    retryAtMs: number }} Connection `detail` is the error of the server in its own words. */

/** Returns the state to show. @param {LiveState} state @param {unknown} probe error of the plain request; undefined
 *  before its end, null if it was answered @param {boolean} wasLive true if a connection has worked before
 *  @returns {Connection} */
export function connectionOf(state, probe, wasLive) {
  if (state.kind !== 'offline') return { kind: state.kind === 'live' ? 'live' : 'connecting' };
  const { reason, retryAtMs } = state;
  const offline = (/** @type {Reason} */ why, /** @type {string | null} */ detail = null) =>
    ({ kind: /** @type {const} */ ('offline'), reason: why, detail, retryAtMs });
  if (probe instanceof ApiError) {
    return probe.kind === 'network' ? offline('unreachable') : offline('refused', probe.message);
  }
  if (reason === 'timeout') return offline('silent');
  if (reason === 'protocol') return offline('unreadable');
  return offline(probe === null && !wasLive ? 'blocked' : 'broken');
}

/** Follows the live list in the current scope.
 *  @param {{ api: { session: () => Promise<unknown> }, live: { state: ReadonlySignal<LiveState> },
 *    isIn: ReadonlySignal<boolean> }} options @returns {ReadonlySignal<Connection>} */
export function createConnection({ api, live, isIn }) {
  const probe = signal(/** @type {unknown} */ (undefined));
  const wasLive = signal(false);
  effect(() => {
    const { kind } = live.state.value;
    if (kind === 'live') wasLive.value = true;
    if (!isIn.value) wasLive.value = false;
    if (kind !== 'offline') return;
    untracked(async () => {
      probe.value = undefined;
      const state = live.state.peek();
      let found = null;
      // The client of the API reports a login that has ended to the app.
      try { await api.session(); } catch (error) { found = error; }
      if (state === live.state.peek()) probe.value = found;
    });
  });
  return computed(() => connectionOf(live.state.value, probe.value, wasLive.value));
}
