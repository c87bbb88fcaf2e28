import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PIECE_SIZES, USUAL, badWebSeed, requestOf, validStored } from './request.js';

const FORM = {
  path: '/srv/a', format: 'v2', pieceBytes: '', trackers: '', webSeeds: '', comment: ' ', source: '', ignore: '',
  category: 'x', isPrivate: false, hasHidden: false, isAdded: true,
};

test('any_stored_value_gives_choices', () => {
  for (const stored of [null, 5, { format: 'v3', isPrivate: 1, ignore: 7 }]) {
    assert.deepEqual(validStored(stored), USUAL);
  }
  const stored = { format: 'v1', isPrivate: true, isAdded: false, hasHidden: true, ignore: '*.tmp' };
  assert.deepEqual(validStored(stored), stored);
});

test('empty_fields_leave_the_choice_to_the_daemon', () => {
  assert.deepEqual(requestOf(FORM), {
    path: '/srv/a', format: 'v2', piece_bytes: null, trackers: [], web_seeds: [], comment: '', source: '',
    is_private: false, ignore: [], include_hidden: false, add: true, category: 'x',
  });
  const full = requestOf({
    ...FORM, pieceBytes: '65536', trackers: 'udp://a.example\n\nudp://b.example', ignore: '*.tmp\n\n a ',
    isAdded: false,
  });
  assert.deepEqual([full.piece_bytes, full.trackers, full.ignore, full.category],
    [65_536, [['udp://a.example'], ['udp://b.example']], ['*.tmp', 'a'], null]);
});

test('web_seeds_are_urls', () => {
  assert.equal(badWebSeed('https://a.example/\nHTTP://b.example/x\n'), null);
  assert.equal(badWebSeed('https://a.example/\nudp://b.example'), 'udp://b.example');
  assert.equal(badWebSeed('ftp://b.example/x'), 'ftp://b.example/x');
});

test('piece_sizes_are_powers_of_two', () => {
  assert.deepEqual([PIECE_SIZES[0], PIECE_SIZES.at(-1)], [16_384, 64 * 2 ** 20]);
});
