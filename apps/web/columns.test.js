import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  COLUMNS, COLUMN_ORDER, fittingColumns, moved, resized, stateText, toggled, toneOf, tracksOf,
} from './columns.js';
import { createFormat } from './format.js';
import { createI18n } from './i18n.js';
import { COLUMN_KEYS, DEFAULT_COLUMNS } from './query.js';

const i18n = createI18n({ languages: ['en'] });
const context = { t: i18n.t, f: createFormat('en', 'UTC'), clean: (text) => text.replaceAll('\0', '\ufffd') };
const torrent = {
  id: 7, hash: 'ab', name: 'a\0b', state: 'downloading', fault: null, progress: 0.5, size_bytes: 1024,
  total_bytes: 2048, left_bytes: 512, down_per_s: 0, up_per_s: 2048, downloaded_bytes: 0, uploaded_bytes: 1,
  ratio: 1, eta_s: 60, peers: 3, seeds: 2, swarm_seeds: 90, swarm_leechers: null, queue_position: 4,
  is_forced: false, is_private: true, category: null, tags: ['x', 'y'], dir: '/d', added_unix_s: 0,
  finished_unix_s: null, active_s: 61, seeding_s: 0, limits: { down_per_s: null, up_per_s: 1024 },
  tracker: null, tracker_error: null, moving: null,
};
const keys = (columns) => columns.map(({ key }) => key);
const text = (key, fields) => COLUMNS[key].text({ ...torrent, ...fields }, context).replaceAll('\u00a0', ' ');

test('every_column_has_a_label_and_a_text', () => {
  assert.deepEqual([...COLUMN_ORDER].sort(), [...COLUMN_KEYS].sort());
  for (const key of COLUMN_KEYS) {
    assert.notEqual(i18n.t(COLUMNS[key].label), COLUMNS[key].label, key);
    assert.equal(typeof text(key), 'string', key);
  }
});

test('texts_leave_out_what_is_zero_or_absent', () => {
  assert.deepEqual(['name', 'down', 'up', 'seeds', 'peers', 'tags', 'finished', 'down_limit', 'up_limit'].map((key) =>
    text(key)), ['a\ufffdb', '', '2.00 KiB/s', '2 (90)', '3', 'x, y', '', '', '1.00 KiB/s']);
  assert.deepEqual([true, false, null].map((is_private) => text('private', { is_private })), ['Yes', 'No', '']);
});

test('state_says_what_hinders_the_torrent', () => {
  const state = (fields) => stateText({ ...torrent, ...fields }, context);
  assert.equal(state({}), 'Downloading');
  assert.equal(state({ is_forced: true }), 'Downloading · Forced');
  assert.equal(state({ state: 'paused', is_forced: true, tracker_error: 'down' }), 'Stopped');
  assert.equal(state({ state: 'seeding', tracker_error: 'not\0found' }), 'Tracker fails · Seeding · not\ufffdfound');
  assert.equal(state({ state: 'error', fault: { kind: 'io', message: 'disk full' } }), 'Error · disk full');
  assert.equal(state({ moving: { done_bytes: 1, total_bytes: 4 } }), 'Moving files 25.0%');
  assert.equal(state({ moving: { done_bytes: 0, total_bytes: 0 } }), 'Moving files');
});

test('tone_follows_state_and_trackers', () => {
  const tone = (fields) => toneOf({ ...torrent, ...fields });
  assert.deepEqual([tone({}), tone({ tracker_error: 'x' }), tone({ state: 'paused', tracker_error: 'x' }),
    tone({ state: 'error' }), tone({ state: 'made up' })], ['down', 'warn', 'idle', 'error', 'idle']);
});

test('narrow_windows_show_fewer_default_columns', () => {
  assert.deepEqual(fittingColumns(10_000), DEFAULT_COLUMNS);
  const narrow = fittingColumns(900);
  assert.ok(narrow.length < DEFAULT_COLUMNS.length && keys(narrow)[0] === 'name');
  assert.deepEqual(keys(fittingColumns(0)), ['name', 'progress', 'down', 'up']);
});

test('tracks_give_the_rest_to_the_name', () => {
  const columns = [{ key: 'name', widthPx: null }, { key: 'size', widthPx: 90 }];
  assert.equal(tracksOf(columns), 'minmax(230px, 1fr) 90px');
  assert.equal(tracksOf(resized(columns, 'name', 200.4)), '200px 90px');
  assert.equal(tracksOf(resized(columns, 'size', null)), 'minmax(230px, 1fr) 84px');
});

test('columns_move_and_toggle', () => {
  const columns = ['name', 'size', 'up'].map((key) => ({ key, widthPx: null }));
  assert.deepEqual(keys(moved(columns, 'name', 1)), ['size', 'name', 'up']);
  assert.deepEqual(keys(moved(columns, 'up', -5)), ['up', 'name', 'size']);
  assert.deepEqual(keys(moved(columns, 'name', 99)), ['size', 'up', 'name']);
  assert.deepEqual(keys(toggled(columns, 'size')), ['name', 'up']);
  assert.deepEqual(keys(toggled(columns, 'eta')), ['name', 'size', 'up', 'eta']);
  assert.deepEqual(keys(toggled([{ key: 'name', widthPx: null }], 'name')), ['name']);
});
