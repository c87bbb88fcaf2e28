import assert from 'node:assert/strict';
import { test } from 'node:test';

import { signal } from '../../base/signal.js';
import { entryText } from '../schedule.js';
import { createScheduleDraft } from './schedule_draft.js';

const PAUSE = { kind: 'pause' };
const stroke = (day, from, minutes) => ({ day, from, minutes });

/** Creates a draft of a saved schedule, and records what it saves. */
function create(...texts) {
  const settings = signal([{ key: 'schedule', value: texts }]), sent = [];
  const change = async (key, value) => { sent.push(value); settings.value = [{ key, value }]; };
  const draft = createScheduleDraft({ settings, change }, signal(null));
  return { draft, sent, texts: () => draft.entries.value.map(entryText) };
}

test('painting_changes_the_draft_until_it_is_saved', async () => {
  const { draft, sent, texts } = create('mon 08:00-09:00 pause');
  assert.equal(draft.isChanged.value, false);
  draft.paint([stroke(1, 480, 60)], PAUSE);
  assert.deepEqual([texts(), draft.isChanged.value, sent], [['mon,tue 08:00-09:00 pause'], true, []]);
  await draft.save();
  assert.deepEqual([sent, draft.isChanged.value], [[['mon,tue 08:00-09:00 pause']], false]);
});

test('painting_what_has_the_effect_erases_it', () => {
  const { draft, texts } = create('mon 08:00-10:00 pause');
  draft.paint([stroke(0, 480, 60)], PAUSE);
  assert.deepEqual(texts(), ['mon 09:00-10:00 pause']);
  draft.paint([stroke(0, 480, 120)], PAUSE);
  assert.deepEqual([texts(), draft.isChanged.value], [['mon 08:00-10:00 pause'], false]);
});

test('discard_restores_what_is_saved', () => {
  const { draft, texts } = create('mon 08:00-10:00 pause');
  draft.set([]);
  assert.deepEqual(texts(), []);
  draft.discard();
  assert.deepEqual(texts(), ['mon 08:00-10:00 pause']);
});

test('entry_of_a_newer_daemon_is_a_fault', () => {
  const { draft } = create('mon 08:00-10:00 turbo');
  assert.deepEqual([draft.fault.value, draft.entries.value], ['mon 08:00-10:00 turbo', []]);
});

test('strokes_painted_during_a_save_remain', async () => {
  const settings = signal([{ key: 'schedule', value: [] }]);
  let answer = () => {};
  const change = (key, value) => new Promise((resolve) => {
    answer = () => { settings.value = [{ key, value }]; resolve(); };
  });
  const draft = createScheduleDraft({ settings, change }, signal(null));
  draft.paint([stroke(0, 480, 60)], PAUSE);
  const saved = draft.save();
  draft.paint([stroke(1, 480, 60)], PAUSE);
  answer();
  await saved;
  assert.deepEqual(draft.entries.value.map(entryText), ['mon,tue 08:00-09:00 pause']);
  assert.equal(draft.isChanged.value, true);
});
