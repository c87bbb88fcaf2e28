import assert from 'node:assert/strict';
import { test } from 'node:test';

import { signal } from '../../base/signal.js';
import { USUAL, createOptions, folderOf, validStored } from './options.js';

const CATEGORIES = [
  { path: 'linux', effective_save_path: '/srv/linux' }, { path: 'films', effective_save_path: null }];

/** Context with the parts that options use. */
function fakeApp({ stored, settings = {} } = {}) {
  const kept = signal(validStored(stored));
  return {
    kept, categories: signal(CATEGORIES), t: (key) => key, clean: (text) => text, prefs: { define: () => kept },
    api: { setting: async (key) => ({ value: settings[key] ?? null }) },
  };
}

test('any_stored_value_gives_options', () => {
  for (const stored of [null, 5, [], { category: '../x', tags: 'a', dir: 'x', downPerS: -1, goals: 7 }]) {
    assert.deepEqual(validStored(stored), USUAL);
  }
  const options = { ...USUAL, category: 'a/b', tags: ['x'], dir: '/srv', start: false, toTop: true, upPerS: 5 };
  assert.deepEqual(validStored({ ...options, tags: ['x', 7, 'a,b'], more: 1 }), options);
});

test('folder_of_a_new_category_is_below_that_of_its_parent', () => {
  assert.deepEqual(['linux', 'linux/iso', 'films', 'films/old', 'new', ''].map((path) => folderOf(CATEGORIES, path)),
    ['/srv/linux', '/srv/linux/iso', null, null, null, null]);
});

test('settings_decide_before_the_first_choice', async () => {
  const settings = { download_dir: '/srv/all', start_paused: true };
  const first = createOptions(fakeApp({ settings }));
  const later = createOptions(fakeApp({ settings, stored: { start: true } }));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([first.fields.start.value, later.fields.start.value, first.dir.value], [false, true, '/srv/all']);
  first.fields.category.value = ' linux/ ';
  assert.deepEqual([first.dir.value, first.otherDir.value], ['/srv/linux', '/srv/linux']);
  first.fields.dir.value = '/mnt/x/';
  assert.equal(first.dir.value, '/mnt/x');
});

test('request_leaves_to_the_settings_what_is_not_chosen', () => {
  const app = fakeApp();
  const options = createOptions(app);
  const { dir, category, sequential, to_top, limits, paused, trackers } = options.toRequest();
  assert.deepEqual([dir, category, sequential, to_top, limits, paused, trackers],
    [null, null, null, null, { down_per_s: null, up_per_s: null }, false, []]);
  options.fields.trackers.value = 'udp://t.example:1\n\nhttp://u.example';
  options.fields.name.value = ' n ';
  assert.deepEqual([options.toRequest().trackers, options.toRequest().name, options.rare.value],
    [['udp://t.example:1', 'http://u.example'], 'n', 2]);
  options.fields.category.value = 'a';
  options.remember();
  assert.deepEqual([app.kept.value.category, app.kept.value.start, 'name' in app.kept.value], ['a', true, false]);
});
