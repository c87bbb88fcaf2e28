import assert from 'node:assert/strict';
import { test } from 'node:test';

import { log, microtask } from './base/signal.helpers.js';
import { createSelection, hasLost, indexOf, loadedIds } from './selection.js';

const rows = (...ids) => ids.map((id) => ({ id }));

test('toggle_adds_and_removes_an_id', () => {
  const selection = createSelection();
  selection.set([1, 2]);
  selection.toggle(3);
  selection.toggle(1);
  assert.deepEqual([selection.list(), selection.count.value], [[2, 3], 2]);
  selection.clear();
  assert.deepEqual(selection.list(), []);
});

test('keep_deselects_the_others', () => {
  const selection = createSelection();
  selection.set([3, 1, 2]);
  selection.keep([1, 3, 9]);
  assert.deepEqual(selection.list(), [1, 3]);
});

test('range_replaces_the_range_before', () => {
  const selection = createSelection();
  selection.set([9]);
  selection.range([1, 2, 3]);
  selection.range([1, 2]);
  assert.deepEqual(selection.list(), [1, 2]);
});

test('range_that_adds_keeps_the_selection_before_it', () => {
  const selection = createSelection();
  selection.set([9]);
  selection.toggle(1);
  selection.range([1, 2, 3], true);
  selection.range([1, 2], true);
  assert.deepEqual(selection.list(), [9, 1, 2]);
  selection.toggle(2);
  selection.range([5], true);
  assert.deepEqual(selection.list(), [9, 1, 5]);
});

test('change_without_effect_runs_no_reader', async () => {
  const selection = createSelection();
  const { seen } = log(() => selection.has(1));
  selection.clear();
  selection.remove([5]);
  await microtask();
  selection.set([1]);
  await microtask();
  selection.set([1]);
  await microtask();
  selection.remove([1, 2]);
  await microtask();
  assert.deepEqual(seen, [false, true, false]);
});

test('ten_thousand_ids_are_cheap', () => {
  const selection = createSelection();
  const all = Array.from({ length: 10_000 }, (_, i) => i);
  const start = performance.now();
  selection.set(all);
  for (let i = 0; i < 20; i += 1) selection.toggle(i);
  selection.range(all, true);
  // The time is some milliseconds; the limit is for slow machines.
  assert.ok(performance.now() - start < 500);
  assert.equal(selection.count.value, 10_000);
});

test('loaded_ids_are_null_outside_of_the_window', () => {
  const snapshot = { total: 8, first: 2, rows: rows(12, 13, 14, 15) };
  assert.deepEqual(loadedIds(snapshot, 3, 5), [13, 14, 15]);
  assert.deepEqual(loadedIds(snapshot, 5, 3), [13, 14, 15]);
  assert.deepEqual(loadedIds(snapshot, 2, 2), [12]);
  assert.equal(loadedIds(snapshot, 1, 3), null);
  assert.equal(loadedIds(snapshot, 5, 6), null);
  assert.deepEqual(loadedIds({ total: 2, first: 0, rows: rows(1, 2) }, 0, Infinity), [1, 2]);
  assert.deepEqual(loadedIds({ total: 0, first: 0, rows: [] }, 0, 5), []);
});

test('index_counts_from_the_start_of_the_list', () => {
  const snapshot = { total: 8, first: 2, rows: rows(12, 13) };
  assert.deepEqual([12, 13, 14, null].map((id) => indexOf(snapshot, id)), [2, 3, -1, -1]);
});

test('torrents_may_have_left_a_list_with_fewer_or_other_rows', () => {
  const list = (total, ...ids) => ({ total, first: 0, rows: ids.map((id) => ({ id })) });
  const before = list(5, 1, 2);
  for (const [now, isLost] of [
    [before, false], [list(6, 1, 2), false], [list(5, 2, 1), false], [list(6, 3, 1, 2), false], [list(4, 1, 2), true],
    [list(5, 1, 3), true], [{ ...before, total: 4 }, true], [{ ...before, total: 9 }, false],
  ]) assert.equal(hasLost(before, now), isLost, JSON.stringify(now));
});
