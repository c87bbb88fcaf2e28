/**
 * Preferences of the user in this browser: signals that are kept in the local storage, under `ztor.*`.
 *
 * The storage may be forbidden, full, or hold what another version has written. A change in another tab arrives here.
 */

/** @import { Signal } from './base/signal.js' */

import { effect, scope, signal, untracked } from './base/signal.js';

/** @typedef {Pick<Storage, 'getItem' | 'setItem'>} Store */
/** @typedef {'auto' | 'light' | 'dark' | 'contrast'} Theme */
/** @typedef {{ name: string, hash: string }} SavedView The hash is that of the view, with the `#`. */
/** @typedef {ReturnType<typeof createPrefs>} Prefs */

/** @type {readonly Theme[]} */
export const THEMES = ['auto', 'light', 'dark', 'contrast'];
/** Number of saved views that are kept. */
export const MAX_VIEWS = 50;
const PREFIX = 'ztor.';
const MAX_NAME = 80, MAX_USERNAME = 255;

/** Creates the preferences. @param {{ storage?: Store, target?: EventTarget }} [options] `target` has the events of
 *  other tabs */
export function createPrefs({ storage, target = globalThis } = {}) {
  // A browser may forbid the storage; then even its name throws.
  const store = storage ?? attempt(() => globalThis.localStorage);
  /** @type {Map<string, { value: Signal<any>, load: (text: string | null) => void }>} */
  const known = new Map();

  /** Returns the preference of a name, which is created by the first call. `validate` returns the value to use for a
   *  stored one, or undefined for none; a boolean tells whether the stored value itself can be used.
   *  @template T @param {string} name @param {T} initial
   *  @param {(value: unknown) => T | boolean | undefined} validate @returns {Signal<T>} */
  const define = (name, initial, validate) => {
    const old = known.get(name);
    if (old) return old.value;
    const key = PREFIX + name;
    /** @param {string | null} text @returns {T} */
    const parse = (text) => {
      if (text === null) return initial;
      const stored = attempt(() => JSON.parse(text));
      const result = stored === undefined ? undefined : attempt(() => validate(stored));
      if (typeof result === 'boolean') return result ? stored : initial;
      return result === undefined ? initial : result;
    };
    const value = signal(parse(attempt(() => store?.getItem(key)) ?? null));
    let saved = value.peek();
    /** @param {string | null} text */
    const load = (text) => { value.value = saved = parse(text); };
    known.set(name, { value, load });
    // A preference lives as long as the page, whoever has asked for it first.
    untracked(() => scope(() => effect(() => {
      const next = value.value;
      if (Object.is(next, saved)) return;
      saved = next;
      attempt(() => store?.setItem(key, JSON.stringify(next)));
    })));
    return value;
  };
  target.addEventListener?.('storage', (event) => {
    const { key, newValue } = /** @type {StorageEvent} */ (event);
    if (key?.startsWith(PREFIX)) known.get(key.slice(PREFIX.length))?.load(newValue);
  });

  /** @param {string} name @param {number} initial @param {number} min @param {number} max */
  const size = (name, initial, min, max) => define(name, initial, (value) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
    return Math.min(max, Math.max(min, Math.round(value)));
  });
  /** @param {string} name @param {boolean} initial */
  const flag = (name, initial) => define(name, initial, (value) => typeof value === 'boolean');

  return {
    define,
    theme: define('theme', /** @type {Theme} */ ('auto'), (value) =>
      THEMES.find((theme) => theme === value)),
    sidebarWidthPx: size('sidebarWidthPx', 248, 180, 480),
    detailsHeightPx: size('detailsHeightPx', 320, 120, 2000),
    isSidebarOpen: flag('isSidebarOpen', true),
    /** User who has logged in last; empty for none. */
    username: define('username', /** @type {string} */ (''), (value) =>
      typeof value === 'string' && value.length <= MAX_USERNAME),
    /** Desktop notifications for finished torrents. */
    notify: flag('notify', false),
    savedViews: define('savedViews', /** @type {readonly SavedView[]} */ ([]), validViews),
    /** Names of sections of the sidebar that are closed. */
    closedSections: define('closedSections', /** @type {readonly string[]} */ ([]), validTexts),
    /** Paths of categories whose children are hidden. */
    closedCategories: define('closedCategories', /** @type {readonly string[]} */ ([]), validTexts),
  };
}

/** @param {unknown} value @returns {readonly SavedView[] | undefined} */
export function validViews(value) {
  if (!Array.isArray(value)) return undefined;
  const good = value.filter((view) => typeof view?.name === 'string' && view.name.trim() !== ''
    && typeof view.hash === 'string' && /^(#|$)/.test(view.hash));
  return good.slice(0, MAX_VIEWS).map(({ name, hash }) => ({ name: name.slice(0, MAX_NAME), hash }));
}

/** Returns the saved views with one more; it replaces the one of the same name.
 *  @param {readonly SavedView[]} views @param {SavedView} view */
export const withView = (views, { name, hash }) =>
  validViews([...views.filter((known) => known.name !== name.trim()), { name: name.trim(), hash }]) ?? [];

/** @param {unknown} value @returns {readonly string[] | undefined} */
const validTexts = (value) =>
  (Array.isArray(value) ? value.filter((text) => typeof text === 'string').slice(0, 1000) : undefined);

/** Returns undefined if `fn` throws. @template T @param {() => T} fn @returns {T | undefined} */
function attempt(fn) {
  try { return fn(); } catch { return undefined; }
}
