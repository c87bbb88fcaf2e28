import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createFormat, durationText, formatFor, parseDuration, parseLimit, parseSize, sizeText } from './format.js';

/** Formats with plain spaces. */
const spaced = (text) => text.replace(/[\u00a0\u202f]/g, ' ');
const each = (format, cases) => {
  for (const [value, text] of cases) assert.equal(spaced(format(value)), text, String(value));
};
const { size, rate, ratio, percent, duration, eta, count } = formatFor('en');

test('size_has_three_digits_as_on_the_command_line', () => {
  each(size, [
    [0, '0 B'], [1023, '1,023 B'], [1024, '1.00 KiB'], [1024 * 1023, '1.00 MiB'], [1536 * 1024, '1.50 MiB'],
    [20 * 2 ** 20, '20.0 MiB'], [256 * 2 ** 20, '256 MiB'], [2 ** 64, '16.0 EiB'], [2 ** 80, '1,048,576 EiB'],
  ]);
  each(formatFor('de').size, [[1536 * 1024, '1,50 MiB']]);
  each(rate, [[2048, '2.00 KiB/s'], [0, '0 B/s']]);
});

test('missing_values_are_an_em_dash', () => {
  const format = formatFor('en');
  for (const value of [null, undefined, NaN, Infinity, -1, '5']) {
    for (const name of ['size', 'rate', 'ratio', 'percent', 'duration', 'eta', 'dateTime', 'date', 'clock', 'count']) {
      assert.equal(format[name](value), '—', name);
    }
    assert.equal(format.ago(value, 0), '—');
  }
  assert.equal(format.dateTime(1e13), '—');
});

test('percent_is_whole_only_at_the_end', () => {
  each(percent, [
    [0, '0.0%'], [0.0004, '0.0%'], [0.57, '57.0%'], [0.29, '29.0%'], [0.9994, '99.9%'], [0.99999999999, '99.9%'],
    [1 - Number.EPSILON, '99.9%'], [1, '100%'], [1.5, '100%'],
  ]);
  for (let i = 0; i <= 1000; i += 1) {
    const text = i === 1000 ? '100%' : `${(i / 10).toFixed(1)}%`;
    assert.equal(percent(i / 1000), text);
  }
  each(formatFor('de').percent, [[0.5, '50,0 %']]);
});

test('ratio_is_rounded_down', () => {
  each(ratio, [[0, '0.00'], [0.999, '0.99'], [1, '1.00'], [1.15, '1.15'], [2.999999, '2.99'], [123.46, '123.4'],
    [4e6, '4,000,000']]);
});

test('duration_has_two_units', () => {
  each(duration, [[0, '0s'], [59.9, '59s'], [60, '1m 00s'], [61, '1m 01s'], [7500, '2h 05m'], [277_200, '3d 05h'],
    [86_400 * 1234, '1234d 00h']]);
  each(eta, [[59, '59s'], [8_640_000, '∞'], [8_639_999, '99d 23h']]);
});

test('dates_follow_the_locale_and_the_zone', () => {
  const format = createFormat('en-GB', 'UTC');
  assert.equal(spaced(format.dateTime(1_700_000_000)), '14 Nov 2023, 22:13');
  assert.equal(format.date(0), '1 Jan 1970');
  assert.equal(format.clock(1_700_000_000), '22:13:20');
  assert.equal(createFormat('de', 'Asia/Tokyo').date(1_700_000_000), '15.11.2023');
  each((s) => format.ago(s, 1_000_000), [
    [1_000_000, 'now'], [999_941, '59 seconds ago'], [999_940, '1 minute ago'], [913_600, 'yesterday'],
    [1_007_200, 'in 2 hours'],
  ]);
});

test('counts_are_grouped', () => {
  each(count, [[0, '0'], [10_000, '10,000']]);
  assert.equal(formatFor('de').count(10_000), '10.000');
});

test('formatters_are_kept_and_a_malformed_tag_is_english', () => {
  assert.equal(formatFor('de'), formatFor('de'));
  assert.equal(formatFor('not a tag').count(1000), '1,000');
  assert.equal(formatFor('de').decimal, ',');
});

test('parse_size_accepts_what_the_daemon_accepts', () => {
  for (const [text, bytes] of [
    ['0', 0], ['16384', 16384], ['500k', 512_000], ['500kB', 500_000], ['5MiB', 5 * 2 ** 20], [' 5 MiB ', 5 * 2 ** 20],
    ['1.5m', 3 * 2 ** 19], ['2GB', 2e9], ['.5k', 512], ['5.', 5], ['1ti', 2 ** 40], ['7 TB', 7e12], ['1.9', 1],
  ]) assert.deepEqual(parseSize(text), { value: bytes, fault: null }, text);
  for (const [text, fault] of [
    ['', 'number'], ['MiB', 'number'], ['1.2.3k', 'number'], ['5 parsecs', 'unit'], ['-1', 'number'], ['.', 'number'],
    ['99999999999999T', 'range'], ['1e5', 'unit'], ['1,5', 'unit'], ['5 constructor', 'unit'], ['5 MiB\n5', 'unit'],
    ['9'.repeat(5000), 'range'],
  ]) assert.deepEqual(parseSize(text), { value: null, fault }, text);
});

test('parse_size_takes_the_separator_and_digits_of_the_user', () => {
  assert.equal(parseSize('1,5 MiB', ',').value, 3 * 2 ** 19);
  assert.equal(parseSize('1.5 MiB', ',').value, 3 * 2 ** 19);
  assert.equal(parseSize('1.000,5', ',').fault, 'unit');
  assert.equal(parseSize('1,000,5', ',').fault, 'unit');
  assert.equal(parseSize('٤ MiB', '٫').value, 4 * 2 ** 20);
  assert.equal(parseSize('١٫٥k', '٫').value, 1536);
});

test('parse_limit_accepts_unlimited_and_refuses_zero', () => {
  assert.equal(parseLimit('4 MiB/s').value, 4 * 2 ** 20);
  assert.deepEqual(parseLimit(' Unlimited '), { value: null, fault: null });
  assert.equal(parseLimit('0').fault, 'zero');
  assert.equal(parseLimit('0.2').fault, 'zero');
  assert.equal(parseLimit('5/s/s').fault, 'unit');
});

test('parse_duration_adds_parts_up', () => {
  for (const [text, s] of [['45', 45], ['30s', 30], ['10min', 600], ['1h30m', 5400], ['1d', 86_400], ['1h5', 3605]]) {
    assert.equal(parseDuration(text).value, s, text);
  }
  for (const text of ['', 'h', '1x', '1h-2', '1 h', '99999999999999999999s', '1constructor']) {
    assert.equal(parseDuration(text).value, null, text);
  }
  for (const part of ['9', '9a', 'a']) assert.equal(parseDuration(`${part.repeat(5000)}!`).value, null);
});

test('texts_of_fields_parse_to_the_same', () => {
  for (const [bytes, text] of [[0, '0 B'], [2 ** 20, '1 MiB'], [1536, '1536 B'], [500_000, '500 kB'], [3e9, '3 GB']]) {
    assert.deepEqual([sizeText(bytes), parseSize(text).value], [text, bytes]);
  }
  for (const [s, text] of [[0, '0s'], [60, '1m'], [5400, '1h30m'], [604_800, '7d'], [86_401, '1d1s']]) {
    assert.deepEqual([durationText(s), parseDuration(text).value], [text, s]);
  }
});
