/** Goals of seeding as they are typed and stored. */

/** @import { Action, Goal, Goals } from '../../types.js' */

/** Largest ratio that the daemon takes. */
const MAX_RATIO = 4_000_000;
const ACTIONS = /** @type {const} */ (['stop', 'remove', 'remove_with_data']);
export const GOAL_NAMES = /** @type {const} */ (['ratio', 'seeding_s', 'idle_s']);

/** @typedef {(typeof GOAL_NAMES)[number]} GoalName */

/** Reads a ratio. Digits and the decimal separator may be those of the user. Returns null if it is none.
 *  @param {string} text @param {string} [decimal] */
export function parseRatio(text, decimal = '.') {
  const digits = text.trim().replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 15));
  const plain = digits.includes('.') ? digits : digits.replace(decimal, '.');
  if (!/^(\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  const ratio = Number(plain);
  return ratio <= MAX_RATIO ? ratio : null;
}

/** @param {unknown} goal @returns {Goal} */
function validGoal(goal) {
  const at = typeof goal === 'object' && goal !== null && 'at' in goal ? goal.at : null;
  if (typeof at === 'number' && Number.isFinite(at) && at >= 0) return { at };
  return goal === 'unlimited' ? 'unlimited' : 'inherit';
}

/** Returns goals of any stored value. @param {unknown} stored @returns {Required<Goals>} */
export function validGoals(stored) {
  const goals = /** @type {Record<string, unknown>} */ (typeof stored === 'object' && stored !== null ? stored : {});
  const action = ACTIONS.find((known) => known === goals.action) ?? null;
  return {
    ratio: validGoal(goals.ratio), seeding_s: validGoal(goals.seeding_s), idle_s: validGoal(goals.idle_s), action,
  };
}

/** Returns the action that sets all goals. @param {unknown} goals @returns {Action} */
export const goalsAction = (goals) => ({ kind: 'set_goals', ...validGoals(goals) });

/** True if the category and the settings decide everything. @param {Goals} goals */
export function isInherited(goals) {
  const { ratio, seeding_s, idle_s, action } = validGoals(goals);
  return [ratio, seeding_s, idle_s].every((goal) => goal === 'inherit') && action === null;
}
