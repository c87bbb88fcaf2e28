import assert from 'node:assert/strict';
import { test } from 'node:test';

import { listPairs } from './api.js';
import { random } from './base/random.helpers.js';
import {
  COLUMN_KEYS, DEFAULT_VIEW, DENSITIES, FILTER_FIELDS, SORT_KEYS, STATES, fromHash, hasFilters, sortBy, toHash,
  toQuery, toggleFilter,
} from './query.js';

/** Checks all that the rest of the program relies on. */
function assertValid(view) {
  for (const field of FILTER_FIELDS) {
    const values = view.filters[field];
    assert.ok(values.length <= 50 && new Set(values).size === values.length);
    assert.ok(values.every((value) => value.length <= 500));
  }
  assert.ok(view.filters.state.every((state) => STATES.includes(state)));
  assert.ok(view.search.length <= 500);
  for (const [items, known] of [[view.sort, SORT_KEYS], [view.columns, COLUMN_KEYS]]) {
    const keys = items.map(({ key }) => key);
    assert.ok(keys.length > 0 && new Set(keys).size === keys.length && keys.every((key) => known.includes(key)));
  }
  assert.ok(view.sort.every(({ isDescending }) => typeof isDescending === 'boolean'));
  assert.ok(view.columns.every(({ widthPx }) => widthPx === null || (widthPx >= 40 && widthPx <= 2000)));
  assert.ok(DENSITIES.includes(view.density));
}

test('default_view_has_an_empty_hash', () => {
  assert.equal(toHash(DEFAULT_VIEW), '');
  for (const hash of ['', '#', '#?', '#=', '#&&&', '#color=red', '#sort=', '#columns=x,y&density=huge&state=melted']) {
    assert.deepEqual(fromHash(hash), DEFAULT_VIEW, hash);
  }
});

test('hash_is_readable_and_round_trips', () => {
  const view = {
    filters: { state: ['paused', 'error'], category: ['linux/debian', ''], tag: ['a&b=c#%'], tracker: [] },
    search: 'ubuntu 日本', sort: [{ key: 'down', isDescending: true }, { key: 'name', isDescending: false }],
    columns: [{ key: 'name', widthPx: 300 }, { key: 'tags', widthPx: null }], density: 'compact',
  };
  const hash = toHash(view);
  assert.equal(hash, '#state=paused&state=error&category=linux%2Fdebian&category=&tag=a%26b%3Dc%23%25'
    + '&search=ubuntu+%E6%97%A5%E6%9C%AC&sort=-down,name&columns=name:300,tags&density=compact');
  assert.deepEqual(fromHash(hash), view);
  assert.deepEqual(fromHash(hash.slice(1)), view);
});

test('hostile_hashes_decode_to_valid_views', () => {
  const { sort, columns } = fromHash(
    '#sort=-name,name,--size,constructor&columns=name:1,name,size:99999,up:1e3,eta:-5');
  assert.deepEqual(sort, [{ key: 'name', isDescending: true }]);
  assert.deepEqual(columns, [{ key: 'name', widthPx: 40 }, { key: 'size', widthPx: 2000 }, { key: 'up', widthPx: null },
    { key: 'eta', widthPx: null }]);
  assert.deepEqual(fromHash(`#search=${'x'.repeat(20_000)}`), DEFAULT_VIEW);
  const tags = Array.from({ length: 500 }, (_, i) => `&tag=${i % 100}`).join('');
  const long = fromHash(`#search=${'x'.repeat(499)}😀${tags}`);
  assert.deepEqual([long.search, long.filters.tag.length], ['x'.repeat(499), 50]);
  for (const hash of ['#%', '#search=%ff%fe%', '#state=%E0%A4%A', '#__proto__=1&constructor=2', '#search=\ud800']) {
    assertValid(fromHash(hash));
  }
});

test('random_hashes_decode_to_valid_views_that_round_trip', () => {
  const pick = random(1);
  const parts = ['#', '&', '=', '%', '%00', '%ff', ',', ':', '-', '+', 'x', '😀', '\ud83d', '\u202e', '9', '300',
    'search', 'density', 'compact', 'columns', 'sort', '&tag=', '&sort=', '&columns=', '&state=', ...FILTER_FIELDS,
    ...STATES, ...COLUMN_KEYS];
  for (let n = 0; n < 20_000; n += 1) {
    const hash = Array.from({ length: pick(25) }, () => parts[pick(parts.length)]).join('');
    const view = fromHash(hash);
    assertValid(view);
    assert.deepEqual(fromHash(toHash(view)), view, JSON.stringify(hash));
  }
});

test('random_views_round_trip', () => {
  const pick = random(2);
  const some = (items, most) => [...new Set(Array.from({ length: pick(most + 1) }, () => items[pick(items.length)]))];
  const texts = ['', 'a', 'A b', '&', '#', '+', '%20', ',', ':', '\0', '日本', '😀', '\u202e', 'x'.repeat(500)];
  for (let n = 0; n < 5000; n += 1) {
    const sort = some(SORT_KEYS, 4).map((key) => ({ key, isDescending: pick(2) === 1 }));
    const columns = some(COLUMN_KEYS, 9).map((key) => ({ key, widthPx: pick(2) ? null : 40 + pick(1961) }));
    const view = {
      filters: { state: some(STATES, 3), category: some(texts, 4), tag: some(texts, 4), tracker: some(texts, 4) },
      search: texts[pick(texts.length)], density: DENSITIES[pick(3)],
      sort: sort.length ? sort : DEFAULT_VIEW.sort, columns: columns.length ? columns : DEFAULT_VIEW.columns,
    };
    assert.deepEqual(fromHash(toHash(view)), view);
  }
});

test('query_has_the_names_of_the_api', () => {
  const view = fromHash('#state=active&tag=&search=a+b&sort=-down,name');
  assert.deepEqual(listPairs(toQuery(view, { offset: 20, limit: 40, counts: true })), [
    ['state', 'active'], ['tag', ''], ['search', 'a b'], ['sort', '-down'], ['sort', 'name'], ['offset', '20'],
    ['limit', '40'], ['counts', 'true'],
  ]);
  assert.deepEqual(listPairs(toQuery({ ...DEFAULT_VIEW, search: '  ' })), [['sort', '-added']]);
});

test('sort_by_a_column_flips_or_adds_its_key', () => {
  const name = { key: 'name', isDescending: false }, size = { key: 'size', isDescending: true };
  assert.deepEqual(sortBy([name], 'size'), [size]);
  assert.deepEqual(sortBy([size, name], 'size'), [{ ...size, isDescending: false }]);
  assert.deepEqual(sortBy([name], 'size', true), [name, size]);
  assert.deepEqual(sortBy([name, size], 'name', true), [{ ...name, isDescending: true }, size]);
});

test('toggle_of_a_filter_adds_and_removes_a_value', () => {
  const { filters } = DEFAULT_VIEW;
  const one = toggleFilter(filters, 'tag', '');
  assert.deepEqual([one.tag, hasFilters(one), hasFilters(filters)], [[''], true, false]);
  assert.deepEqual(toggleFilter(one, 'tag', ''), filters);
});
