/** Goals of seeding as fields of a form hold them. */

/** @import { Goal } from '../../types.js' */

/** @typedef {'ratio' | 'seeding_s' | 'idle_s'} GoalName */
/** @typedef {'inherit' | 'unlimited' | 'at'} GoalMode */
/** @typedef {{ mode: GoalMode, at: number | null }} GoalValue `at` counts in the mode `at` only. */

/** @type {readonly GoalName[]} */
export const GOALS = ['ratio', 'seeding_s', 'idle_s'];

/** @param {Goal | undefined} goal @returns {GoalValue} */
export function valueOf(goal) {
  if (goal === 'unlimited') return { mode: 'unlimited', at: null };
  return goal && goal !== 'inherit' ? { mode: 'at', at: goal.at } : { mode: 'inherit', at: null };
}

/** Returns the goal of a form; null if its value is missing. @param {GoalValue} value @returns {Goal | null} */
export function goalOf({ mode, at }) {
  if (mode !== 'at') return mode;
  return at === null ? null : { at };
}

/** @param {Goal | undefined} a @param {Goal | undefined} b */
export function isSameGoal(a, b) {
  const [x, y] = [valueOf(a), valueOf(b)];
  return x.mode === y.mode && x.at === y.at;
}
