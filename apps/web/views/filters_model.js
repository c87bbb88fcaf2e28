/** Contents of the sidebar: which filters there are, with their counts and their order. */

/** @import { IconName } from '../ui/icons.js' */
/** @import { Category, Counts } from '../types.js' */
/** @import { Filters, StateName, View } from '../query.js' */

import { DEFAULT_VIEW, FILTER_FIELDS, toHash } from '../query.js';

/** @typedef {{ name: StateName | 'all', icon: IconName, isRare: boolean }} StateEntry Rare ones are left out while they
 *    count none. */
/** @typedef {Record<string, number>} CountMap Numbers of torrents by value. */
/** @typedef {{ path: string, name: string, depth: number, count: number, hasChildren: boolean }} CategoryEntry */
/** @typedef {{ value: string, count: number }} ValueEntry */

/** @param {StateName | 'all'} name @param {IconName} icon @param {boolean} [isRare] @returns {StateEntry} */
const state = (name, icon, isRare = false) => ({ name, icon, isRare });

/** @type {readonly StateEntry[]} */
export const STATE_ENTRIES = [
  state('all', 'category'), state('downloading', 'download'), state('seeding', 'upload'), state('complete', 'check'),
  state('active', 'limits'), state('paused', 'pause'), state('queued', 'clock', true),
  state('checking', 'refresh', true), state('metadata', 'magnet', true), state('done', 'goals', true),
  state('scheduled', 'calendar', true), state('loading', 'folder', true), state('error', 'error', true),
  state('tracker_error', 'tracker', true), state('incomplete', 'piece', true), state('inactive', 'queue', true),
];
/** States that exist beside others, so that they say nothing new while all are shown. */
const DERIVED = new Set(['incomplete', 'inactive']);

/** Returns the number of torrents with a state. @param {Counts} counts @param {StateName | 'all'} name */
export function stateCount(counts, name) {
  const { all, active, states, complete = 0, tracker_errors: trackerErrors = 0 } = counts;
  switch (name) {
    case 'all': return all;
    case 'active': return active;
    case 'inactive': return all - active;
    case 'complete': return complete;
    case 'incomplete': return all - complete;
    case 'tracker_error': return trackerErrors;
    default: return states[name] ?? 0;
  }
}

/** Returns the states to show. @param {Counts | null} counts @param {readonly string[]} chosen */
export const shownStates = (counts, chosen) => STATE_ENTRIES.filter(({ name, isRare }) => !isRare
  || chosen.includes(name) || (!DERIVED.has(name) && counts !== null && stateCount(counts, name) > 0));

/** Returns the tree of categories as a list, children after their parents. A count includes the children; those of a
 *  closed category are left out.
 *  @param {readonly Pick<Category, 'path'>[]} categories @param {CountMap} counts @param {readonly string[]} closed
 *  @param {string} locale @returns {CategoryEntry[]} */
export function categoryTree(categories, counts, closed, locale) {
  /** @type {Map<string, number>} */
  const totals = new Map();
  const paths = new Set([...categories.map(({ path }) => path), ...Object.keys(counts)]);
  for (const path of paths) {
    if (path === '') continue;
    const parts = path.split('/');
    parts.forEach((_, i) => {
      const ancestor = parts.slice(0, i + 1).join('/');
      totals.set(ancestor, (totals.get(ancestor) ?? 0) + (counts[path] ?? 0));
    });
  }
  const { compare } = new Intl.Collator(locale, { numeric: true });
  const sorted = [...totals.keys()].map((path) => path.split('/')).sort((a, b) => comparePaths(a, b, compare));
  const hidden = new Set(closed);
  return sorted.filter((parts) => !parts.some((_, i) => i > 0 && hidden.has(parts.slice(0, i).join('/'))))
    .map((parts) => {
      const path = parts.join('/');
      const hasChildren = sorted.some((other) => other.length === parts.length + 1
        && other.slice(0, -1).join('/') === path);
      const name = parts[parts.length - 1];
      return { path, name, depth: parts.length - 1, count: totals.get(path) ?? 0, hasChildren };
    });
}

/** @param {readonly string[]} a @param {readonly string[]} b @param {(a: string, b: string) => number} compare */
function comparePaths(a, b, compare) {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const order = compare(a[i], b[i]) || (a[i] < b[i] ? -1 : Number(a[i] > b[i]));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Returns values with counts in the order of the language; the absent value, an empty text, comes last. Chosen values
 *  are there with any count.
 *  @param {readonly string[]} known values that exist without torrents @param {CountMap} counts
 *  @param {readonly string[]} chosen @param {string} locale @returns {ValueEntry[]} */
export function valueList(known, counts, chosen, locale) {
  const { compare } = new Intl.Collator(locale, { numeric: true });
  const values = [...new Set([...known, ...Object.keys(counts), ...chosen])];
  return values.sort((a, b) => Number(a === '') - Number(b === '') || compare(a, b))
    .map((value) => ({ value, count: counts[value] ?? 0 }));
}

/** Returns the folders without the part that all of them begin with, by which they are easier to tell apart.
 *  @param {readonly string[]} dirs @returns {Map<string, string>} name to show for each folder */
export function folderNames(dirs) {
  const split = dirs.filter((dir) => dir !== '').map((dir) => dir.split('/'));
  let common = 0;
  if (split.length > 1) {
    const shortest = Math.min(...split.map((parts) => parts.length));
    while (common < shortest - 1 && split.every((parts) => parts[common] === split[0][common])) common += 1;
  }
  return new Map(dirs.map((dir) => [dir, common > 1 ? `\u2026/${dir.split('/').slice(common).join('/')}` : dir]));
}

/** Returns the number of conditions of a view. @param {Pick<View, 'filters'>} view */
export const conditionCount = ({ filters }) =>
  FILTER_FIELDS.reduce((sum, field) => sum + filters[field].length, 0);

/** Returns the number of fields with conditions, between which AND or OR makes a difference.
 *  @param {Filters} filters */
export const fieldCount = (filters) => FILTER_FIELDS.filter((field) => filters[field].length > 0).length;

/** Returns true if two hashes are of the same view. @param {View} view @param {string} hash */
export const isViewOf = (view, hash) => toHash(view) === hash.replace(/^#$/, '');

/** Returns true if a view can be saved: it differs from the start. @param {View} view */
export const canSave = (view) => !isViewOf(view, toHash(DEFAULT_VIEW));
