import assert from 'node:assert/strict';
import { test } from 'node:test';

import { commonShift, layoutOf, topToShow, windowAt } from './list.js';

const ROW = 24;
const VIEW = 600;
/** Part of a list with the given keys from the index `first` on. */
const snapshot = (first, keys) => ({ total: 10_000, first, rows: keys });
const keys = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
const shiftOf = (before, after, top, viewRows = 10) => commonShift(before, after, (key) => key, top, viewRows);

test('layout_below_the_limit_is_as_high_as_its_rows', () => {
  assert.deepEqual(layoutOf(10_000, ROW, VIEW), {
    total: 10_000, rowHeight: ROW, viewRows: 25, maxTop: 9975, spacePx: 240_000, scrollPxPerRow: ROW,
  });
});

test('layout_shorter_than_the_view_does_not_scroll', () => {
  assert.equal(layoutOf(3, ROW, VIEW).maxTop, 0);
  assert.equal(layoutOf(0, ROW, VIEW).spacePx, 0);
});

test('layout_above_the_limit_maps_the_end_of_the_bar_to_the_end_of_the_list', () => {
  for (const total of [333_334, 1_000_000, 10_000_000, 2 ** 31]) {
    const layout = layoutOf(total, ROW, VIEW);
    assert.equal(layout.spacePx, 8_000_000);
    const lastScrollPx = layout.spacePx - VIEW;
    assert.ok(Math.abs(lastScrollPx / layout.scrollPxPerRow - (total - VIEW / ROW)) < 1e-3, `${total} rows`);
    assert.ok(layout.scrollPxPerRow < ROW);
  }
});

test('layout_at_the_limit_is_not_scaled', () => {
  assert.equal(layoutOf(8_000_000 / 20, 20, VIEW).scrollPxPerRow, 20);
});

test('layout_of_any_size_returns_from_a_scroll_position_to_the_same_top', () => {
  for (const total of [26, 10_000, 1_000_000, 50_000_000]) {
    const { scrollPxPerRow, maxTop } = layoutOf(total, ROW, VIEW);
    for (const share of [0, 0.1, 0.5, 0.999, 1]) {
      const top = share * maxTop;
      assert.ok(Math.abs((top * scrollPxPerRow) / scrollPxPerRow - top) < 1e-6);
    }
  }
});

test('window_includes_partly_visible_rows_and_overscan', () => {
  assert.deepEqual(windowAt(0, 25, 8), { first: 0, count: 33 });
  assert.deepEqual(windowAt(100, 25, 8), { first: 92, count: 41 });
  assert.deepEqual(windowAt(100.5, 25, 8), { first: 92, count: 42 });
  assert.deepEqual(windowAt(3.9, 2.2, 0), { first: 3, count: 4 });
});

test('window_of_every_position_covers_the_view', () => {
  for (let top = 0; top < 50; top += 0.37) {
    const { first, count } = windowAt(top, 12.7, 2);
    assert.ok(first <= top && first + count >= top + 12.7);
  }
});

test('top_to_show_a_visible_row_stays', () => {
  assert.equal(topToShow(100, 100, 25), 100);
  assert.equal(topToShow(124, 100, 25), 100);
});

test('top_to_show_a_row_outside_moves_as_little_as_possible', () => {
  assert.equal(topToShow(99, 100, 25), 99);
  assert.equal(topToShow(125, 100, 25), 101);
  assert.equal(topToShow(100, 100.5, 25), 100);
  assert.equal(topToShow(9999, 0, 25.5), 9974.5);
});

test('shift_without_changes_is_zero', () => {
  assert.equal(shiftOf(snapshot(90, keys(90, 130)), snapshot(90, keys(90, 130)), 100), 0);
});

test('shift_after_insertion_above_is_the_number_of_new_rows', () => {
  const after = snapshot(90, [-1, -2, -3, ...keys(90, 127)]);
  assert.equal(shiftOf(snapshot(90, keys(90, 130)), after, 100), 3);
});

test('shift_after_removal_above_is_negative', () => {
  assert.equal(shiftOf(snapshot(90, keys(90, 130)), snapshot(90, keys(94, 134)), 100), -4);
});

test('shift_to_another_window_of_the_same_list_is_zero', () => {
  assert.equal(shiftOf(snapshot(90, keys(90, 130)), snapshot(95, keys(95, 150)), 100), 0);
});

test('shift_counts_only_visible_rows', () => {
  // Insertion below the view, above most of the loaded rows.
  const after = snapshot(90, [...keys(90, 112), -1, -2, ...keys(112, 130)]);
  assert.equal(shiftOf(snapshot(90, keys(90, 130)), after, 100), 0);
});

test('shift_after_a_row_has_moved_within_the_view_is_zero', () => {
  const after = snapshot(100, [105, ...keys(100, 105), ...keys(106, 110)]);
  assert.equal(shiftOf(snapshot(100, keys(100, 110)), after, 100), 0);
});

test('shift_of_rows_in_another_order_is_zero', () => {
  assert.equal(shiftOf(snapshot(100, keys(100, 110)), snapshot(100, keys(100, 110).reverse()), 100), 0);
});

test('shift_to_other_rows_is_zero', () => {
  assert.equal(shiftOf(snapshot(100, keys(100, 110)), snapshot(100, keys(500, 510)), 100), 0);
  assert.equal(shiftOf(snapshot(100, keys(100, 110)), snapshot(0, []), 100), 0);
  assert.equal(shiftOf(snapshot(0, []), snapshot(100, keys(100, 110)), 100), 0);
  assert.equal(shiftOf(snapshot(0, keys(0, 10)), snapshot(3, keys(0, 10)), 500), 0, 'no loaded row is visible');
});

test('shift_of_half_of_the_rows_is_zero', () => {
  const after = snapshot(100, [...keys(100, 105), -1, ...keys(105, 110)]);
  assert.equal(shiftOf(snapshot(100, keys(100, 110)), after, 100), 0);
});
