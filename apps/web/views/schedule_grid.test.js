import assert from 'node:assert/strict';
import { test } from 'node:test';

import { areaOf, colourOf, placeAfter } from './schedule_grid.js';

test('area_lies_between_two_places_and_of_fingers_in_whole_hours', () => {
  const [a, b] = [{ row: 3, slot: 17 }, { row: 1, slot: 8 }];
  assert.deepEqual(areaOf(a, b, false), { rows: [1, 3], slots: [8, 17] });
  assert.deepEqual(areaOf(b, { row: 1, slot: 9 }, true), { rows: [1, 1], slots: [8, 9] });
  assert.deepEqual(areaOf(a, a, true), { rows: [3, 3], slots: [16, 17] });
});

test('arrow_keys_follow_the_direction_of_reading_and_stay_in_the_week', () => {
  const at = { row: 6, slot: 47 };
  assert.deepEqual(placeAfter(at, 'ArrowRight', false, false), at);
  assert.deepEqual(placeAfter(at, 'ArrowRight', true, false), { row: 6, slot: 46 });
  assert.deepEqual(placeAfter(at, 'ArrowLeft', false, true), { row: 6, slot: 45 });
  assert.deepEqual(placeAfter(at, 'ArrowDown', false, false), at);
  assert.deepEqual(placeAfter(at, 'PageUp', false, false), { row: 0, slot: 47 });
  assert.deepEqual(placeAfter(at, 'Home', false, false), { row: 6, slot: 0 });
  assert.equal(placeAfter(at, 'x', false, false), null);
});

test('each_limit_has_a_colour', () => {
  const limit = (down) => ({ kind: 'limits', down, up: null });
  const effects = [limit(1), { kind: 'pause' }, limit(2)];
  assert.deepEqual([colourOf(effects, limit(2)), colourOf(effects, limit(3)), colourOf(effects, { kind: 'pause' }),
    colourOf(effects, null)], ['limits-1', 'limits-2', 'pause', 'none']);
});
