import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isInherited, parseRatio, validGoals } from './goal_text.js';

test('ratio_is_a_number_in_the_digits_of_the_user', () => {
  for (const [text, decimal, ratio] of [
    ['2', '.', 2], [' 1.5 ', '.', 1.5], ['1,5', ',', 1.5], ['1.5', ',', 1.5], ['٢٫٥', '٫', 2.5], ['.5', '.', 0.5],
    ['0', '.', 0],
    ['', '.', null], ['a', '.', null], ['-1', '.', null], ['1,5', '.', null], ['1e9', '.', null],
    ['5000000', '.', null],
  ]) assert.equal(parseRatio(text, decimal), ratio, text);
});

test('stored_goals_are_valid', () => {
  const none = { ratio: 'inherit', seeding_s: 'inherit', idle_s: 'inherit', action: null };
  for (const stored of [null, 5, 'x', [], { ratio: { at: 'x' }, action: 'format' }, { ratio: { at: -1 } }]) {
    assert.deepEqual(validGoals(stored), none);
  }
  const goals = { ratio: { at: 2 }, seeding_s: 'unlimited', idle_s: 'inherit', action: 'stop' };
  assert.deepEqual(validGoals({ ...goals, more: 1 }), goals);
  assert.deepEqual([isInherited({}), isInherited({ action: 'stop' }), isInherited(goals)], [true, false, false]);
});
