import assert from 'node:assert/strict';
import { test } from 'node:test';

import { subtree, treeRows } from './label_tree.js';

const categories = (...paths) => paths.map((path) => ({ path }));
const shown = (rows) => rows.map(({ depth, name }) => `${'-'.repeat(depth)}${name}`);

test('category_is_followed_by_those_below_it', () => {
  const all = categories('video-old', 'video/series/new', 'audio', 'video', 'video/series', 'video/film');
  assert.deepEqual(shown(treeRows(all, [])), ['audio', 'video', '-film', '-series', '--new', 'video-old']);
});

test('category_without_its_parent_has_its_whole_path', () => {
  assert.deepEqual(shown(treeRows(categories('a/b/c', 'a'), [])), ['a', '-b/c']);
  assert.deepEqual(shown(treeRows(categories('a/b'), [])), ['a/b']);
});

test('search_keeps_the_categories_above', () => {
  const all = categories('audio', 'video', 'video/film', 'video/series');
  assert.deepEqual(shown(treeRows(all, ['seri'])), ['video', '-series']);
  assert.deepEqual(treeRows(all, ['x']), []);
});

test('subtree_has_whole_parts_of_the_path', () => {
  assert.deepEqual(subtree(categories('a', 'a/b', 'ab'), 'a').map(({ path }) => path), ['a', 'a/b']);
});
