/**
 * Rates over time for the graph: the history of the daemon, and the live rates that continue it.
 */

/** @import { Rates } from '../base/chart.js' */
/** @import { History } from '../types.js' */

/** @typedef {{ rates: Rates, sum: { down: number, up: number, count: number } }} Continued
 *    The sum is that of the samples since the last step. */

/** Spans of the graph, in seconds. */
export const SPANS_S = /** @type {const} */ ([300, 3600, 86_400, 604_800, 2_592_000]);

/** @returns {Continued['sum']} */
const noSamples = () => ({ down: 0, up: 0, count: 0 });

/** @param {History} history @returns {Continued} */
export function fromHistory({ end_unix_ms, step_ms, down, up }) {
  const numbers = (/** @type {readonly (number | null)[]} */ values) => values.map((value) => value ?? NaN);
  const rates = { endMs: end_unix_ms, stepMs: step_ms, down: numbers(down), up: numbers(up) };
  return { rates, sum: noSamples() };
}

/** Adds a live sample. The rates move on by a step when its time is over; its value is the mean of its samples. Steps
 *  without samples are a gap.
 *  @param {Continued} state @param {number} ms Unix time @param {{ down: number, up: number }} sample
 *  @returns {Continued} */
export function continued({ rates, sum }, ms, sample) {
  const added = { down: sum.down + sample.down, up: sum.up + sample.up, count: sum.count + 1 };
  const steps = Math.min(Math.floor((ms - rates.endMs) / rates.stepMs), rates.down.length);
  if (steps < 1) return { rates, sum: added };
  /** @param {'down' | 'up'} name */
  const moved = (name) => [...Array.from(rates[name]).slice(steps), ...Array(steps - 1).fill(NaN),
    added[name] / added.count];
  const endMs = rates.endMs + Math.floor((ms - rates.endMs) / rates.stepMs) * rates.stepMs;
  return { rates: { ...rates, endMs, down: moved('down'), up: moved('up') }, sum: noSamples() };
}

/** Returns the mean and the largest of values without gaps; null without any.
 *  @param {ArrayLike<number>} values */
export function summary(values) {
  const present = Array.from(values).filter((value) => !Number.isNaN(value));
  if (present.length === 0) return null;
  return { mean: present.reduce((sum, value) => sum + value, 0) / present.length, peak: Math.max(...present) };
}
