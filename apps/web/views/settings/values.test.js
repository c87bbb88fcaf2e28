import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fieldText, foundParts, humanName, isOptional, matches, parseField, tomlOf, wordsOf } from './values.js';

const setting = (type, more = {}) => ({ kind: { type, ...more }, default: more.default ?? 0 });
const parsed = (type, text, more, decimal) => {
  const { value, fault } = parseField(setting(type, more), text, decimal);
  return fault ?? value;
};

test('text_of_a_value_parses_to_the_same', () => {
  for (const [type, value, text] of [['rate', 5 * 1024 ** 2, '5 MiB/s'], ['rate', 1025, '1025 B/s'],
    ['time', 5400, '1h30m'], ['time', 0, '0s'], ['count', 500, '500'], ['ratio', 1.5, '1.5'], ['text', 'a b', 'a b'],
    ['path', '~/x', '~/x'], ['list', ['a:1', 'b:2'], 'a:1\nb:2'], ['list', [], '']]) {
    assert.equal(fieldText({ type }, value), text);
    assert.deepEqual(parsed(type, text), value, type);
  }
});

test('empty_text_is_no_value_only_where_there_may_be_none', () => {
  for (const [type, none] of [['count', 'none'], ['time', 'Never'], ['path', ''], ['text', '']]) {
    assert.equal(fieldText({ type }, null), '');
    for (const text of ['', none]) assert.equal(parsed(type, text, { is_optional: true }), null, type);
  }
  assert.deepEqual([parsed('count', ''), parsed('time', 'never'), parsed('ratio', '')], ['missing', 'missing', null]);
  // The kind of a rate does not say whether it is optional.
  const limit = { kind: { type: 'rate' }, default: null }, floor = { kind: { type: 'rate' }, default: 2048 };
  assert.deepEqual([isOptional(limit), isOptional(floor)], [true, false]);
  assert.deepEqual([parseField(limit, 'unlimited').fault, parseField(floor, '').fault], [null, 'missing']);
});

test('numbers_out_of_range_and_other_text_are_refused', () => {
  const range = { min: 1, max: 10, min_s: 60, max_s: 120 };
  assert.deepEqual(['0', '1', '10', '11', '1.5', '-1', 'x'].map((text) => parsed('count', text, range)),
    ['count', 1, 10, 'count', 'count', 'count', 'count']);
  assert.deepEqual(['59', '1m', '3m', 'soon'].map((text) => parsed('time', text, range)), ['time', 60, 'time', 'time']);
  assert.deepEqual(['0', '4 parsecs', 'x'].map((text) => parsed('rate', text)), ['zero', 'unit', 'number']);
});

test('numbers_of_the_user_are_taken', () => {
  assert.deepEqual([parsed('ratio', '1,5', {}, ','), parsed('ratio', '١٫٥', {}, '٫'), parsed('count', '١٢'),
    parsed('rate', '1,5 MiB/s', {}, ',')], [1.5, 1.5, 12, 1.5 * 1024 ** 2]);
});

test('list_has_an_item_per_line', () => {
  assert.deepEqual(parsed('list', '  a\n\n b \n'), ['a', 'b']);
});

test('search_needs_all_words_in_any_of_the_texts', () => {
  const texts = ['max_peers', 'Most peers', 'Maximum number of connections.'];
  assert.ok(matches(wordsOf('  Peers MAX '), texts) && matches([], texts) && !matches(wordsOf('peers dht'), texts));
  assert.deepEqual(foundParts('Most peers.', wordsOf('PEER . ost')), [{ text: 'M', isFound: false },
    { text: 'ost', isFound: true }, { text: ' ', isFound: false }, { text: 'peer', isFound: true },
    { text: 's', isFound: false }, { text: '.', isFound: true }]);
  assert.deepEqual(foundParts('abc', []), [{ text: 'abc', isFound: false }]);
});

test('name_of_a_key_without_a_message_is_readable', () => {
  assert.deepEqual([humanName('max_peers'), humanName('dht')], ['Max peers', 'Dht']);
});

test('configuration_file_is_that_of_the_daemon', () => {
  const row = (section, key, type, value) => ({ section, key, kind: { type }, value });
  assert.equal(tomlOf([
    row('limits', 'limit_down', 'rate', 5 * 1024 ** 2), row('limits', 'limit_up', 'rate', null),
    row('limits', 'schedule', 'list', ['daily 02:00-06:00 pause']), row('queue', 'max_downloads', 'count', 5),
    row('queue', 'slow_after', 'time', 60), row('goals', 'seed_ratio', 'ratio', 1.5),
    row('goals', 'seed_time', 'time', null), row('folders', 'download_dir', 'path', '/a "b"/c'),
    row('folders', 'share', 'bool', true),
  ]), '[limits]\nlimit_down = "5MiB/s"\nlimit_up = "unlimited"\nschedule = ["daily 02:00-06:00 pause"]\n\n'
    + '[queue]\nmax_downloads = 5\nslow_after = "1m"\n\n[goals]\nseed_ratio = 1.5\nseed_time = "never"\n\n'
    + '[folders]\ndownload_dir = "/a \\"b\\"/c"\nshare = true\n');
});
