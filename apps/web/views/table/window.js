/** Windows of the list that are requested from the server: the visible rows with a margin. */

/** @typedef {{ first: number, count: number }} Span */
/** @typedef {{ offset: number, limit: number }} Window */

/** Rows rendered above and below those in view: some that a scroll of one frame brings into view. */
export const OVERSCAN = 6;
/** Windows begin and end at multiples of this. */
const BLOCK = 20;
/** Smallest window: below this, a list has no need for others. */
const SMALLEST = 80;
/** Pause before a request while the list scrolls so fast that its rows are not read, and its longest length. */
const REST_MS = 70, LONGEST_MS = 210;

/** Returns the window to request for visible rows. @param {Span} span @returns {Window} */
export function windowFor({ first, count }) {
  const margin = Math.max(count, (SMALLEST - count) / 2);
  const offset = Math.max(0, Math.floor((first - margin) / BLOCK) * BLOCK);
  return { offset, limit: Math.ceil((first + count + margin) / BLOCK) * BLOCK - offset };
}

/** Returns true if a window has the rows of a span, with half of the margin on each side that does not end.
 *  @param {Window} window @param {Span} span @param {number} total */
export function covers({ offset, limit }, { first, count }, total) {
  const margin = count / 2;
  const isFirst = offset === 0 || first - margin >= offset;
  return isFirst && first >= offset && Math.min(total, first + count + margin) <= offset + limit;
}

/** Creates the follower of the visible rows. `request` is called with another window when the rows leave the one
 *  before; at once while most rows stay, else after a rest.
 *  @param {(window: Window) => void} request @param {{ now?: () => number, setTimer?: typeof setTimeout,
 *    clearTimer?: typeof clearTimeout }} [environment] */
export function createFollower(request, environment = {}) {
  const { now = () => performance.now(), setTimer = setTimeout, clearTimer = clearTimeout } = environment;
  /** @type {Span} */
  let span = { first: 0, count: SMALLEST / 2 };
  /** @type {Window | null} */
  let requested = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let waitsSince = 0;

  const send = () => {
    clearTimer(timer);
    timer = undefined;
    requested = windowFor(span);
    request(requested);
  };
  return {
    /** @param {Span} next @param {number} total */
    show(next, total) {
      span = next;
      if (requested && covers(requested, span, total)) {
        clearTimer(timer);
        timer = undefined;
        return;
      }
      const overlap = requested ? Math.min(requested.offset + requested.limit, next.first + next.count)
        - Math.max(requested.offset, next.first) : 0;
      if (!requested || overlap >= next.count / 2) return send();
      if (timer === undefined) waitsSince = now();
      clearTimer(timer);
      timer = setTimer(send, Math.max(0, Math.min(REST_MS, waitsSince + LONGEST_MS - now())));
    },
    /** Requests the first window of another list, or the one around a span. @param {Span} [next] */
    restart(next = { first: 0, count: span.count }) {
      span = next;
      send();
    },
    /** Rows that were shown last. */
    span: () => span,
    end: () => clearTimer(timer),
  };
}
