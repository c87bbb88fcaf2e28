import assert from 'node:assert/strict';
import { test } from 'node:test';

import { restoreTorrents } from './restore.js';

const kept = (name, fields) => ({
  id: 1, source: { magnet: name }, options: { dir: '/d' }, tiers: [['http://t']], paths: new Map(), start: null,
  ...fields,
});

/** App whose daemon adds torrents, except those that are refused. */
function setup(refused) {
  const sent = [], notes = [];
  const app = {
    t: (key, params) => `${key} ${params?.count ?? ''}`, clean: (text) => text, errorText: (error) => error.message,
    toasts: { show: (note) => notes.push(note) }, refreshLabels: () => {},
    api: {
      add: async ({ sources: [{ magnet }], options }) => {
        sent.push(['add', magnet, options.paused]);
        const problem = { type: 'storage', status: 500, detail: 'no space' };
        return { results: [refused.has(magnet) ? { result: 'failed', problem } : { result: 'added', id: 7 }] };
      },
      files: async () => [{ index: 0, path: 'a/x' }, { index: 2, path: 'a/y' }],
      act: async ({ action: { kind, ...rest } }) => {
        sent.push([kind, ...Object.values(rest)]);
        return { done: [7], under_way: [], failed: [] };
      },
    },
  };
  return { app, sent, notes };
}

test('restored_torrent_starts_after_its_files_have_their_names', async () => {
  const { app, sent, notes } = setup(new Set());
  const paths = new Map([[0, 'b/x'], [2, 'b/y']]);
  await restoreTorrents(app, [kept('m', { paths, start: { kind: 'start', force: true } }), kept('n')]);
  assert.deepEqual(sent, [['add', 'm', true], ['edit_trackers', [['http://t']]], ['rename_path', 'a', 'b'], ['recheck'],
    ['start', true], ['add', 'n', true], ['edit_trackers', [['http://t']]]]);
  assert.deepEqual(notes.map(({ kind, text }) => [kind, text]), [['success', 'remove.restored 2']]);
});

test('torrents_that_cannot_be_restored_are_offered_again', async () => {
  const refused = new Set(['a']);
  const { app, sent, notes } = setup(refused);
  await restoreTorrents(app, [kept('a'), kept('b')]);
  assert.deepEqual(sent.filter(([kind]) => kind === 'add').map(([, name]) => name), ['a', 'b']);
  assert.deepEqual([notes.length, notes[0].kind], [1, 'error']);
  refused.clear();
  await notes[0].action.run();
  assert.deepEqual([sent.at(-2), notes[1].kind], [['add', 'a', true], 'success']);
});
