import assert from 'node:assert/strict';
import { test } from 'node:test';

import { averageRuns, niceStep, shade, timeTicks } from './chart.js';

const KIB = 1024;
const HOUR = 3_600_000;
const round = (columns) => [...columns].map((share) => Math.round(share * 1e6) / 1e6);

test('nice_step_of_decimal_units_is_1_2_or_5', () => {
  assert.equal(niceStep(10, 5, 1000), 2);
  assert.equal(niceStep(11, 5, 1000), 5);
  assert.equal(niceStep(100, 4, 1000), 50);
  assert.equal(niceStep(1, 1, 1000), 1);
  assert.equal(niceStep(2_400_000, 5, 1000), 500_000);
});

test('nice_step_of_binary_units_is_round_in_kib_and_mib', () => {
  assert.equal(niceStep(10 * KIB, 5, 1024), 2 * KIB);
  assert.equal(niceStep(400 * KIB, 5, 1024), 100 * KIB);
  assert.equal(niceStep(900 * KIB, 5, 1024), 256 * KIB);
  assert.equal(niceStep(1.1 * KIB ** 2, 6, 1024), 256 * KIB);
  assert.equal(niceStep(3 * KIB ** 2, 5, 1024), KIB ** 2);
  assert.equal(niceStep(3 * KIB ** 2, 4, 1024), KIB ** 2);
  assert.equal(niceStep(600 * KIB, 1, 1024), KIB ** 2);
  assert.equal(niceStep(1010 * KIB, 1, 1024), KIB ** 2);
  assert.equal(niceStep(1023, 1, 1024), KIB);
  assert.equal(niceStep(1500, 3, 1024), 512);
});

test('nice_step_of_any_range_reaches_the_maximum_with_few_steps', () => {
  for (const base of [1000, 1024]) {
    for (let max = 1; max < 1e13; max *= 1.07) {
      for (const ticks of [1, 3, 5, 8]) {
        const steps = Math.ceil(max / niceStep(max, ticks, base));
        assert.ok(steps <= ticks && steps > ticks / 2.6, `${steps} of ${ticks} steps for ${max}, base ${base}`);
      }
    }
  }
});

test('time_ticks_are_round_times_within_the_range', () => {
  const start = Date.UTC(2026, 0, 1, 10, 0, 7);
  assert.deepEqual(timeTicks(start, start + 60_000, 6, 0).map((ms) => new Date(ms).getUTCSeconds()),
    [10, 20, 30, 40, 50, 0]);
  assert.deepEqual(timeTicks(start, start + 6 * HOUR, 6, 0).map((ms) => new Date(ms).getUTCHours()),
    [11, 12, 13, 14, 15, 16]);
});

test('time_ticks_of_days_are_at_local_midnight', () => {
  const zone = 5.5 * HOUR;
  const start = Date.UTC(2026, 0, 1, 12);
  for (const ms of timeTicks(start, start + 7 * 24 * HOUR, 7, zone)) assert.equal((ms + zone) % (24 * HOUR), 0);
});

test('time_ticks_of_any_span_are_few_and_inside', () => {
  const start = Date.UTC(2026, 0, 1, 10, 17, 23);
  for (let span = 1000; span < 40 * 365 * 24 * HOUR; span *= 1.3) {
    const ticks = timeTicks(start, start + span, 8, HOUR);
    assert.ok(ticks.length <= 9, `${ticks.length} ticks in ${span} ms`);
    assert.ok(ticks.every((ms) => ms >= start && ms <= start + span));
  }
});

test('average_of_runs_wider_than_columns_is_their_value', () => {
  assert.deepEqual(round(averageRuns([2, 1, 2, 0], 4, 8)), [1, 1, 1, 1, 0, 0, 0, 0]);
});

test('average_of_runs_narrower_than_columns_is_weighted_by_length', () => {
  assert.deepEqual(round(averageRuns([1, 4, 3, 0, 4, 2], 8, 2)), [1, 2]);
  assert.deepEqual(round(averageRuns([1, 1, 1, 0, 1, 1], 3, 2)), [0.666667, 0.666667]);
});

test('average_with_weights_selects_states', () => {
  const runs = [1, 2, 1, 1, 2, 0];
  assert.deepEqual(round(averageRuns(runs, 4, 2, [0, 0, 1])), [0.5, 0]);
  assert.deepEqual(round(averageRuns(runs, 4, 2, [0, 1, 0])), [0.5, 0]);
  assert.deepEqual(round(averageRuns(runs, 4, 2, [1, 0, 0])), [0, 1]);
});

test('average_of_runs_of_a_wrong_length_stays_in_bounds', () => {
  assert.deepEqual(round(averageRuns([10, 1], 4, 2)), [1, 1]);
  assert.deepEqual(round(averageRuns([1, 1], 4, 2)), [0.5, 0]);
  assert.deepEqual(round(averageRuns([1, 1, 5], 4, 2)), [0.5, 0]);
  assert.deepEqual(round(averageRuns([], 0, 2)), [0, 0]);
  assert.deepEqual(round(averageRuns([4, 1], 4, 0)), []);
});

test('average_of_random_runs_agrees_with_single_pieces', () => {
  let seed = 7;
  const pick = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 200; round += 1) {
    const runs = Array.from({ length: 1 + pick(20) }, () => [1 + pick(9), pick(4)]);
    const pieces = runs.flatMap(([length, value]) => Array(length).fill(value));
    const width = 1 + pick(40);
    const expected = new Float64Array(width);
    // Samples in the middle of a common raster of pieces and columns.
    for (let i = 0; i < pieces.length * width; i += 1) {
      expected[Math.floor(i / pieces.length)] += pieces[Math.floor(i / width)] / pieces.length;
    }
    const actual = averageRuns(runs.flat(), pieces.length, width);
    actual.forEach((share, i) => assert.ok(Math.abs(share - expected[i]) < 1e-9, `${runs.join()} at ${i}`));
  }
});

test('average_of_complete_pieces_is_shaded_as_complete', () => {
  for (const [count, width] of [[3, 7], [1999, 1000], [2_000_000, 1337]]) {
    assert.ok(averageRuns([count, 1], count, width).every((share) => shade(share) === 1));
  }
});

test('shade_of_one_piece_among_millions_differs_from_none_and_all', () => {
  assert.equal(shade(0), 0);
  assert.equal(shade(1), 1);
  assert.ok(shade(1e-6) >= 0.1);
  assert.ok(shade(1 - 1e-6) <= 0.85);
});
