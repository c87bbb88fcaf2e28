import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createCursor, placeIn } from './cursor.js';

const snapshot = (first, ...ids) => ({ total: 100, first, rows: ids.map((id) => ({ id })) });

test('place_follows_its_torrent', () => {
  assert.deepEqual(placeIn({ id: 5, index: 0 }, snapshot(10, 4, 5, 6)), { id: 5, index: 11 });
  const gone = { id: 9, index: 11 };
  assert.equal(placeIn(gone, snapshot(10, 4, 5, 6)), gone);
});

test('unknown_place_takes_the_torrent_that_arrives', () => {
  const place = { id: null, index: 12 };
  assert.equal(placeIn(place, snapshot(20, 1)), place);
  assert.deepEqual(placeIn(place, snapshot(10, 4, 5, 6)), { id: 6, index: 12 });
  assert.deepEqual(placeIn({ id: null, index: -1 }, snapshot(0, 1)), { id: null, index: -1 });
});

test('anchor_stays_while_a_range_grows', () => {
  const cursor = createCursor();
  const rows = snapshot(0, 1, 2, 3, 4);
  cursor.move({ id: null, index: 1 }, rows);
  cursor.move({ id: null, index: 3 }, rows, { keepsAnchor: true });
  assert.deepEqual([cursor.id.value, cursor.anchorIndex()], [4, 1]);
  cursor.follow(snapshot(0, 2, 1, 4, 3));
  assert.deepEqual([cursor.place(), cursor.anchorIndex()], [{ id: 4, index: 2 }, 0]);
  cursor.reset();
  assert.deepEqual([cursor.id.value, cursor.anchorIndex()], [null, -1]);
});
