import assert from 'node:assert/strict';
import { test } from 'node:test';

import { goalOf, isSameGoal, valueOf } from './goal_values.js';

test('goals_pass_through_a_form_unchanged', () => {
  for (const goal of ['inherit', 'unlimited', { at: 0 }, { at: 1.5 }]) {
    assert.deepEqual(goalOf(valueOf(goal)), goal);
    assert.ok(isSameGoal(goal, structuredClone(goal)));
  }
  assert.deepEqual(valueOf(undefined), { mode: 'inherit', at: null });
});

test('goal_without_its_value_is_none', () => {
  assert.equal(goalOf({ mode: 'at', at: null }), null);
  assert.equal(goalOf({ mode: 'unlimited', at: 5 }), 'unlimited');
});

test('goals_with_other_values_differ', () => {
  assert.ok(!isSameGoal({ at: 1 }, { at: 2 }));
  assert.ok(!isSameGoal('inherit', { at: 0 }));
  assert.ok(isSameGoal(undefined, 'inherit'));
});
