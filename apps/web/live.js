/**
 * Live list: follows one list query over a WebSocket, and keeps the rows of its window in signals.
 *
 * Each request has an id, which its answer and the updates that follow it carry. One request is open at a time, so
 * that a fast scroll does not flood the server: the latest of several calls of `follow` waits for the answer to the one
 * before. The protocol does not resume: a new connection gets the whole window.
 */

/** @import { ReadonlySignal } from './base/signal.js' */
/** @import { Counts, List, ListQuery, Problem, Statistics, Torrent } from './types.js' */

import { batch, computed, signal } from './base/signal.js';

/** @typedef {'closed' | 'timeout' | 'protocol'} OfflineReason */
/** @typedef {{ kind: 'idle' } | { kind: 'connecting' } | { kind: 'live' }
 *    | { kind: 'offline', reason: OfflineReason, retryAtMs: number }} LiveState Idle while no query is followed. */
/** @typedef {{ total: number, first: number, rows: readonly Torrent[] }} Snapshot As the virtual list takes it. */
/** @typedef {{ id: number, query: ListQuery }} Asked */
/** @typedef {object} Socket The part of a WebSocket that is used.
 *  @property {((event: any) => void) | null} onopen
 *  @property {((event: any) => void) | null} onmessage
 *  @property {((event: any) => void) | null} onclose
 *  @property {(text: string) => void} send
 *  @property {() => void} close */
/** @typedef {object} Environment
 *  @property {(url: string) => Socket} connect
 *  @property {(fn: () => void, ms: number) => unknown} setTimer
 *  @property {(timer: any) => void} clearTimer
 *  @property {() => number} random from 0 to 1
 *  @property {() => number} now Unix time in milliseconds
 *  @property {(fn: () => void) => () => void} onWake calls `fn` when a connection may work again; returns the end */

/** Longest time for a connection and for the answer to a request. A disk that spins up takes some seconds. */
const ANSWER_MS = 15_000;
/** The same for a connection that worked before the page was woken. */
const WAKE_MS = 5_000;
/** Silence after which the window is requested again: a dead connection is silent too. */
const SILENCE_MS = 45_000;
/** Pauses before attempts to connect: the first doubles up to the longest. */
const FIRST_PAUSE_MS = 500, LONGEST_PAUSE_MS = 30_000;

/** @type {Environment} */
const browser = {
  connect: (url) => new WebSocket(url),
  setTimer: (fn, ms) => setTimeout(fn, ms),
  clearTimer: (timer) => clearTimeout(timer),
  random: Math.random,
  now: Date.now,
  onWake(fn) {
    const onVisible = () => { if (document.visibilityState === 'visible') fn(); };
    addEventListener('online', fn);
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      removeEventListener('online', fn);
      document.removeEventListener('visibilitychange', onVisible);
    };
  },
};

/** Returns the URL of the WebSocket. @param {string} base path before `/api/v1` @param {URL | Location} location */
export const eventsUrl = (base, location) =>
  `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${base}/api/v1/events`;

/** Creates a live list. It connects with the first query, and lives until `close`.
 *  @param {{ url: string, environment?: Partial<Environment>, onUnauthorized?: (problem: Problem) => void }} options
 *    `onUnauthorized` is called when the session has ended; then no query is followed. */
export function createLive({ url, environment = {}, onUnauthorized }) {
  const env = { ...browser, ...environment };
  const state = signal(/** @type {LiveState} */ ({ kind: 'idle' }));
  const snapshot = signal(/** @type {Snapshot} */ ({ total: 0, first: 0, rows: [] }));
  const order = signal(/** @type {readonly number[]} */ ([]));
  const counts = signal(/** @type {Counts | null} */ (null));
  const statistics = signal(/** @type {Statistics | null} */ (null));
  const problem = signal(/** @type {Problem | null} */ (null));
  const shown = signal(/** @type {ListQuery | null} */ (null));
  const followed = signal(/** @type {ListQuery | null} */ (null));
  /** @type {Map<number, Torrent>} Rows of the window by id. */
  let byId = new Map();
  /** @type {Socket | null} */
  let socket = null;
  /** @type {Asked | null} Request whose answer is awaited. */
  let asked = null;
  /** @type {Asked | null} Request that the server has answered last. */
  let served = null;
  /** @type {unknown} Timer of the next step: an attempt to connect, a time limit, or the end of a silence. */
  let timer = null;
  let isOpen = false, isClosed = false, hasFailed = false, attempts = 0, revision = 0, lastId = 0;

  /** @param {() => void} fn @param {number} ms */
  const schedule = (fn, ms) => {
    env.clearTimer(timer);
    timer = env.setTimer(fn, ms);
  };

  /** Ends the connection, so that none of its events is heard. */
  const hangUp = () => {
    env.clearTimer(timer);
    const old = socket;
    [socket, isOpen, asked, served] = [null, false, null, null];
    if (!old) return;
    old.onopen = old.onmessage = old.onclose = null;
    try { old.close(); } catch { /* It was closed before. */ }
  };

  /** @param {OfflineReason} reason */
  const goOffline = (reason) => {
    hangUp();
    // Half of the pause is random, so that many pages do not return to a restarted server at once.
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempts) * (0.5 + env.random() / 2);
    attempts = Math.min(attempts + 1, 16);
    state.value = { kind: 'offline', reason, retryAtMs: env.now() + pause };
    schedule(connect, pause);
  };

  const connect = () => {
    hangUp();
    state.value = { kind: 'connecting' };
    hasFailed = false;
    try { socket = env.connect(url); } catch { return goOffline('closed'); }
    schedule(() => goOffline('timeout'), ANSWER_MS);
    socket.onopen = () => { isOpen = true; ask(); };
    socket.onclose = () => goOffline('closed');
    socket.onmessage = ({ data }) => batch(() => receive(data));
  };

  /** Requests the window of the followed query, unless an answer is awaited already. */
  const ask = (patienceMs = ANSWER_MS) => {
    const query = followed.peek();
    if (!socket || !isOpen || asked || !query) return;
    asked = { id: (lastId += 1), query };
    const request = { kind: 'follow', id: asked.id, query, statistics: true };
    try { socket.send(JSON.stringify(request)); } catch { return goOffline('closed'); }
    schedule(() => goOffline('timeout'), patienceMs);
  };

  /** Requests the window again after an update that cannot be used; a second one in a row ends the connection. */
  const recover = () => {
    if (asked || hasFailed) return goOffline('protocol');
    hasFailed = true;
    ask();
  };

  /** @param {unknown} data */
  const receive = (data) => {
    const update = parse(data);
    if (update === 'malformed') return recover();
    if (!asked) schedule(ask, SILENCE_MS);
    // A newer server may have updates that this version does not know.
    if (update === 'unknown') return;
    if (update.kind === 'problem') return onProblem(update);
    if (update.kind === 'statistics') {
      if (!isSame(update.statistics, statistics.peek())) statistics.value = update.statistics;
    } else if (update.id === asked?.id) onAnswer(update, asked);
    else if (update.id === served?.id && served.query === followed.peek()
      && (update.isWhole || update.list.revision >= revision)) {
      if (!apply(update, served.query)) return recover();
      hasFailed = false;
      problem.value = null;
    }
  };

  /** @param {{ id: number | null, problem: Problem }} refusal */
  const onProblem = ({ id, problem: refusal }) => {
    if (id === null && refusal.type === 'unauthorized') {
      follow(null);
      return onUnauthorized?.(refusal);
    }
    if (id === null) return goOffline('protocol');
    if (id !== asked?.id) {
      // A query that was accepted can take too long once there are more torrents.
      if (id === served?.id && served.query === followed.peek()) problem.value = refusal;
      return;
    }
    // The server keeps the request before, whose updates `receive` ignores.
    const { query } = asked;
    asked = null;
    attempts = 0;
    state.value = { kind: 'live' };
    schedule(ask, SILENCE_MS);
    if (query === followed.peek()) problem.value = refusal;
    else ask();
  };

  /** @param {Update} update @param {Asked} request */
  const onAnswer = (update, request) => {
    asked = null;
    served = request;
    const { query } = request, next = followed.peek();
    // The rows of another window of the same list are shown until those of the followed one arrive.
    if (query !== next && !(next && isSame(listOf(query), listOf(next)))) return ask();
    if (!update.isWhole || !apply(update, query)) return goOffline('protocol');
    attempts = 0;
    hasFailed = false;
    problem.value = null;
    if (state.peek().kind !== 'live') state.value = { kind: 'live' };
    schedule(ask, SILENCE_MS);
    if (query !== next) ask();
  };

  /** Takes over an update. Returns false if it does not fit to the rows; then nothing has changed.
   *  @param {Update} update @param {ListQuery} query */
  const apply = ({ isWhole, order: newOrder, list }, query) => {
    const ids = newOrder ?? order.peek();
    const news = new Map(list.torrents.map((row) => [row.id, row]));
    /** @type {Map<number, Torrent>} Only rows of the window, so that others do not add up. */
    const next = new Map();
    let hasNewRows = false;
    for (const id of ids) {
      const old = byId.get(id), found = news.get(id);
      const row = old && (found ? isSame(old, found) : !isWhole) ? old : found;
      if (!row) return false;
      hasNewRows ||= row !== old;
      next.set(id, row);
    }
    if (next.size < ids.length) return false;
    byId = next;
    revision = list.revision;
    if (!isSame(ids, order.peek())) order.value = ids;
    const hasCounts = query.counts === true && list.counts !== null;
    if (hasCounts && !isSame(list.counts, counts.peek())) counts.value = list.counts;
    const before = snapshot.peek();
    const first = query.offset ?? 0;
    const sameRows = !hasNewRows && isSame(ids, before.rows.map(({ id }) => id));
    if (!sameRows || before.total !== list.total || before.first !== first) {
      snapshot.value = { total: list.total, first, rows: sameRows ? before.rows : [...next.values()] };
    }
    shown.value = query;
    return true;
  };

  /** Connects now, or checks the connection if there is one: after a sleep it may be dead without a sign. */
  const retry = () => {
    if (isClosed || !followed.peek()) return;
    if (socket) return ask(WAKE_MS);
    attempts = 0;
    connect();
  };
  const endWake = env.onWake(retry);

  /** @param {ListQuery | null} query */
  const follow = (query) => {
    if (isClosed || isSame(query, followed.peek())) return;
    batch(() => {
      // A copy: the caller may change its object later.
      followed.value = query && structuredClone(query);
      problem.value = null;
      if (query && socket) return ask();
      if (query && state.peek().kind !== 'offline') return connect();
      if (query) return;
      hangUp();
      state.value = { kind: 'idle' };
    });
  };

  return {
    /** @type {ReadonlySignal<LiveState>} */
    state,
    /** Window of the list, which changes as a whole. @type {ReadonlySignal<Snapshot>} */
    snapshot,
    /** @type {ReadonlySignal<readonly Torrent[]>} Rows of the window in order. */
    rows: computed(() => snapshot.value.rows),
    total: computed(() => snapshot.value.total),
    first: computed(() => snapshot.value.first),
    /** @type {ReadonlySignal<readonly number[]>} Ids of the window in order. */
    order,
    /** @type {ReadonlySignal<Counts | null>} Counts of the last query that requested them. */
    counts,
    /** Statistics of the daemon, at most once a second. @type {ReadonlySignal<Statistics | null>} */
    statistics,
    /** Refusal of the followed query; null if it is accepted. @type {ReadonlySignal<Problem | null>} */
    problem,
    /** Query of the rows that are shown. @type {ReadonlySignal<ListQuery | null>} */
    shown,
    /** True until the rows of the followed query have arrived. */
    isPending: computed(() => followed.value !== null && shown.value !== followed.value && !problem.value),
    /** Returns a row of the window, without recording the read. @param {number} id */
    row: (id) => byId.get(id),
    /** Follows a query in place of the one before; null ends the connection. The rows stay until others arrive.
     *  @param {ListQuery | null} query */
    follow,
    retry,
    /** Ends the connection for good. */
    close() {
      isClosed = true;
      endWake();
      hangUp();
      state.value = { kind: 'idle' };
    },
  };
}

/** @typedef {{ kind: 'list', id: number, isWhole: boolean, order: number[] | null, list: List }} Update */
/** @typedef {{ kind: 'problem', id: number | null, problem: Problem }} Refusal */

/** Returns a query without its window. @param {ListQuery} query */
const listOf = ({ offset: _offset, limit: _limit, ...list }) => list;

/** @param {unknown} value */
const isNatural = (value) => Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;

/** Checks a message as far as this module relies on it. @param {unknown} data
 *  @returns {Update | Refusal | { kind: 'statistics', statistics: Statistics } | 'malformed' | 'unknown'} */
function parse(data) {
  /** @type {any} */
  let message;
  try { message = JSON.parse(/** @type {string} */ (data)); } catch { return 'malformed'; }
  if (typeof message?.kind !== 'string') return 'malformed';
  const { kind, id = null } = message;
  if (kind === 'problem') {
    /** @type {Problem} */
    const problem = { type: message.type, detail: message.detail, status: message.status };
    const isGood = (id === null || isNatural(id)) && [problem.type, problem.detail].every((text) =>
      typeof text === 'string');
    return isGood ? { kind, id, problem } : 'malformed';
  }
  if (kind === 'statistics') {
    const { statistics } = message;
    return isNatural(statistics?.down_per_s) && isNatural(statistics.up_per_s) ? { kind, statistics } : 'malformed';
  }
  return kind === 'list' ? parseList(message) : 'unknown';
}

/** @param {any} message @returns {Update | 'malformed'} */
function parseList({ id, is_whole: isWhole, order = null, list }) {
  const isGood = isNatural(id) && typeof isWhole === 'boolean'
    && (order === null || (Array.isArray(order) && order.every(isNatural)))
    && isNatural(list?.revision) && isNatural(list.total) && Array.isArray(list.torrents)
    && list.torrents.every((/** @type {any} */ row) => isNatural(row?.id) && typeof row.name === 'string');
  return isGood ? { kind: 'list', id, isWhole, order, list: { counts: null, removed: null, ...list } } : 'malformed';
}

/** Compares JSON values. Revisions of rows differ between runs of the server, and do not count.
 *  @param {any} a @param {any} b @returns {boolean} */
function isSame(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length
    && names.every((name) => name === 'revision' || (Object.hasOwn(b, name) && isSame(a[name], b[name])));
}
