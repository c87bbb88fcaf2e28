import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pathOf, secondsOf, toRates, withSample } from './spark_path.js';

test('samples_are_limited', () => {
  assert.deepEqual(withSample([1, 2, 3], 4, 3), [2, 3, 4]);
});

test('path_ends_at_the_end_and_has_gaps', () => {
  assert.equal(pathOf([0, 5, NaN, 10], 10, 5, 100, 22), 'M25.0 21.0L50.0 11.0M100.0 1.0');
  assert.equal(pathOf([], 10, 5, 100, 22), '');
  assert.equal(pathOf([99], 10, 2, 100, 22), 'M100.0 1.0');
});

test('seconds_are_the_last_samples_of_a_history', () => {
  const down = [1, 2, 3, 4, 5, 6, 7, 8];
  assert.deepEqual(secondsOf({ step_ms: 500, down, up: down }, 3).down, [4, 6, 8]);
  assert.deepEqual(secondsOf({ step_ms: 500, down, up: down }, 90).up, [2, 4, 6, 8]);
  assert.deepEqual(secondsOf({ step_ms: 1000, down: [1, null], up: [0, 0] }, 9).down, [1, NaN]);
  assert.deepEqual(secondsOf({ step_ms: 2000, down: [1, 2], up: [0, 0] }, 9).down, [1, 1, 2, 2]);
});

test('history_has_gaps_for_absent_samples', () => {
  assert.deepEqual(toRates({ end_unix_ms: 5, step_ms: 2, down: [1, null], up: [null, 0] }),
    { endMs: 5, stepMs: 2, down: [1, NaN], up: [NaN, 0] });
  assert.deepEqual(toRates(null).down, []);
});
