/** Rates of the torrents whose details were opened, one sample a second, for as long as the page is open. */

/** @import { Rates } from '../../base/chart.js' */

/** Length of the graph in seconds. */
export const SPAN_S = 300;
/** Number of torrents whose samples are kept; those opened last. */
const MAX_TORRENTS = 20;

/** @typedef {{ times: Float64Array, down: Float64Array, up: Float64Array }} Ring Samples at the index of their second
 *    modulo the length. */

/** Creates the samples of all torrents. @param {number} [spanS] @param {number} [maxTorrents] */
export function createSamples(spanS = SPAN_S, maxTorrents = MAX_TORRENTS) {
  /** @type {Map<number, Ring>} In the order in which they were opened. */
  const rings = new Map();
  const series = () => new Float64Array(spanS);
  const newRing = () => ({ times: series(), down: series(), up: series() });

  return {
    /** Torrents to sample. */
    ids: () => [...rings.keys()],
    /** Keeps the samples of a torrent from now on. @param {number} id */
    open(id) {
      const ring = rings.get(id) ?? newRing();
      rings.delete(id);
      rings.set(id, ring);
      for (const old of rings.keys()) if (rings.size > maxTorrents) rings.delete(old);
    },
    /** @param {number} id @param {number} unixS @param {number} downPerS @param {number} upPerS */
    add(id, unixS, downPerS, upPerS) {
      const ring = rings.get(id);
      if (!ring) return;
      const i = unixS % spanS;
      ring.times[i] = unixS;
      ring.down[i] = downPerS;
      ring.up[i] = upPerS;
    },
    /** Returns the samples up to a second. Seconds without one are gaps. @param {number} id @param {number} endS
     *  @returns {Rates} */
    rates(id, endS) {
      const [down, up] = [new Float64Array(spanS).fill(NaN), new Float64Array(spanS).fill(NaN)];
      const ring = rings.get(id);
      for (let i = 0; ring && i < spanS; i += 1) {
        /** @type {number} */
        const second = endS - spanS + 1 + i;
        const at = second % spanS;
        if (ring.times[at] === second) [down[i], up[i]] = [ring.down[at], ring.up[at]];
      }
      return { endMs: endS * 1000, stepMs: 1000, down, up };
    },
  };
}

/** Returns the average and the largest of the samples that exist; null without any.
 *  @param {ArrayLike<number>} values */
export function measuresOf(values) {
  const known = Array.from(values).filter((value) => !Number.isNaN(value));
  if (known.length === 0) return null;
  const sum = known.reduce((total, value) => total + value, 0);
  return { average: sum / known.length, peak: known.reduce((max, value) => Math.max(max, value), 0) };
}
