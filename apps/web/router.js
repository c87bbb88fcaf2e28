/**
 * Place in the app, in the hash of the URL: the page, and on the page of torrents the view, the open torrent and its
 * tab. Other pages have a hash such as `#/settings/limits`; the view stays in memory meanwhile.
 */

/** @import { ReadonlySignal, Signal } from './base/signal.js' */
/** @import { View } from './query.js' */

import { batch, computed, effect, signal } from './base/signal.js';
import { DEFAULT_VIEW, fromHash, hashPairs, toHash } from './query.js';

/** @typedef {'torrents' | 'settings' | 'statistics' | 'log' | 'create'} Page */
/** @typedef {'overview' | 'files' | 'peers' | 'trackers' | 'speed' | 'log' | 'options'} DetailTab */
/** @typedef {{ page: Page, section: string | null, view: View, opened: number | null, tab: DetailTab }} Route */

/** @type {readonly Page[]} */
export const PAGES = ['torrents', 'settings', 'statistics', 'log', 'create'];
/** @type {readonly DetailTab[]} */
export const DETAIL_TABS = ['overview', 'files', 'peers', 'trackers', 'speed', 'log', 'options'];
const MAX_SECTION = 80;

/** Returns the hash of a route, with the `#`; empty for the start. @param {Route} route */
export function hashOf({ page, section, view, opened, tab }) {
  if (page !== 'torrents') return `#/${page}${section ? `/${encodeURIComponent(section)}` : ''}`;
  return toHash(view, opened === null ? {} : { open: opened, tab: tab === 'overview' ? null : tab });
}

/** Returns the route of a hash. What the hash does not tell stays as before. Never throws.
 *  @param {string} hash @param {Route} before @returns {Route} */
export function routeOf(hash, before) {
  const [, name, rest = ''] = /^#?\/([a-z]*)\/?(.*)$/s.exec(hash) ?? [];
  const page = PAGES.find((known) => known === name);
  if (page && page !== 'torrents') return { ...before, page, section: sectionOf(rest) };
  const pairs = hashPairs(hash);
  const open = pairs.get('open') ?? '';
  return {
    page: 'torrents', section: null, view: fromHash(hash),
    opened: /^\d{1,15}$/.test(open) ? Number(open) : null,
    tab: DETAIL_TABS.find((tab) => tab === pairs.get('tab')) ?? 'overview',
  };
}

/** @param {string} text */
function sectionOf(text) {
  try { return decodeURIComponent(text).slice(0, MAX_SECTION) || null; } catch { return null; }
}

/** @type {Route} */
const START = { page: 'torrents', section: null, view: DEFAULT_VIEW, opened: null, tab: 'overview' };

/** @typedef {{ location: { hash: string, pathname: string, search: string }, addEventListener: Function,
 *    history: Pick<History, 'pushState' | 'replaceState'> }} Window */

/** Creates the router in the current scope. Each step to another page or torrent can be gone back; changes of the view
 *  replace each other. @param {Window} [window] */
export function createRouter(window = globalThis) {
  const first = routeOf(window.location.hash, START);
  const page = signal(first.page);
  const section = signal(first.section);
  const view = signal(first.view);
  const opened = signal(first.opened);
  const tab = signal(first.tab);
  const route = computed(() => /** @type {Route} */ ({
    page: page.value, section: section.value, view: view.value, opened: opened.value, tab: tab.value,
  }));
  let shown = first;
  /** Hash of the location, as far as this module knows. */
  let current = window.location.hash;

  const onHash = () => {
    // It is for another listener, which brings the hash of the route back.
    if (isForeign(window.location.hash)) return;
    current = window.location.hash;
    const next = routeOf(current, route.peek());
    // The view keeps its identity if it is the same, so that nothing that depends on it runs.
    if (toHash(next.view) === toHash(view.peek())) next.view = view.peek();
    shown = next;
    batch(() => {
      page.value = next.page;
      section.value = next.section;
      view.value = next.view;
      opened.value = next.opened;
      tab.value = next.tab;
    });
  };
  window.addEventListener('hashchange', onHash);
  window.addEventListener('popstate', onHash);

  effect(() => {
    const next = route.value;
    const hash = hashOf(next);
    const isStep = next.page !== shown.page || next.opened !== shown.opened || next.section !== shown.section;
    shown = next;
    if (hash === current || (hash === '' && current === '#')) return;
    current = hash;
    const { pathname, search } = window.location;
    window.history[isStep ? 'pushState' : 'replaceState'](null, '', `${pathname}${search}${hash}`);
  });

  return {
    /** @type {Signal<Page>} */
    page,
    /** @type {Signal<string | null>} */
    section,
    /** @type {ReadonlySignal<View>} */
    view,
    /** @type {Signal<number | null>} Id of the torrent whose details are open. */
    opened,
    /** @type {Signal<DetailTab>} */
    tab,
    /** @param {Page} next @param {string | null} [nextSection] */
    goTo: (next, nextSection = null) => batch(() => { page.value = next; section.value = nextSection; }),
    /** Goes on to a page, which takes the place of this one in the history. @param {Page} next */
    replaceWith: (next) => batch(() => {
      shown = { ...route.peek(), page: next, section: null };
      page.value = next;
      section.value = null;
    }),
    /** Returns the hash of the route as it is now. */
    routeHash: () => hashOf(route.peek()),
    /** @param {Partial<View>} patch */
    setView: (patch) => { view.value = { ...view.peek(), ...patch }; },
  };
}

/** Returns true if a hash has a one-time code or a torrent to add, and no route. @param {string} hash */
function isForeign(hash) {
  const names = [...hashPairs(hash).keys()];
  return names.length > 0 && names.every((name) => name === 'code' || name === 'add');
}

/** Takes a one-time code or a torrent to add out of the hash of the location, so that neither is kept in the history.
 *  @param {Window} [window] @param {() => string} [hashBefore] returns the hash to bring back if no route is left
 *  @returns {{ code: string | null, add: string | null }} */
export function takeFromHash(window = globalThis, hashBefore = () => '') {
  const pairs = new URLSearchParams(window.location.hash.replace(/^#/, ''));
  const [code, add] = [pairs.get('code'), pairs.get('add')];
  if (code === null && add === null) return { code, add };
  pairs.delete('code');
  pairs.delete('add');
  const rest = pairs.toString();
  const { pathname, search } = window.location;
  window.history.replaceState(null, '', `${pathname}${search}${rest ? `#${rest}` : hashBefore()}`);
  return { code, add };
}
