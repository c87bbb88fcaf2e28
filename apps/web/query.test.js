import assert from 'node:assert/strict';
import { test } from 'node:test';

import { random } from './base/random.helpers.js';
import {
  COLUMN_KEYS, DEFAULT_VIEW, DENSITIES, FILTER_FIELDS, SORT_KEYS, STATES, clearedFilters, fromHash, hasFilters,
  hashPairs, isFiltered, sortBy, toHash, toQuery, toggleFilter, validColumns, withoutSort,
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
  for (const name of ['any', 'allTags', 'isRegex']) assert.equal(typeof view[name], 'boolean');
  const columns = view.columns ?? [{ key: 'name', widthPx: null }];
  for (const [items, known] of [[view.sort, SORT_KEYS], [columns, COLUMN_KEYS]]) {
    const keys = items.map(({ key }) => key);
    assert.ok(keys.length > 0 && new Set(keys).size === keys.length && keys.every((key) => known.includes(key)));
  }
  assert.ok(view.sort.every(({ isDescending }) => typeof isDescending === 'boolean'));
  assert.ok(columns.every(({ widthPx }) => widthPx === null || (widthPx >= 40 && widthPx <= 2000)));
  assert.ok(view.density === null || DENSITIES.includes(view.density));
}

test('default_view_has_an_empty_hash', () => {
  assert.equal(toHash(DEFAULT_VIEW), '');
  for (const hash of ['', '#', '#?', '#=', '#&&&', '#color=red', '#sort=', '#columns=x,y&density=huge&state=melted',
    '#any=1&is_regex=&all_tags=yes', '#/settings?section=web', '#/log&state=paused', '#torrent=5&tab=files']) {
    assert.deepEqual(fromHash(hash), DEFAULT_VIEW, hash);
  }
});

test('hash_is_readable_and_round_trips', () => {
  const view = {
    filters: {
      state: ['paused', 'tracker_error'], category: ['linux/debian', ''], tag: ['a&b=c#%'], tracker: [], dir: ['/a b'],
    },
    any: true, allTags: true, search: 'ubuntu 日本', isRegex: true,
    sort: [{ key: 'down', isDescending: true }, { key: 'name', isDescending: false }],
    columns: [{ key: 'name', widthPx: 300 }, { key: 'tags', widthPx: null }], density: 'compact',
  };
  const hash = toHash(view);
  assert.equal(hash, '#state=paused&state=tracker_error&category=linux/debian&category=&tag=a%26b%3Dc%23%25&dir=/a+b'
    + '&any=true&all_tags=true&search=ubuntu+%E6%97%A5%E6%9C%AC&is_regex=true'
    + '&sort=-down,name&columns=name:300,tags&density=compact');
  assert.deepEqual(fromHash(hash), view);
  assert.deepEqual(fromHash(hash.slice(1)), view);
});

test('hash_has_room_for_the_pairs_of_the_router', () => {
  const view = { ...DEFAULT_VIEW, search: 'x' };
  assert.equal(toHash(view, { torrent: 12, tab: 'files', page: null, section: '' }), '#search=x&torrent=12&tab=files');
  assert.equal(toHash(DEFAULT_VIEW, { torrent: 0 }), '#torrent=0');
  assert.deepEqual(fromHash('#search=x&torrent=12&tab=files'), view);
  assert.equal(hashPairs('#search=x&torrent=12').get('torrent'), '12');
  assert.deepEqual([...hashPairs('#/settings?torrent=1')], []);
  assert.deepEqual([...hashPairs(`#torrent=${'1'.repeat(20_000)}`)], []);
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
    'search', 'density', 'compact', 'columns', '&any=true', '&is_regex=true', '&all_tags=true', '/', 'sort',
    '&tag=', '&sort=', '&columns=', '&state=', ...FILTER_FIELDS, ...STATES, ...COLUMN_KEYS];
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
      filters: {
        state: some(STATES, 3), category: some(texts, 4), tag: some(texts, 4), tracker: some(texts, 4),
        dir: some(texts, 4),
      },
      any: pick(2) === 1, allTags: pick(2) === 1, isRegex: pick(2) === 1,
      search: texts[pick(texts.length)], density: [...DENSITIES, null][pick(4)],
      sort: sort.length ? sort : DEFAULT_VIEW.sort, columns: columns.length ? columns : null,
    };
    assert.deepEqual(fromHash(toHash(view)), view);
  }
});

test('query_has_the_names_of_the_api', () => {
  const view = fromHash('#state=active&tag=&dir=/data&search=a+b&is_regex=true&any=true&all_tags=true&sort=-down,name');
  assert.deepEqual(toQuery(view, { offset: 20, limit: 40, counts: true }), {
    state: ['active'], category: [], tag: [''], tracker: [], dir: ['/data'], any: true, all_tags: true, search: 'a b',
    is_regex: true, sort: ['-down', 'name'], offset: 20, limit: 40, counts: true,
  });
  const { search, sort, offset, limit, counts } = toQuery({ ...DEFAULT_VIEW, search: '  ' });
  assert.deepEqual([search, sort, offset, limit, counts], [null, ['-added'], 0, null, false]);
});

test('sort_by_a_column_flips_or_adds_its_key', () => {
  const name = { key: 'name', isDescending: false }, size = { key: 'size', isDescending: true };
  assert.deepEqual(sortBy([name], 'size'), [size]);
  assert.deepEqual(sortBy([size, name], 'size'), [{ ...size, isDescending: false }]);
  assert.deepEqual(sortBy([name], 'size', true), [name, size]);
  assert.deepEqual(sortBy([name, size], 'name', true), [{ ...name, isDescending: true }, size]);
});

test('sort_without_a_key_is_never_empty', () => {
  const name = { key: 'name', isDescending: false }, size = { key: 'size', isDescending: true };
  assert.deepEqual(withoutSort([name, size], 'name'), [size]);
  assert.deepEqual(withoutSort([name], 'name'), DEFAULT_VIEW.sort);
});

test('stored_columns_are_checked', () => {
  for (const bad of [undefined, null, 5, 'name', {}, [], [null, 1, {}, { key: 'x' }]]) {
    assert.equal(validColumns(bad), null);
  }
  assert.deepEqual(validColumns([{ key: 'name', widthPx: '9' }, { key: 'size', widthPx: 9, x: 1 }, { key: 'name' }]),
    [{ key: 'name', widthPx: null }, { key: 'size', widthPx: 40 }]);
});

test('toggle_of_a_filter_adds_and_removes_a_value', () => {
  const { filters } = DEFAULT_VIEW;
  const one = toggleFilter(filters, 'tag', '');
  assert.deepEqual([one.tag, hasFilters(one), hasFilters(filters)], [[''], true, false]);
  assert.deepEqual(toggleFilter(one, 'tag', ''), filters);
  const views = [DEFAULT_VIEW, { ...DEFAULT_VIEW, search: ' ' }, { ...DEFAULT_VIEW, filters: one },
    { ...DEFAULT_VIEW, search: 'x' }];
  assert.deepEqual(views.map(isFiltered), [false, false, true, true]);
});

test('cleared_filters_leave_no_torrent_out_and_keep_the_order', () => {
  const view = fromHash('#state=error&tag=a&tag=b&any=true&all_tags=true&search=x&is_regex=true&sort=name');
  const cleared = { ...view, ...clearedFilters() };
  assert.equal(isFiltered(cleared), false);
  assert.equal(toHash(cleared), '#sort=name');
});
