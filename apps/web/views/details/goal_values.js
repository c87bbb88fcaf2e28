/** Goals of seeding as fields of a form hold them. */

/** @import { Goal, Goals } from '../../types.js' */

/** @typedef {'ratio' | 'seeding_s' | 'idle_s'} GoalName */
/** @typedef {'inherit' | 'unlimited' | 'at'} GoalMode */
/** @typedef {{ mode: GoalMode, at: number | null }} GoalValue `at` counts in the mode `at` only. */

/** @type {readonly GoalName[]} */
export const GOALS = ['ratio', 'seeding_s', 'idle_s'];
/** Largest ratio that the API takes. */
export const MAX_RATIO = 4_000_000;

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

/** Returns goals with all fields, as the action takes them. @param {Goals} goals @returns {Required<Goals>} */
export const wholeGoals = (goals) =>
  ({ ratio: 'inherit', seeding_s: 'inherit', idle_s: 'inherit', action: null, ...goals });

/** Reads a ratio such as `1.5`, with the separator of the user; null if it is none.
 *  @param {string} text @param {string} [decimal] */
export function parseRatio(text, decimal = '.') {
  const digits = text.trim().replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 15));
  const plain = decimal !== '.' && !digits.includes('.') ? digits.replace(decimal, '.') : digits;
  const value = /^(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : NaN;
  return value <= MAX_RATIO ? value : null;
}
