import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MAX_LINES, filtered, joined, lineText, sinceOf } from './log_lines.js';

const line = (number, { level = 'info', message = `line ${number}`, unix_ms = number * 1000 } = {}) =>
  ({ number, unix_ms, level, target: 'ztor_session', message });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => line(from + i));
const numbers = ({ lines, isNewStart }) => [lines.map(({ number }) => number), isNewStart];

test('answer_continues_the_known_lines', () => {
  const lines = joined([], range(1, 3)).lines;
  assert.equal(sinceOf(lines), 2);
  assert.deepEqual(numbers(joined(lines, range(3, 5))), [[1, 2, 3, 4, 5], false]);
  assert.equal(joined(lines, range(3, 3)).lines, lines);
  assert.deepEqual([sinceOf([]), numbers(joined([], []))], [0, [[], false]]);
});

test('lines_that_the_daemon_has_dropped_leave_a_gap', () => {
  assert.deepEqual(numbers(joined(range(1, 2), range(7, 8))), [[1, 2, 7, 8], false]);
});

test('start_of_the_daemon_is_known_by_the_last_line', () => {
  for (const answer of [[], [line(3, { unix_ms: 9000 })]]) {
    assert.deepEqual(numbers(joined(range(1, 3), answer)), [[1, 2, 3], true]);
  }
});

test('oldest_lines_are_dropped', () => {
  const { lines } = joined(range(1, MAX_LINES), range(MAX_LINES, MAX_LINES + 10));
  assert.deepEqual([lines.length, lines[0].number, lines.at(-1).number], [MAX_LINES, 11, MAX_LINES + 10]);
});

test('filter_takes_a_level_and_all_words', () => {
  const lines = [line(1, { level: 'error', message: 'Disk full' }), line(2, { level: 'debug', message: 'disk slow' }),
    line(3, { level: 'warn', message: 'tracker' })];
  const shown = (level, words) => filtered(lines, level, words).map(({ number }) => number);
  assert.deepEqual([shown('trace', []), shown('warn', []), shown('trace', ['disk'])], [[1, 2, 3], [1, 3], [1, 2]]);
  assert.deepEqual([shown('trace', ['session', 'slow']), shown('error', ['slow'])], [[2], []]);
});

test('copy_of_a_line_is_one_line', () => {
  assert.equal(lineText(line(1, { level: 'warn', message: 'a\r\nb' })),
    '1970-01-01T00:00:01.000Z WARN  ztor_session: a ⏎ b');
});
