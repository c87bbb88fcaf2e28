import assert from 'node:assert/strict';
import { test } from 'node:test';

import { scope, signal } from '../../base/signal.js';
import { createDraft, isSameList, saveAtOnce } from './draft.js';

const tick = () => new Promise((resolve) => { setTimeout(resolve); });
const draftOf = (initial, isSame) => {
  const source = signal(initial);
  const [draft] = scope(() => createDraft(source, isSame));
  return { source, draft };
};

test('draft_follows_its_source_until_it_is_changed', async () => {
  const { source, draft } = draftOf(1);
  source.value = 2;
  await tick();
  assert.deepEqual([draft.value.value, draft.isDirty.value], [2, false]);
  draft.value.value = 5;
  source.value = 3;
  await tick();
  assert.deepEqual([draft.value.value, draft.isDirty.value], [5, true]);
  draft.reset();
  assert.deepEqual([draft.value.value, draft.isDirty.value], [3, false]);
});

test('draft_is_clean_when_the_source_takes_its_value', async () => {
  const { source, draft } = draftOf(1);
  draft.value.value = 5;
  source.value = 5;
  await tick();
  assert.equal(draft.isDirty.value, false);
  source.value = 6;
  await tick();
  assert.equal(draft.value.value, 6);
});

test('equal_lists_do_not_replace_the_value', async () => {
  const first = ['a'];
  const { source, draft } = draftOf(first, isSameList);
  source.value = ['a'];
  await tick();
  assert.equal(draft.value.value, first);
});

test('change_is_saved_at_once_and_undone_after_a_failure', async () => {
  const source = signal(false);
  const saved = [];
  let works = true;
  const [draft] = scope(() => {
    const created = createDraft(source);
    saveAtOnce(created, source, async (value, old) => {
      saved.push([value, old]);
      if (works) source.value = value;
      return works;
    });
    return created;
  });
  await tick();
  draft.value.value = true;
  await tick();
  works = false;
  draft.value.value = false;
  await tick();
  assert.deepEqual(saved, [[true, false], [false, true]]);
  assert.equal(draft.value.value, true);
});

test('change_of_the_source_is_not_saved', async () => {
  const source = signal(1);
  let saves = 0;
  scope(() => saveAtOnce(createDraft(source), source, async () => { saves += 1; return true; }));
  source.value = 2;
  await tick();
  assert.equal(saves, 0);
});
