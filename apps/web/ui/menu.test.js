import assert from 'node:assert/strict';
import { test } from 'node:test';

import { placeMenu } from './menu.js';

const WINDOW = { width: 1000, height: 600 };
const SIZE = { width: 200, height: 100 };
const box = (left, top, width = 40, height = 30) => ({ left, top, right: left + width, bottom: top + height });
const place = (anchor, { beside = false, isRtl = false } = {}) => placeMenu(anchor, SIZE, WINDOW, { beside, isRtl });

test('menu_opens_below_the_start_of_its_anchor', () => {
  assert.deepEqual(place(box(100, 50)), { x: 100, y: 84 });
  assert.deepEqual(place(box(500, 50), { isRtl: true }), { x: 340, y: 84 });
});

test('menu_without_room_opens_at_the_other_side', () => {
  assert.deepEqual(place(box(950, 560)), { x: 790, y: 456 });
  assert.deepEqual(place(box(20, 50), { isRtl: true }), { x: 20, y: 84 });
});

test('submenu_opens_beside_its_entry', () => {
  assert.deepEqual(place(box(100, 50, 200), { beside: true }), { x: 300, y: 46 });
  assert.deepEqual(place(box(700, 50, 200), { beside: true }), { x: 500, y: 46 });
  assert.deepEqual(place(box(700, 50, 200), { beside: true, isRtl: true }), { x: 500, y: 46 });
});

test('menu_stays_in_the_window', () => {
  assert.deepEqual(place({ left: 995, right: 995, top: 595, bottom: 595 }), { x: 792, y: 491 });
  assert.deepEqual(placeMenu(box(2, 2), { width: 2000, height: 900 }, WINDOW, { beside: false, isRtl: false }),
    { x: 8, y: 8 });
});
