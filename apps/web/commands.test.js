import assert from 'node:assert/strict';
import { test } from 'node:test';

import { signal } from './base/signal.js';
import { COMMANDS, canRun, commandOf, runCommand, selectAll, summaryOf } from './commands.js';
import { createI18n } from './i18n.js';
import { DEFAULT_VIEW } from './query.js';
import { createSelection } from './selection.js';

const torrent = (id, fields) => ({
  id, state: 'downloading', fault: null, is_forced: false, is_sequential: false, is_ends_first: false,
  is_super_seeding: false, category: null,
  tags: [], ...fields,
});

/** App with a list of which the first rows are loaded. */
function setup(rows, total = rows.length) {
  const actions = [];
  const app = {
    actions, requests: [],
    live: { snapshot: signal({ total, first: 0, rows }) },
    view: signal(DEFAULT_VIEW), selection: createSelection(),
    act: async (ids, action) => void actions.push([ids, action]),
    api: {
      ids: async (query) => {
        app.requests.push(query);
        return [1, 2, 3];
      },
    },
    fail: (error) => { throw error; },
  };
  return app;
}

test('commands_have_unique_ids_and_keys_and_a_label', () => {
  const { t } = createI18n({ languages: [] });
  const ids = COMMANDS.map(({ id }) => id), keys = COMMANDS.flatMap((command) => command.keys);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(new Set(keys).size, keys.length);
  for (const { label } of COMMANDS) assert.notEqual(t(label), label);
  assert.throws(() => commandOf('melt'));
});

test('summary_says_what_can_be_done', () => {
  const running = torrent(1), stopped = torrent(2, { state: 'paused', is_forced: true });
  const { canStart, canStop, canRetry, canForce } = summaryOf([running], 1);
  assert.deepEqual([canStart, canStop, canRetry, canForce], [false, true, false, true]);
  assert.deepEqual([summaryOf([stopped], 1).canStart, summaryOf([stopped], 1).canStop], [true, false]);
  assert.equal(summaryOf([torrent(1, { state: 'error' })], 1).canRetry, true);
  assert.deepEqual([summaryOf([running, stopped], 2).canStart, summaryOf([running], 5).canStart], [true, true]);
});

test('summary_of_switches_and_labels_needs_all_torrents', () => {
  const a = torrent(1, { is_sequential: true, category: 'x', tags: ['a', 'b'] });
  const b = torrent(2, { is_sequential: true, category: 'x', tags: ['b'] });
  const both = summaryOf([a, b], 2);
  assert.deepEqual([both.isSequential, both.isEndsFirst, both.category, both.tags], [true, false, 'x', ['b']]);
  const mixed = summaryOf([a, torrent(3)], 2);
  assert.deepEqual([mixed.isSequential, mixed.category, mixed.tags], [false, undefined, []]);
  const some = summaryOf([a], 9);
  assert.deepEqual([some.isSequential, some.category, some.tags], [false, undefined, []]);
  assert.equal(summaryOf([torrent(1)], 1).category, null);
});

test('command_runs_only_if_it_can', () => {
  const app = setup([torrent(1), torrent(2, { state: 'paused' })]);
  assert.equal(runCommand(app, commandOf('stop'), []), false);
  assert.equal(runCommand(app, commandOf('start'), [1]), false);
  assert.equal(runCommand(app, commandOf('start'), [1, 2]), true);
  assert.equal(runCommand(app, commandOf('sequential'), [1]), true);
  assert.equal(runCommand(app, commandOf('queue_top'), [1]), true);
  assert.deepEqual(app.actions, [[[1, 2], { kind: 'start' }], [[1], { kind: 'set_sequential', on: true }],
    [[1], { kind: 'queue', to: 'top' }]]);
});

test('commands_of_the_app_need_no_torrent', () => {
  const none = summaryOf([], 0);
  for (const command of COMMANDS) {
    assert.equal(canRun(command, none), command.scope !== 'torrents' && command.id !== 'open', command.id);
  }
});

test('select_all_requests_what_is_not_loaded', async () => {
  const whole = setup([torrent(1), torrent(2)]);
  await selectAll(whole);
  assert.deepEqual([whole.selection.list(), whole.requests.length], [[1, 2], 0]);
  const part = setup([torrent(1)], 3);
  await selectAll(part);
  assert.deepEqual([part.selection.list(), part.requests.length], [[1, 2, 3], 1]);
});

test('select_all_is_dropped_if_the_view_changes', async () => {
  const app = setup([torrent(1)], 3);
  const done = selectAll(app);
  app.view.value = { ...DEFAULT_VIEW, search: 'x' };
  await done;
  assert.deepEqual(app.selection.list(), []);
});
