/**
 * State of the list view, in the hash of the URL and as a list query.
 *
 * A hash may come from anyone. Every text decodes to a state that is valid and of bounded size: what is unknown, out of
 * range or too long is left out. Names and values are those of the API where it has them. Other pages have a hash that
 * begins with `#/`, which is the default view here; the router reads those.
 */

/** @import { ListQuery, Sort as SortText, State } from './types.js' */

/** @typedef {Exclude<SortText, `-${string}`>} SortKey */
/** @typedef {SortKey | 'total' | 'left' | 'tags' | 'active_time' | 'seeding_time' | 'down_limit' | 'up_limit'
 *    | 'private' | 'hash'} ColumnKey */
/** @typedef {{ key: SortKey, isDescending: boolean }} Sort */
/** @typedef {{ key: ColumnKey, widthPx: number | null }} Column Null is the width of the style sheet. */
/** @typedef {'compact' | 'normal' | 'roomy'} Density */
/** @typedef {'state' | 'category' | 'tag' | 'tracker' | 'dir'} FilterField */
/** @typedef {Readonly<Record<FilterField, readonly string[]>>} Filters An empty text is no category, tag or tracker. */
/** @typedef {Exclude<State, 'unknown'> | 'active' | 'inactive' | 'complete' | 'incomplete' | 'tracker_error'}
 *    StateName */
/** @typedef {object} View
 *  @property {Filters} filters
 *  @property {boolean} any true if a torrent needs to match the filters of one field rather than of all
 *  @property {boolean} allTags true if a torrent needs all tags of the filter rather than one
 *  @property {string} search
 *  @property {boolean} isRegex true if the search is a regular expression
 *  @property {readonly Sort[]} sort later keys count where earlier ones are equal
 *  @property {readonly Column[] | null} columns in order; null for the usual ones of the user
 *  @property {Density | null} density null for the usual one of the user */
/** @typedef {Readonly<Record<string, string | number | null | undefined>>} Extra Further pairs of a hash. */

/** @type {readonly FilterField[]} */
export const FILTER_FIELDS = ['state', 'category', 'tag', 'tracker', 'dir'];
/** States that can be filtered. @type {readonly StateName[]} */
export const STATES = ['active', 'inactive', 'complete', 'incomplete', 'downloading', 'seeding', 'metadata', 'checking',
  'queued', 'paused', 'done', 'scheduled', 'loading', 'error', 'tracker_error'];
/** @type {readonly SortKey[]} */
export const SORT_KEYS = ['id', 'name', 'state', 'progress', 'size', 'down', 'up', 'downloaded', 'uploaded', 'ratio',
  'eta', 'peers', 'seeds', 'queue', 'category', 'added', 'finished', 'tracker', 'dir'];
/** @type {readonly ColumnKey[]} */
export const COLUMN_KEYS = [...SORT_KEYS, 'total', 'left', 'tags', 'active_time', 'seeding_time', 'down_limit',
  'up_limit', 'private', 'hash'];
/** @type {readonly Density[]} */
export const DENSITIES = ['compact', 'normal', 'roomy'];
/** Keys of which users look for the largest values first. @type {ReadonlySet<string>} */
const LARGEST_FIRST = new Set(['progress', 'size', 'down', 'up', 'downloaded', 'uploaded', 'ratio', 'peers', 'seeds',
  'added', 'finished']);

/** Columns until the user chooses others. @type {readonly Column[]} */
export const DEFAULT_COLUMNS = (/** @type {const} */ (['name', 'progress', 'state', 'size', 'down', 'up', 'eta',
  'ratio', 'seeds', 'peers', 'added'])).map((key) => ({ key, widthPx: null }));

/** @type {View} */
export const DEFAULT_VIEW = {
  filters: { state: [], category: [], tag: [], tracker: [], dir: [] },
  any: false, allTags: false, search: '', isRegex: false,
  sort: [{ key: 'added', isDescending: true }],
  columns: null, density: null,
};

/** Limits of what a hash can hold, in characters and numbers of values. */
const MAX_HASH = 16_384, MAX_TEXT = 500, MAX_VALUES = 50;
const MIN_WIDTH_PX = 40, MAX_WIDTH_PX = 2000;

/** Returns the hash of a view, with the `#`; empty for the default. `extra` follows the view, without its absent and
 *  empty values: the router keeps the open torrent and its tab there.
 *  @param {View} view @param {Extra} [extra] */
export function toHash(view, extra = {}) {
  const { filters, any, allTags, search, isRegex, sort, columns, density } = normalized(view);
  const pairs = new URLSearchParams();
  for (const field of FILTER_FIELDS) for (const value of filters[field]) pairs.append(field, value);
  if (any) pairs.set('any', 'true');
  if (allTags) pairs.set('all_tags', 'true');
  if (search !== '') pairs.set('search', search);
  if (isRegex) pairs.set('is_regex', 'true');
  if (sortText(sort) !== sortText(DEFAULT_VIEW.sort)) pairs.set('sort', sortText(sort));
  if (columns) pairs.set('columns', columnsText(columns));
  if (density) pairs.set('density', density);
  for (const [name, value] of Object.entries(extra)) if (value || value === 0) pairs.set(name, String(value));
  // Commas, colons and slashes are legal in a hash, and easier to read.
  const text = pairs.toString().replace(/%2C/g, ',').replace(/%3A/g, ':').replace(/%2F/g, '/');
  return text && `#${text}`;
}

/** Returns the pairs of a hash, with or without the `#`; none if it is of another page or too long. Never throws.
 *  @param {string} hash */
export const hashPairs = (hash) =>
  new URLSearchParams(hash.length > MAX_HASH || /^#?\//.test(hash) ? '' : hash.replace(/^#/, ''));

/** Returns the view of a hash, with or without the `#`. Never throws. @param {string} hash @returns {View} */
export function fromHash(hash) {
  const pairs = hashPairs(hash);
  /** @param {string} name */
  const is = (name) => pairs.get(name) === 'true';
  const columns = pairs.get('columns');
  return normalized({
    filters: {
      state: pairs.getAll('state'), category: pairs.getAll('category'), tag: pairs.getAll('tag'),
      tracker: pairs.getAll('tracker'), dir: pairs.getAll('dir'),
    },
    any: is('any'), allTags: is('all_tags'), search: pairs.get('search') ?? '', isRegex: is('is_regex'),
    sort: (pairs.get('sort') ?? '').split(',').map((text) => {
      const isDescending = text.startsWith('-');
      return { key: /** @type {SortKey} */ (isDescending ? text.slice(1) : text), isDescending };
    }),
    columns: columns === null ? null : columns.split(',').map((text) => {
      const [key, width] = text.split(':');
      return { key: /** @type {ColumnKey} */ (key), widthPx: /^\d{1,6}$/.test(width ?? '') ? Number(width) : null };
    }),
    density: /** @type {Density | null} */ (pairs.get('density')),
  });
}

/** Returns the query of a window of a view. @param {View} view
 *  @param {{ offset?: number, limit?: number | null, counts?: boolean }} [window] @returns {ListQuery} */
export function toQuery(view, { offset = 0, limit = null, counts = false } = {}) {
  const { filters, any, allTags, search, isRegex, sort } = normalized(view);
  return {
    state: [...filters.state], category: [...filters.category], tag: [...filters.tag], tracker: [...filters.tracker],
    dir: [...filters.dir], any, all_tags: allTags, search: search.trim() === '' ? null : search, is_regex: isRegex,
    sort: sort.map(sortKeyText), offset, limit, counts,
  };
}

/** Returns the sort order after a click on a column. The same key changes its direction. With `adds`, the key counts
 *  after the others, else alone.
 *  @param {readonly Sort[]} sort @param {SortKey} key @param {boolean} [adds] @returns {Sort[]} */
export function sortBy(sort, key, adds = false) {
  const known = sort.find((item) => item.key === key);
  const next = { key, isDescending: known ? !known.isDescending : LARGEST_FIRST.has(key) };
  if (!adds) return [next];
  return known ? sort.map((item) => (item === known ? next : item)) : [...sort, next];
}

/** Returns the sort order without a key; the default if no other is left.
 *  @param {readonly Sort[]} sort @param {SortKey} key @returns {readonly Sort[]} */
export function withoutSort(sort, key) {
  const rest = sort.filter((item) => item.key !== key);
  return rest.length > 0 ? rest : DEFAULT_VIEW.sort;
}

/** Returns the filters with a value added, or taken away if it was there.
 *  @param {Filters} filters @param {FilterField} field @param {string} value @returns {Filters} */
export function toggleFilter(filters, field, value) {
  const values = filters[field];
  const rest = values.filter((known) => known !== value);
  return { ...filters, [field]: rest.length < values.length ? rest : [...values, value] };
}

/** @param {Filters} filters */
export const hasFilters = (filters) => FILTER_FIELDS.some((field) => filters[field].length > 0);

/** Returns the part of a view that leaves no torrent out. @returns {Partial<View>} */
export const clearedFilters = () => {
  const { filters, any, allTags, search, isRegex } = DEFAULT_VIEW;
  return { filters, any, allTags, search, isRegex };
};

/** Returns true if the view leaves torrents out. @param {View} view */
export const isFiltered = ({ filters, search }) => hasFilters(filters) || search.trim() !== '';

/** Returns what is valid of stored columns; null if nothing is.
 *  @param {unknown} columns @returns {readonly Column[] | null} */
export function validColumns(columns) {
  if (!Array.isArray(columns)) return null;
  const known = columns.filter((column) => COLUMN_KEYS.includes(column?.key));
  const good = unique(known, ({ key }) => key).map(withWidth);
  return good.length > 0 ? good : null;
}

/** Returns a stored row height if it is valid, else null. @param {unknown} density @returns {Density | null} */
export const validDensity = (density) => DENSITIES.find((known) => known === density) ?? null;

/** Returns the view with all that is valid in it. @param {View} view @returns {View} */
function normalized({ filters, any, allTags, search, isRegex, sort, columns, density }) {
  /** @param {FilterField} field */
  const values = (field) => unique(filters[field].map(shortened), (value) => value).slice(0, MAX_VALUES);
  const states = /** @type {readonly string[]} */ (STATES);
  const goodSort = unique(sort.filter(({ key }) => SORT_KEYS.includes(key)), ({ key }) => key);
  return {
    filters: {
      state: values('state').filter((state) => states.includes(state)),
      category: values('category'), tag: values('tag'), tracker: values('tracker'), dir: values('dir'),
    },
    any, allTags, search: shortened(search), isRegex,
    sort: goodSort.length > 0 ? goodSort : DEFAULT_VIEW.sort,
    columns: validColumns(columns), density: validDensity(density),
  };
}

/** Returns a width within the limits of columns. @param {number} px */
export const clampWidth = (px) => Math.min(MAX_WIDTH_PX, Math.max(MIN_WIDTH_PX, Math.round(px)));

/** @param {{ key: ColumnKey, widthPx?: unknown }} column @returns {Column} */
const withWidth = ({ key, widthPx }) =>
  ({ key, widthPx: typeof widthPx === 'number' && Number.isFinite(widthPx) ? clampWidth(widthPx) : null });

/** Cuts a text between characters. Halves of surrogate pairs become U+FFFD, as in a URL. @param {string} text */
const shortened = (text) =>
  text.slice(0, MAX_TEXT).replace(/[\ud800-\udbff]$/, '').replace(/[\ud800-\udfff]/gu, '\ufffd');

/** Returns the first item of each key. @template T @param {readonly T[]} items @param {(item: T) => string} keyOf */
function unique(items, keyOf) {
  const seen = new Set();
  return items.filter((item) => !seen.has(keyOf(item)) && seen.add(keyOf(item)));
}

/** @param {Sort} sort */
const sortKeyText = ({ key, isDescending }) => (isDescending ? /** @type {const} */ (`-${key}`) : key);
/** @param {readonly Sort[]} sort */
const sortText = (sort) => sort.map(sortKeyText).join(',');
/** @param {readonly Column[]} columns */
const columnsText = (columns) =>
  columns.map(({ key, widthPx }) => (widthPx === null ? key : `${key}:${widthPx}`)).join(',');
