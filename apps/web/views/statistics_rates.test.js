import assert from 'node:assert/strict';
import { test } from 'node:test';

import { continued, fromHistory, summary } from './statistics_rates.js';

const start = () => fromHistory({ end_unix_ms: 10_000, step_ms: 1000, down: [1, null, 3], up: [0, 0, 0] });
const sample = (down) => ({ down, up: 10 * down });

test('null_of_the_history_is_a_gap', () => {
  assert.deepEqual(start().rates, { endMs: 10_000, stepMs: 1000, down: [1, NaN, 3], up: [0, 0, 0] });
});

test('live_sample_moves_the_rates_by_a_step', () => {
  const { rates } = continued(start(), 11_020, sample(7));
  assert.deepEqual(rates, { endMs: 11_000, stepMs: 1000, down: [NaN, 3, 7], up: [0, 0, 70] });
});

test('samples_within_a_step_are_averaged', () => {
  const early = continued(start(), 10_500, sample(2));
  assert.deepEqual(early.rates, start().rates);
  const late = continued(early, 11_000, sample(4));
  assert.deepEqual([late.rates.down, late.rates.up, late.sum.count], [[NaN, 3, 3], [0, 0, 30], 0]);
});

test('steps_without_samples_are_a_gap', () => {
  assert.deepEqual(continued(start(), 12_100, sample(5)).rates.down, [3, NaN, 5]);
  const far = continued(start(), 90_000, sample(5)).rates;
  assert.deepEqual([far.down, far.endMs], [[NaN, NaN, 5], 90_000]);
});

test('summary_leaves_out_gaps', () => {
  assert.deepEqual(summary([1, NaN, 3]), { mean: 2, peak: 3 });
  assert.equal(summary([NaN]), null);
});
