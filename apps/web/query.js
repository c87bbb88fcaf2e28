/**
 * State of the list view, in the hash of the URL and as a list query.
 *
 * A hash may come from anyone. Every text decodes to a state that is valid and of bounded size: what is unknown, out of
 * range or too long is left out. Names and values are those of the API where it has them.
 */

/** @import { ListQuery, State } from './types.js' */

/** @typedef {'id' | 'name' | 'state' | 'progress' | 'size' | 'down' | 'up' | 'downloaded' | 'uploaded' | 'ratio'
 *    | 'eta' | 'peers' | 'seeds' | 'queue' | 'category' | 'added' | 'finished' | 'tracker' | 'dir'} SortKey */
/** @typedef {SortKey | 'left' | 'tags'} ColumnKey */
/** @typedef {{ key: SortKey, isDescending: boolean }} Sort */
/** @typedef {{ key: ColumnKey, widthPx: number | null }} Column Null is the width of the style sheet. */
/** @typedef {'compact' | 'normal' | 'roomy'} Density */
/** @typedef {'state' | 'category' | 'tag' | 'tracker'} FilterField */
/** @typedef {Readonly<Record<FilterField, readonly string[]>>} Filters An empty text is no category, tag or tracker. */
/** @typedef {object} View
 *  @property {Filters} filters
 *  @property {string} search
 *  @property {readonly Sort[]} sort later keys count where earlier ones are equal
 *  @property {readonly Column[]} columns in order
 *  @property {Density} density */

/** @type {readonly FilterField[]} */
export const FILTER_FIELDS = ['state', 'category', 'tag', 'tracker'];
/** States that can be filtered. @type {readonly (Exclude<State, 'unknown'> | 'active')[]} */
export const STATES = ['active', 'downloading', 'seeding', 'metadata', 'checking', 'queued', 'paused', 'done',
  'scheduled', 'loading', 'error'];
/** @type {readonly SortKey[]} */
export const SORT_KEYS = ['id', 'name', 'state', 'progress', 'size', 'down', 'up', 'downloaded', 'uploaded', 'ratio',
  'eta', 'peers', 'seeds', 'queue', 'category', 'added', 'finished', 'tracker', 'dir'];
/** @type {readonly ColumnKey[]} */
export const COLUMN_KEYS = [...SORT_KEYS, 'left', 'tags'];
/** @type {readonly Density[]} */
export const DENSITIES = ['compact', 'normal', 'roomy'];
/** Keys of which users look for the largest values first. @type {ReadonlySet<string>} */
const LARGEST_FIRST = new Set(['progress', 'size', 'down', 'up', 'downloaded', 'uploaded', 'ratio', 'peers', 'seeds',
  'added', 'finished']);

/** @type {View} */
export const DEFAULT_VIEW = {
  filters: { state: [], category: [], tag: [], tracker: [] },
  search: '',
  sort: [{ key: 'added', isDescending: true }],
  columns: ['name', 'state', 'progress', 'size', 'down', 'up', 'eta', 'ratio', 'category', 'added'].map((key) =>
    ({ key: /** @type {ColumnKey} */ (key), widthPx: null })),
  density: 'normal',
};

/** Limits of what a hash can hold, in characters and numbers of values. */
const MAX_HASH = 16_384, MAX_TEXT = 500, MAX_VALUES = 50;
const MIN_WIDTH_PX = 40, MAX_WIDTH_PX = 2000;

/** Returns the hash of a view, with the `#`; empty for the default. @param {View} view */
export function toHash(view) {
  const { filters, search, sort, columns, density } = normalized(view);
  const pairs = new URLSearchParams();
  for (const field of FILTER_FIELDS) for (const value of filters[field]) pairs.append(field, value);
  if (search !== '') pairs.set('search', search);
  const texts = { sort: sortText(sort), columns: columnsText(columns), density };
  const usual = { sort: sortText(DEFAULT_VIEW.sort), columns: columnsText(DEFAULT_VIEW.columns), density: 'normal' };
  for (const name of /** @type {const} */ (['sort', 'columns', 'density'])) {
    if (texts[name] !== usual[name]) pairs.set(name, texts[name]);
  }
  // Commas and colons are legal in a hash, and easier to read.
  const text = pairs.toString().replace(/%2C/g, ',').replace(/%3A/g, ':');
  return text && `#${text}`;
}

/** Returns the view of a hash, with or without the `#`. Never throws. @param {string} hash @returns {View} */
export function fromHash(hash) {
  if (hash.length > MAX_HASH) return DEFAULT_VIEW;
  const pairs = new URLSearchParams(hash.replace(/^#/, ''));
  /** @param {string} name */
  const list = (name) => (pairs.get(name) ?? '').split(',');
  return normalized({
    filters: {
      state: pairs.getAll('state'), category: pairs.getAll('category'), tag: pairs.getAll('tag'),
      tracker: pairs.getAll('tracker'),
    },
    search: pairs.get('search') ?? '',
    sort: list('sort').map((text) => {
      const isDescending = text.startsWith('-');
      return { key: /** @type {SortKey} */ (isDescending ? text.slice(1) : text), isDescending };
    }),
    columns: list('columns').map((text) => {
      const [key, width] = text.split(':');
      return { key: /** @type {ColumnKey} */ (key), widthPx: /^\d{1,6}$/.test(width ?? '') ? Number(width) : null };
    }),
    density: /** @type {Density} */ (pairs.get('density')),
  });
}

/** Returns the query of a window of a view. @param {View} view
 *  @param {{ offset?: number, limit?: number | null, counts?: boolean }} [window] @returns {ListQuery} */
export function toQuery(view, { offset = 0, limit = null, counts = false } = {}) {
  const { filters, search, sort } = normalized(view);
  return {
    state: [...filters.state], category: [...filters.category], tag: [...filters.tag], tracker: [...filters.tracker],
    search: search.trim() === '' ? null : search, sort: sort.map(sortKeyText), offset, limit, counts,
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

/** Returns the filters with a value added, or taken away if it was there.
 *  @param {Filters} filters @param {FilterField} field @param {string} value @returns {Filters} */
export function toggleFilter(filters, field, value) {
  const values = filters[field];
  const rest = values.filter((known) => known !== value);
  return { ...filters, [field]: rest.length < values.length ? rest : [...values, value] };
}

/** @param {Filters} filters */
export const hasFilters = (filters) => FILTER_FIELDS.some((field) => filters[field].length > 0);

/** Returns the view with all that is valid in it. @param {View} view @returns {View} */
function normalized({ filters, search, sort, columns, density }) {
  /** @param {FilterField} field */
  const values = (field) => unique(filters[field].map(shortened), (value) => value).slice(0, MAX_VALUES);
  const states = /** @type {readonly string[]} */ (STATES);
  const goodSort = unique(sort.filter(({ key }) => SORT_KEYS.includes(key)), ({ key }) => key);
  const goodColumns = unique(columns.filter(({ key }) => COLUMN_KEYS.includes(key)), ({ key }) => key);
  return {
    filters: {
      state: values('state').filter((state) => states.includes(state)),
      category: values('category'), tag: values('tag'), tracker: values('tracker'),
    },
    search: shortened(search),
    sort: goodSort.length > 0 ? goodSort : DEFAULT_VIEW.sort,
    columns: goodColumns.length > 0 ? goodColumns.map(withWidth) : DEFAULT_VIEW.columns,
    density: DENSITIES.includes(density) ? density : DEFAULT_VIEW.density,
  };
}

/** @param {Column} column @returns {Column} */
function withWidth({ key, widthPx }) {
  const isGood = widthPx !== null && Number.isFinite(widthPx);
  return { key, widthPx: isGood ? Math.min(MAX_WIDTH_PX, Math.max(MIN_WIDTH_PX, Math.round(widthPx))) : null };
}

/** Cuts a text between characters. Halves of surrogate pairs become U+FFFD, as in a URL. @param {string} text */
const shortened = (text) =>
  text.slice(0, MAX_TEXT).replace(/[\ud800-\udbff]$/, '').replace(/[\ud800-\udfff]/gu, '\ufffd');

/** Returns the first item of each key. @template T @param {readonly T[]} items @param {(item: T) => string} keyOf */
function unique(items, keyOf) {
  const seen = new Set();
  return items.filter((item) => !seen.has(keyOf(item)) && seen.add(keyOf(item)));
}

/** @param {Sort} sort */
const sortKeyText = ({ key, isDescending }) => `${isDescending ? '-' : ''}${key}`;
/** @param {readonly Sort[]} sort */
const sortText = (sort) => sort.map(sortKeyText).join(',');
/** @param {readonly Column[]} columns */
const columnsText = (columns) =>
  columns.map(({ key, widthPx }) => (widthPx === null ? key : `${key}:${widthPx}`)).join(',');
