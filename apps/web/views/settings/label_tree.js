/** Categories as a tree, and their settings in words. */

/** @import { App } from '../../app.js' */
/** @import { Category, Goal } from '../../types.js' */

import { rateName } from '../schedule_names.js';
import { matches } from './values.js';

/** @typedef {{ category: Category, depth: number, name: string }} TreeRow The name is that below its parent. */

/** Returns the categories in the order of the tree; those that a search has found with the ones above them.
 *  @param {readonly Category[]} categories @param {readonly string[]} words @returns {TreeRow[]} */
export function treeRows(categories, words) {
  const paths = new Set(categories.map(({ path }) => path));
  const found = categories.filter(({ path }) => matches(words, [path])).map(({ path }) => path);
  const shown = words.length === 0 ? paths : new Set(found.flatMap(upwards));
  return categories.filter(({ path }) => shown.has(path)).sort((a, b) => compare(a.path, b.path)).map((category) => {
    const above = upwards(category.path).slice(1).filter((path) => paths.has(path));
    const name = above.length > 0 ? category.path.slice(above[0].length + 1) : category.path;
    return { category, depth: above.length, name };
  });
}

/** Returns a path and those above it, the longest first. @param {string} path */
function upwards(path) {
  const parts = path.split('/');
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('/'));
}

/** Compares by parts, so that a category is followed by those below it. @param {string} a @param {string} b */
function compare(a, b) {
  const [left, right] = [a.split('/'), b.split('/')];
  const at = left.findIndex((part, i) => part !== right[i]);
  if (at < 0) return left.length - right.length;
  return right[at] === undefined ? 1 : left[at].localeCompare(right[at]) || (left[at] < right[at] ? -1 : 1);
}

/** Returns the categories at and below a path. @param {readonly Category[]} categories @param {string} path */
export const subtree = (categories, path) =>
  categories.filter((category) => category.path === path || category.path.startsWith(`${path}/`));

/** Returns what is set for a category, in words. @param {App} app @param {Category} category @returns {string[]} */
export function categoryFacts(app, { torrents, effective_save_path, limits, goals }) {
  const facts = [app.t('categories.torrents', { count: torrents })];
  if (effective_save_path !== null) facts.push(app.clean(effective_save_path));
  const { down_per_s: down = null, up_per_s: up = null } = limits;
  if (down !== null || up !== null) {
    facts.push(app.t('categories.limits_of', { down: rateName(app, down), up: rateName(app, up) }));
  }
  /** @param {Goal | undefined} goal @param {(value: number) => string} format */
  const goalText = (goal, format) => (typeof goal === 'object' ? format(goal.at) : app.t('categories.no_goal'));
  const isOwn = (/** @type {Goal | undefined} */ goal) => goal !== undefined && goal !== 'inherit';
  const { ratio, duration: span } = app.f();
  if (isOwn(goals.ratio)) facts.push(app.t('categories.ratio_of', { value: goalText(goals.ratio, ratio) }));
  if (isOwn(goals.seeding_s)) facts.push(app.t('categories.seeding_of', { value: goalText(goals.seeding_s, span) }));
  if (isOwn(goals.idle_s)) facts.push(app.t('categories.idle_of', { value: goalText(goals.idle_s, span) }));
  return facts;
}
