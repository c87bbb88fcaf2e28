import assert from 'node:assert/strict';
import { test } from 'node:test';

import { batchesOf, inParallel, taskQueue } from './batches.js';

const item = (kind, bytes = 0, hasOwnFiles = false) => ({ kind, bytes, hasOwnFiles });
const many = (count, kind, bytes) => Array.from({ length: count }, () => item(kind, bytes));

test('links_share_requests_and_urls_do_not', () => {
  const sizes = batchesOf([...many(120, 'magnet'), ...many(2, 'url')]).map((batch) => batch.length);
  assert.deepEqual(sizes.sort((a, b) => a - b), [1, 1, 20, 50, 50]);
  assert.deepEqual(batchesOf([]), []);
});

test('files_are_grouped_by_their_bytes', () => {
  assert.deepEqual(batchesOf(many(45, 'file', 1000)).map((batch) => batch.length), [20, 20, 5]);
  assert.deepEqual(batchesOf(many(3, 'file', 3 * 2 ** 20)).map((batch) => batch.length), [1, 1, 1]);
  assert.deepEqual(batchesOf([item('file', 64 * 2 ** 20)]).length, 1);
});

test('source_with_its_own_choice_of_files_is_alone', () => {
  const batches = batchesOf([item('file', 1), item('file', 1, true), item('file', 1)]);
  assert.deepEqual(batches.map((batch) => batch.length), [1, 2]);
});

test('work_runs_for_all_items_a_few_at_a_time', async () => {
  let running = 0, most = 0, done = 0;
  await inParallel(many(10, 'file'), 3, async () => {
    most = Math.max(most, running += 1);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    done += 1;
  });
  assert.deepEqual([most, done], [3, 10]);
});

test('queue_skips_tasks_that_are_aborted', async () => {
  const queue = taskQueue(1);
  const seen = [];
  const end = new AbortController();
  const done = new Promise((resolve) => {
    queue(async () => { seen.push(1); end.abort(); }, new AbortController().signal);
    queue(async () => { seen.push(2); }, end.signal);
    queue(async () => { seen.push(3); resolve(); }, new AbortController().signal);
  });
  await done;
  assert.deepEqual(seen, [1, 3]);
});
