/** Helpers of the tests of live lists: virtual time, and a server that is written by hand. */

import { createLive } from './live.js';

/** Row of a torrent. @param {number} id @param {object} [fields] @returns {any} */
export const row = (id, fields) =>
  ({ id, name: `t${id}`, progress: 0, tags: ['a'], limits: { up_per_s: null }, ...fields });

/** Message with the whole window. @param {number} revision @param {any[]} torrents @param {object} [list] */
export const whole = (revision, torrents, list) => ({
  kind: 'list', is_whole: true, order: torrents.map(({ id }) => id),
  list: { revision, total: torrents.length, torrents, removed: null, counts: null, ...list },
});

/** Message with changes. @param {number} revision @param {number[] | null} order @param {any[]} torrents
 *  @param {number} total @param {object} [list] */
export const change = (revision, order, torrents, total, list) => ({
  kind: 'list', is_whole: false, order, list: { revision, total, torrents, removed: [], counts: null, ...list },
});

/** @type {{ onopen: any, onmessage: any, onclose: any }} */
const noHandlers = { onopen: null, onmessage: null, onclose: null };

/** Creates a live list in virtual time. */
export function setup({ random = () => 1 } = {}) {
  /** @type {any[]} */
  const sockets = [];
  /** @type {Map<number, { at: number, fn: () => void }>} */
  const timers = new Map();
  /** @type {() => void} */
  let wake = () => {};
  let isAwake = false;
  let time = 0, lastTimer = 0;
  const environment = {
    connect: (/** @type {string} */ url) => {
      const socket = {
        ...noHandlers, url, isClosed: false, sent: new Array(0),
        send: (/** @type {string} */ text) => void socket.sent.push(JSON.parse(text)),
        close: () => { socket.isClosed = true; },
        open: () => socket.onopen?.({}),
        drop: () => socket.onclose?.({}),
        /** Without an id of its own, a message belongs to the latest request. */
        receive: (/** @type {any} */ message) =>
          socket.onmessage?.({ data: JSON.stringify({ id: socket.sent.at(-1)?.id, ...message }) }),
        receiveText: (/** @type {unknown} */ data) => socket.onmessage?.({ data }),
      };
      sockets.push(socket);
      return socket;
    },
    setTimer: (/** @type {() => void} */ fn, /** @type {number} */ ms) => {
      timers.set((lastTimer += 1), { at: time + ms, fn });
      return lastTimer;
    },
    clearTimer: (/** @type {number} */ timer) => void timers.delete(timer),
    random, now: () => time,
    onWake: (/** @type {() => void} */ fn) => {
      [wake, isAwake] = [fn, true];
      return () => { isAwake = false; };
    },
  };
  /** @type {any[]} */
  const refusals = [];
  const live = createLive({
    url: 'ws://x/api/v1/events', environment, onUnauthorized: (problem) => void refusals.push(problem),
  });
  return {
    live, sockets, timers, refusals,
    socket: () => sockets.at(-1),
    wake: () => wake(),
    /** True while the list hears of wakes. */
    isAwake: () => isAwake,
    /** Lets time pass. @param {number} ms */
    pass: (ms) => {
      for (const end = time + ms; ;) {
        const [next] = [...timers].sort(([, a], [, b]) => a.at - b.at);
        if (!next || next[1].at > end) { time = end; return; }
        timers.delete(next[0]);
        time = next[1].at;
        next[1].fn();
      }
    },
    /** Follows a query, and answers it. @param {any} query @param {any} answer */
    begin: (query, answer) => {
      live.follow(query);
      sockets.at(-1).open();
      sockets.at(-1).receive(answer);
    },
  };
}
