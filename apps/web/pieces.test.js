import assert from 'node:assert/strict';
import { test } from 'node:test';

import { averageRuns } from './base/chart.js';
import { ACTIVE, HAVE, MISSING, NO_PIECES, bytesOf, decodePieces, runsOf, statesOf, summaryOf } from './pieces.js';

const base64 = (bytes) => Buffer.from(bytes).toString('base64');

test('bits_are_read_from_the_highest_of_the_first_byte', () => {
  const states = statesOf(new Uint8Array([0b1000_0001, 0b0100_0000]), 11, []);
  assert.deepEqual([...states], [HAVE, 0, 0, 0, 0, 0, 0, HAVE, 0, HAVE, 0]);
});

test('piece_in_progress_is_active_unless_it_is_present', () => {
  assert.deepEqual([...statesOf(new Uint8Array([0b1000_0000]), 3, [0, 2, 7])], [HAVE, MISSING, ACTIVE]);
});

test('short_or_broken_bit_field_leaves_pieces_missing', () => {
  assert.deepEqual([...statesOf(new Uint8Array(0), 3, [])], [0, 0, 0]);
  const { states, bytes } = decodePieces({ count: 9, have: '%', availability: '%', partial: [] });
  assert.deepEqual([states, [...bytes]], [[9, 0], Array(9).fill(0)]);
  assert.equal(bytesOf('%').length, 0);
});

test('runs_join_equal_values', () => {
  assert.deepEqual(runsOf([]), []);
  assert.deepEqual(runsOf([2, 2, 0, 1, 1, 1]), [2, 2, 1, 0, 3, 1]);
});

test('answer_is_decoded_into_runs_for_the_map', () => {
  const pieces = decodePieces({
    count: 10, have: base64([0b1110_0000, 0]), availability: base64([3, 3, 3, 3, 3, 0, 0, 0, 0, 1]), partial: [4],
  });
  assert.deepEqual(pieces.states, [3, HAVE, 1, MISSING, 1, ACTIVE, 5, MISSING]);
  assert.deepEqual(pieces.availability, [5, 3, 4, 0, 1, 1]);
  assert.deepEqual([...averageRuns(pieces.states, pieces.count, 10, [0, 0, 1])], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
});

test('pieces_without_a_peer_have_no_availability', () => {
  const pieces = decodePieces({ count: 2, have: base64([0]), availability: base64([0, 0]), partial: [] });
  assert.equal(pieces.availability, undefined);
});

test('bytes_behind_the_last_piece_are_ignored', () => {
  const pieces = decodePieces({ count: 2, have: base64([255, 255]), availability: base64([1, 2, 3]), partial: [] });
  assert.deepEqual([pieces.states, pieces.availability], [[2, HAVE], [1, 1, 1, 2]]);
});

test('summary_counts_pieces_and_copies', () => {
  const pieces = decodePieces({
    count: 4, have: base64([0b1000_0000]), availability: base64([2, 1, 1, 1]), partial: [1],
  });
  assert.deepEqual(summaryOf(pieces), { have: 1, active: 1, missing: 2, unavailable: 0, copies: 1.25 });
  assert.deepEqual(summaryOf(NO_PIECES), { have: 0, active: 0, missing: 0, unavailable: 0, copies: 0 });
});

test('hundred_thousand_pieces_are_decoded_within_a_frame_or_two', () => {
  const count = 100_000;
  const have = base64(Uint8Array.from({ length: count / 8 }, (_, i) => (i * 37) & 255));
  const availability = base64(Uint8Array.from({ length: count }, (_, i) => i % 7));
  const answer = { count, have, availability, partial: [5, 50, 500] };
  const startMs = performance.now();
  const pieces = decodePieces(answer);
  const ms = performance.now() - startMs;
  assert.equal(pieces.states.filter((_, i) => i % 2 === 0).reduce((sum, n) => sum + n, 0), count);
  assert.ok(ms < 200, `${ms} ms`);
});
