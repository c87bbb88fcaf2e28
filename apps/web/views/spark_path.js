/** Geometry of the small graph. */

/** @import { Rates } from '../base/chart.js' */

/** Returns the samples with one more; the oldest goes. @param {readonly number[]} samples @param {number} sample
 *  @param {number} max */
export const withSample = (samples, sample, max) => [...samples, sample].slice(-max);

/** Returns the last samples of a history, one for each second; the history has others in between.
 *  @param {{ step_ms: number, down: (number | null)[], up: (number | null)[] }} history @param {number} count */
export function secondsOf({ step_ms: stepMs, down, up }, count) {
  const length = Math.min(count, Math.floor((down.length * stepMs) / 1000));
  /** @param {(number | null)[]} values */
  const pick = (values) => Array.from({ length }, (_, i) =>
    values[values.length - 1 - Math.floor(((length - 1 - i) * 1000) / stepMs)] ?? NaN);
  return { down: pick(down), up: pick(up) };
}

/** Returns the path of a line whose last sample is at the end of the box. NaN is a gap.
 *  @param {readonly number[]} values @param {number} max value at the top @param {number} count samples that fit
 *  @param {number} width @param {number} height */
export function pathOf(values, max, count, width, height) {
  const start = count - values.length;
  let text = '', isOpen = false;
  values.forEach((value, i) => {
    if (Number.isNaN(value)) { isOpen = false; return; }
    const x = ((start + i) * width) / (count - 1);
    const y = 1 + (height - 2) * (1 - Math.min(1, value / max));
    text += `${isOpen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isOpen = true;
  });
  return text;
}

/** Returns a history for a chart, with NaN for gaps.
 *  @param {{ end_unix_ms: number, step_ms: number, down: (number | null)[], up: (number | null)[] } | null} history
 *  @returns {Rates} */
export function toRates(history) {
  if (!history) return { endMs: 0, stepMs: 1000, down: [], up: [] };
  const { end_unix_ms: endMs, step_ms: stepMs, down, up } = history;
  return { endMs, stepMs, down: down.map((value) => value ?? NaN), up: up.map((value) => value ?? NaN) };
}
