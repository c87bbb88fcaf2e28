import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ancestors, completions, isAbsolute, isBelowHome, joinPath, nameOf, parentOf, splitPath, tidyPath, validRecent,
  withRecent,
} from './path_text.js';

test('path_is_split_into_the_folder_to_list_and_a_prefix', () => {
  for (const [text, dir, prefix] of [
    ['/', '/', ''], ['/s', '/', 's'], ['/srv/', '/srv', ''], ['/srv/do', '/srv', 'do'], ['//srv//do', '/srv', 'do'],
    ['  /srv/two words', '/srv', 'two words'],
  ]) assert.deepEqual(splitPath(text), { dir, prefix }, text);
  for (const text of ['', 'srv', '~/x', './x', 'C:\\x']) assert.equal(splitPath(text), null, text);
});

test('parts_of_paths_are_joined_and_removed', () => {
  assert.deepEqual(['/', '/srv'].map((dir) => joinPath(dir, 'a')), ['/a', '/srv/a']);
  assert.deepEqual(['/', '/srv', '/srv/a/', 'a'].map(parentOf), [null, '/', '/srv', null]);
  assert.deepEqual([' /srv//a/ ', '/', ''].map(tidyPath), ['/srv/a', '/', '']);
  assert.deepEqual(ancestors('/a/b/'), ['/a/b', '/a', '/']);
  assert.deepEqual(ancestors('a/b'), []);
  assert.deepEqual(['/a/b', 'a', '/'].map(nameOf), ['b', 'a', '']);
  assert.equal(isAbsolute(`/${'a'.repeat(5000)}`), false);
});

test('completions_begin_with_the_prefix_and_then_contain_it', () => {
  const names = ['Films', 'old films', '.films', 'music'];
  assert.deepEqual(completions(names, 'fi'), ['Films', 'old films']);
  assert.deepEqual(completions(names, ''), ['Films', 'old films', 'music']);
  assert.deepEqual(completions(names, '.f'), ['.films']);
  assert.equal(completions(Array.from({ length: 100 }, (_, i) => `a${i}`), 'a', 10).length, 10);
});

test('recent_folders_are_unique_and_few', () => {
  assert.deepEqual(withRecent(['/a', '/b'], '/b/'), ['/b', '/a']);
  assert.deepEqual(withRecent(['/a'], 'x'), ['/a']);
  assert.equal(withRecent(Array.from({ length: 8 }, (_, i) => `/${i}`), '/new').length, 8);
  for (const [stored, paths] of [[null, []], [[1, 'x', '/a', '/a'], ['/a']], [{ length: 1 }, []]]) {
    assert.deepEqual(validRecent(stored), paths);
  }
});

test('path_below_the_home_folder_begins_with_a_tilde_of_its_own', () => {
  for (const text of ['~', '~/', '~/Downloads']) assert.ok(isBelowHome(text), text);
  for (const text of ['', '/~', '~user/x', 'x/~']) assert.ok(!isBelowHome(text), text);
});
