import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changeOf, createFileTree, isFolder, priorityOf, progressOf, toggleOf, wantedOf } from './filetree.js';

/** Files of `path size have priority` lines. */
const filesOf = (...lines) => lines.map((line, index) => {
  const [path, size = '10', have = '0', priority = 'normal'] = line.split(' ');
  return { index, path, size_bytes: Number(size), have_bytes: Number(have), priority };
});
const shown = (tree) => tree.visible().map((node) => node.path);
const at = (tree, path) => tree.visible().find((node) => node.path === path);
const open = (tree, path) => tree.toggle(at(tree, path), true);

test('folder_that_is_alone_opens_at_first_with_all_that_are_alone_in_it', () => {
  const tree = createFileTree(filesOf('a/b/c/1', 'a/b/c/2', 'a/b/d/3'));
  assert.deepEqual(shown(tree), ['a', 'a/b', 'a/b/c', 'a/b/d']);
  open(tree, 'a/b/d');
  assert.deepEqual(shown(tree), ['a', 'a/b', 'a/b/c', 'a/b/d', 'a/b/d/3']);
  tree.toggle(at(tree, 'a/b'), false);
  assert.deepEqual(shown(tree), ['a', 'a/b']);
  tree.toggle(at(tree, 'a/b'), true);
  assert.deepEqual(shown(tree), ['a', 'a/b', 'a/b/c', 'a/b/d', 'a/b/d/3']);
});

test('torrent_of_one_file_is_one_row', () => {
  const tree = createFileTree(filesOf('movie.mkv 10 5'));
  assert.deepEqual(shown(tree), ['movie.mkv']);
  assert.equal(tree.rowOf(tree.visible()[0]).progress, 0.5);
  assert.deepEqual(shown(createFileTree([])), []);
});

test('slashes_without_a_name_between_make_no_folder', () => {
  const tree = createFileTree(filesOf('/x/1', 'x//2'));
  tree.toggleAll(true);
  const files = tree.filesOf(tree.visible());
  assert.equal(files.length, 2);
  assert.ok(tree.visible().every((node) => node.name !== ''));
});

test('file_and_folder_of_one_path_are_two_rows', () => {
  const tree = createFileTree(filesOf('a', 'a/b'));
  tree.toggleAll(true);
  assert.deepEqual(tree.visible().map((node) => node.key), ['d:a', 'f:1', 'f:0']);
});

test('names_are_in_natural_order_with_folders_first', () => {
  const tree = createFileTree(filesOf('file10', 'file9', 'B', 'a', 'z/1'));
  assert.deepEqual(shown(tree), ['z', 'a', 'B', 'file9', 'file10']);
  tree.sort('name', true);
  assert.deepEqual(shown(tree), ['z', 'file10', 'file9', 'B', 'a']);
});

test('large_folder_is_in_natural_order_too', () => {
  const names = Array.from({ length: 3000 }, (_, i) => `file${3000 - i}`);
  const tree = createFileTree(filesOf(...names));
  assert.deepEqual(shown(tree).slice(0, 3), ['file1', 'file2', 'file3']);
  assert.equal(shown(tree)[2999], 'file3000');
});

test('sort_by_a_value_falls_back_to_the_name', () => {
  const tree = createFileTree(filesOf('b 5', 'a 5', 'c 9', 'd 1 1'));
  tree.sort('size', true);
  assert.deepEqual(shown(tree), ['c', 'a', 'b', 'd']);
  tree.sort('progress', true);
  assert.deepEqual(shown(tree), ['d', 'a', 'b', 'c']);
});

test('folder_has_the_sums_of_its_files', () => {
  const tree = createFileTree(filesOf('t/a/1 10 10', 't/a/2 30 0 skip', 't/b/3 10 5 high', 't/4 0'));
  const root = at(tree, 't');
  assert.deepEqual([root.files, root.size, root.counts], [4, 50, [1, 0, 2, 1]]);
  assert.equal(progressOf(root), 0.75);
  assert.equal(priorityOf(root), 'mixed');
  assert.equal(wantedOf(root), null);
  assert.deepEqual([priorityOf(at(tree, 't/b')), wantedOf(at(tree, 't/b'))], ['high', true]);
});

test('progress_of_a_folder_is_that_of_the_wanted_files_unless_all_are_skipped', () => {
  const skipped = createFileTree(filesOf('t/1 10 5 skip', 't/2 10 0 skip'));
  assert.deepEqual([progressOf(at(skipped, 't')), wantedOf(at(skipped, 't'))], [0.25, false]);
  const empty = createFileTree(filesOf('t/1 0', 't/2 10 0 skip'));
  assert.equal(progressOf(at(empty, 't')), 1);
});

test('filter_shows_matching_files_in_open_folders_and_counts_only_them', () => {
  const tree = createFileTree(filesOf('t/Season 1/a.mkv', 't/s1/a.mkv 10', 't/s1/a.srt 1 0 skip', 't/s2/b.mkv'));
  tree.filter('S1 a');
  assert.deepEqual(shown(tree), ['t', 't/s1', 't/s1/a.mkv', 't/s1/a.srt']);
  assert.deepEqual([tree.counts().shown, at(tree, 't').files, at(tree, 't').size], [2, 2, 11]);
  tree.filter('mkv');
  tree.toggle(at(tree, 't/s2'), false);
  assert.ok(!shown(tree).includes('t/s2/b.mkv'));
  tree.filter('');
  assert.equal(at(tree, 't').files, 4);
  assert.ok(!shown(tree).includes('t/s1/a.mkv'), 'the folders are as they were before the filter');
});

test('filter_without_a_match_shows_nothing', () => {
  const tree = createFileTree(filesOf('t/a'));
  tree.filter('nothing');
  assert.deepEqual([shown(tree), tree.counts()], [[], { all: 1, shown: 0 }]);
});

test('same_files_change_nothing', () => {
  const files = () => filesOf('t/a 10 1', 't/b 10 2');
  const tree = createFileTree(files());
  const rows = tree.visible().map(tree.rowOf);
  assert.equal(tree.update(files()), false);
  tree.visible().forEach((node, i) => assert.equal(tree.rowOf(node), rows[i]));
});

test('new_values_change_only_the_rows_that_show_them', () => {
  const tree = createFileTree(filesOf('t/a 10 1', 't/b 10 2'));
  const [folder, a, b] = tree.visible().map(tree.rowOf);
  assert.equal(tree.update(filesOf('t/a 10 1', 't/b 10 3')), true);
  const [newFolder, newA, newB] = tree.visible().map(tree.rowOf);
  assert.equal(newA, a);
  assert.ok(newFolder !== folder && newB !== b);
  assert.deepEqual([newB.progress, newFolder.progress], [0.3, 0.2]);
});

test('other_paths_build_the_tree_again_with_the_same_folders_open', () => {
  const tree = createFileTree(filesOf('t/a/1', 't/b/2'));
  open(tree, 't/b');
  assert.equal(tree.update(filesOf('t/a/1', 't/b/3')), true);
  assert.deepEqual(shown(tree), ['t', 't/a', 't/b', 't/b/3']);
});

test('renamed_folder_stays_open', () => {
  const tree = createFileTree(filesOf('t/a/1', 't/b/2'));
  open(tree, 't/b');
  tree.update(filesOf('new/a/1', 'new/b/2'), { from: 't', to: 'new' });
  assert.deepEqual(shown(tree), ['new', 'new/a', 'new/b', 'new/b/2']);
});

test('files_of_nested_nodes_are_listed_once', () => {
  const tree = createFileTree(filesOf('t/a/1', 't/a/2', 't/3'));
  tree.toggleAll(true);
  const nodes = ['t/a', 't/a/1', 't/3'].map((path) => at(tree, path));
  assert.deepEqual(tree.filesOf(nodes).map((file) => file.index).sort(), [0, 1, 2]);
});

test('change_of_priority_leaves_out_files_that_have_it_and_can_be_reversed', () => {
  const files = filesOf('a 1 0 skip', 'b 1 0 high', 'c');
  const { choices, reverse } = changeOf(files, 'high');
  assert.deepEqual(choices, [{ index: 0, priority: 'high' }, { index: 2, priority: 'high' }]);
  assert.deepEqual(reverse, [{ index: 0, priority: 'skip' }, { index: 2, priority: 'normal' }]);
});

test('tick_of_a_mixed_folder_wants_the_skipped_files_and_keeps_other_priorities', () => {
  const files = filesOf('a 1 0 skip', 'b 1 0 high', 'c');
  assert.deepEqual(toggleOf(files).choices, [{ index: 0, priority: 'normal' }]);
  assert.deepEqual(toggleOf(files.slice(1)).choices.map(({ priority }) => priority), ['skip', 'skip']);
});

test('priorities_show_before_they_are_confirmed', () => {
  const tree = createFileTree(filesOf('t/a', 't/b'));
  tree.setPriorities([{ index: 1, priority: 'skip' }]);
  assert.equal(wantedOf(at(tree, 't')), null);
  assert.equal(tree.rowOf(at(tree, 't/b')).priority, 'skip');
});

test('rows_have_their_position_among_the_shown_rows_of_the_folder', () => {
  const tree = createFileTree(filesOf('t/b', 't/a', 't/c'));
  assert.deepEqual(tree.visible().map(tree.rowOf).map(({ position, siblings }) => [position, siblings]),
    [[1, 1], [1, 3], [2, 3], [3, 3]]);
});

test('very_deep_folders_need_no_recursion', () => {
  const depth = 5000;
  const tree = createFileTree(filesOf(`${'d/'.repeat(depth)}file 10 5`));
  assert.equal(tree.visible().length, depth + 1);
  assert.equal(progressOf(tree.visible()[0]), 0.5);
  assert.ok(isFolder(tree.visible()[depth - 1]));
});

test('hundred_thousand_files_are_built_updated_and_filtered_quickly', () => {
  const lines = (have) => Array.from({ length: 100_000 }, (_, i) =>
    `torrent/${i % 2 ? 'flat' : `d${i % 1000}/e${i % 5000}`}/file${(i * 7919) % 100_000}.bin 1000 ${have}`);
  const [first, second] = [filesOf(...lines(1)), filesOf(...lines(2))];
  const timed = (fn, maxMs) => {
    const startMs = performance.now();
    fn();
    const ms = performance.now() - startMs;
    assert.ok(ms < maxMs, `${ms} ms`);
  };
  let tree;
  timed(() => { tree = createFileTree(first); }, 1500);
  timed(() => { tree.toggleAll(true); tree.visible(); }, 2500);
  timed(() => tree.update(second), 500);
  timed(() => tree.update(second), 300);
  timed(() => { tree.filter('file77'); tree.visible(); }, 1000);
});
