import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createSamples, measuresOf } from './samples.js';

const NOW = 1_700_000_000;

test('samples_are_in_order_up_to_the_second_with_gaps_between', () => {
  const samples = createSamples(5);
  samples.open(1);
  samples.add(1, NOW - 4, 10, 1);
  samples.add(1, NOW - 2, 30, 3);
  samples.add(1, NOW, 50, 5);
  const { endMs, stepMs, down, up } = samples.rates(1, NOW);
  assert.deepEqual([endMs, stepMs], [NOW * 1000, 1000]);
  assert.deepEqual([...down], [10, NaN, 30, NaN, 50]);
  assert.deepEqual([...up], [1, NaN, 3, NaN, 5]);
});

test('samples_older_than_the_span_are_gaps', () => {
  const samples = createSamples(3);
  samples.open(1);
  for (let i = 0; i < 5; i += 1) samples.add(1, NOW + i, i, i);
  assert.deepEqual([...samples.rates(1, NOW + 4).down], [2, 3, 4]);
  assert.deepEqual([...samples.rates(1, NOW + 6).down], [4, NaN, NaN]);
  assert.deepEqual([...samples.rates(1, NOW + 60).down], [NaN, NaN, NaN]);
});

test('torrent_that_was_not_opened_has_no_samples', () => {
  const samples = createSamples(2);
  samples.add(7, NOW, 1, 1);
  assert.deepEqual([...samples.rates(7, NOW).down], [NaN, NaN]);
  assert.deepEqual(samples.ids(), []);
});

test('torrents_opened_last_keep_their_samples', () => {
  const samples = createSamples(2, 2);
  for (const id of [1, 2, 1, 3]) samples.open(id);
  assert.deepEqual(samples.ids(), [1, 3]);
});

test('torrent_opened_again_keeps_its_samples', () => {
  const samples = createSamples(2);
  samples.open(1);
  samples.add(1, NOW, 4, 0);
  samples.open(2);
  samples.open(1);
  assert.equal(samples.rates(1, NOW).down[1], 4);
});

test('measures_leave_out_gaps', () => {
  assert.deepEqual(measuresOf([NaN, 10, 20, NaN]), { average: 15, peak: 20 });
  assert.equal(measuresOf([NaN]), null);
});
