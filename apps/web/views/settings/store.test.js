import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../api.js';
import { scope, signal } from '../../base/signal.js';
import { createEdit, createStore } from './store.js';

const setting = (value, source = 'default') => ({ key: 'port', value, source: { source } });
const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Creates an edit of one setting, and records what it sends. */
function create(first) {
  const sent = [], current = signal(first);
  const store = {
    change: async (key, value) => {
      if (value === 0) throw new ApiError('bad_request', 400, 'no zero');
      sent.push(`${key}=${value}`);
      current.value = setting(value, 'changed');
    },
    reset: async (key) => { sent.push(`${key} reset`); current.value = setting(1); },
  };
  return { sent, current, edit: createEdit(store, current) };
}

test('change_is_saved_and_can_be_undone', async () => {
  const { sent, edit } = create(setting(1));
  await edit.save(2);
  assert.equal(edit.state.value.kind, 'saved');
  await edit.undo();
  await edit.undo();
  assert.deepEqual([sent, edit.state.value.kind], [['port=2', 'port reset'], 'idle']);
});

test('undo_restores_a_change_that_was_made_before', async () => {
  const { sent, edit } = create(setting(5, 'changed'));
  await edit.reset();
  await edit.undo();
  assert.deepEqual(sent, ['port reset', 'port=5']);
});

test('value_in_effect_is_not_sent', async () => {
  const { sent, edit } = create(setting(1));
  assert.equal(await edit.save(1), true);
  assert.deepEqual(sent, []);
});

test('refusal_of_the_daemon_stays_until_a_good_value', async () => {
  const { edit } = create(setting(1));
  assert.equal(await edit.save(0), false);
  assert.deepEqual(edit.state.value, { kind: 'failed', message: 'no zero' });
  await edit.save(1);
  assert.equal(edit.state.value.kind, 'idle');
  edit.refuse('bad');
  assert.equal(edit.state.value.message, 'bad');
});

test('late_answer_does_not_hide_a_later_refusal', async () => {
  const { edit, sent } = create(setting(1));
  const saved = edit.save(2);
  edit.refuse('bad');
  assert.equal(await saved, false);
  assert.deepEqual([edit.state.value, sent], [{ kind: 'failed', message: 'bad' }, ['port=2']]);
  // An answer that fails is late as well.
  const failed = edit.save(0);
  edit.refuse('worse');
  assert.equal(await failed, false);
  assert.equal(edit.state.value.message, 'worse');
});

test('store_replaces_the_changed_setting_and_can_load_again', async () => {
  let fails = true;
  const api = {
    settings: async () => { if (fails) throw new Error('offline'); return [setting(1), { ...setting(7), key: 'x' }]; },
    changeSetting: async (key, value) => ({ ...setting(value, 'changed'), key }),
  };
  const [store, end] = scope(() => createStore({ api }));
  await settled();
  assert.equal(store.error.value.message, 'offline');
  fails = false;
  await store.load();
  await store.change('port', 3);
  assert.deepEqual([store.error.value, store.settings.value.map(({ value }) => value)], [null, [3, 7]]);
  end();
});
