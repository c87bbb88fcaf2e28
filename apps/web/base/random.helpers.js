/**
 * Random numbers for tests, the same ones in each run.
 */

/** Returns a source of whole numbers below a bound (mulberry32).
 *  @param {number} seed @returns {(below: number) => number} */
export function random(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
