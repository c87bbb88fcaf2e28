import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEFAULT_VIEW, toHash } from '../query.js';
import { canSave, categoryTree, conditionCount, fieldCount, folderNames, isViewOf, shownStates, stateCount, valueList }
  from './filters_model.js';

const counts = {
  all: 10, active: 4, complete: 7, tracker_errors: 2, states: { seeding: 6, error: 1 }, categories: {}, tags: {},
  trackers: {}, dirs: {},
};

test('state_count_reads_states_and_derives_others', () => {
  const names = ['all', 'active', 'inactive', 'complete', 'incomplete', 'tracker_error', 'seeding', 'paused'];
  assert.deepEqual(names.map((name) => stateCount(counts, name)), [10, 4, 6, 7, 3, 2, 6, 0]);
});

test('rare_states_are_shown_while_they_count_or_are_chosen', () => {
  const names = (...args) => shownStates(...args).map(({ name }) => name);
  assert.deepEqual(names(null, []), ['all', 'downloading', 'seeding', 'complete', 'active', 'paused']);
  assert.deepEqual(names(counts, []).slice(6), ['error', 'tracker_error']);
  assert.deepEqual(names(null, ['queued', 'inactive']).slice(6), ['queued', 'inactive']);
});

test('category_tree_adds_ancestors_and_their_counts', () => {
  const tree = categoryTree([{ path: 'b' }, { path: 'a/x 10' }], { '': 5, 'a/x 9': 2, b: 1, 'a/x 10': 3 }, [], 'en');
  assert.deepEqual(tree.map(({ path, depth, count, hasChildren }) => [path, depth, count, hasChildren]), [
    ['a', 0, 5, true], ['a/x 9', 1, 2, false], ['a/x 10', 1, 3, false], ['b', 0, 1, false],
  ]);
});

test('closed_category_hides_all_below_it', () => {
  const tree = categoryTree([{ path: 'a/b/c' }, { path: 'ab' }], {}, ['a'], 'en');
  assert.deepEqual(tree.map(({ path }) => path), ['a', 'ab']);
});

test('children_follow_their_parent_whatever_sorts_between', () => {
  const tree = categoryTree([{ path: 'a' }, { path: 'a!' }, { path: 'a/b' }], {}, [], 'en');
  assert.equal(tree.findIndex(({ path }) => path === 'a/b'), tree.findIndex(({ path }) => path === 'a') + 1);
});

test('value_list_sorts_by_language_and_ends_with_the_absent_value', () => {
  const list = valueList(['z'], { '': 3, b: 1, a: 2 }, ['gone'], 'en');
  const pairs = list.map(({ value, count }) => [value, count]);
  assert.deepEqual(pairs, [['a', 2], ['b', 1], ['gone', 0], ['z', 0], ['', 3]]);
});

test('folder_names_leave_out_what_is_common', () => {
  const names = (...dirs) => [...folderNames(dirs).values()];
  assert.deepEqual(names('/srv/data/films', '/srv/data/music/a'), ['…/films', '…/music/a']);
  assert.deepEqual(names('/srv/data'), ['/srv/data']);
  assert.deepEqual(names('/a', '/b'), ['/a', '/b']);
  assert.deepEqual(names('/srv/data', '/srv/data/x'), ['…/data', '…/data/x']);
  assert.deepEqual(names(), []);
});

test('conditions_and_views_are_compared', () => {
  const view = { ...DEFAULT_VIEW, filters: { ...DEFAULT_VIEW.filters, tag: ['a', 'b'], dir: ['/x'] } };
  assert.deepEqual([conditionCount(view), fieldCount(view.filters)], [3, 2]);
  assert.deepEqual([canSave(view), canSave(DEFAULT_VIEW)], [true, false]);
  assert.equal(isViewOf(view, toHash(view)), true);
  assert.deepEqual([isViewOf(DEFAULT_VIEW, '#'), isViewOf(view, '')], [true, false]);
});
