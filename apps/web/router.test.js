import assert from 'node:assert/strict';
import { test } from 'node:test';

import { microtask } from './base/signal.helpers.js';
import { DEFAULT_VIEW } from './query.js';
import { createRouter, hashOf, routeOf, takeFromHash } from './router.js';

const START = { page: 'torrents', section: null, view: DEFAULT_VIEW, opened: null, tab: 'overview' };

/** Window with a history in memory. */
function setup(hash = '') {
  const listeners = [];
  const entries = [hash];
  const location = { hash, pathname: '/ztor/', search: '' };
  const go = (url) => { location.hash = url.includes('#') ? url.slice(url.indexOf('#')) : ''; return location.hash; };
  const window = {
    location, addEventListener: (name, fn) => { if (name === 'hashchange') listeners.push(fn); },
    history: {
      pushState: (state, title, url) => void entries.push(go(url)),
      replaceState: (state, title, url) => void entries.splice(-1, 1, go(url)),
    },
  };
  const visit = (next) => { location.hash = next; listeners.forEach((fn) => fn()); };
  return { window, entries, visit };
}

test('hash_and_route_are_inverse', () => {
  for (const route of [
    START, { ...START, opened: 0 }, { ...START, opened: 12, tab: 'files' }, { ...START, page: 'log' },
    { ...START, page: 'settings', section: 'limits' }, { ...START, page: 'settings', section: 'a b/ü' },
    { ...START, view: { ...DEFAULT_VIEW, search: 'a&open=3', any: true }, opened: 4, tab: 'log' },
  ]) assert.deepEqual(routeOf(hashOf(route), START), route, hashOf(route));
  assert.equal(hashOf(START), '');
});

test('malformed_hash_gives_a_valid_route', () => {
  for (const hash of ['#', '#/', '#/nowhere', '#//', '#open=-1', '#open=x&tab=y', '#%', '#/torrents/x']) {
    assert.deepEqual(routeOf(hash, START), START, hash);
  }
  assert.deepEqual(routeOf('#/settings/%', START), { ...START, page: 'settings' });
  assert.equal(routeOf(`#/settings/${'a'.repeat(500)}`, START).section.length, 80);
});

test('other_pages_keep_the_view_and_the_torrent', () => {
  const before = { ...START, view: { ...DEFAULT_VIEW, search: 'x' }, opened: 3 };
  assert.deepEqual(routeOf('#/log', before), { ...before, page: 'log' });
});

test('pages_and_torrents_are_steps_and_views_are_not', async () => {
  const { window, entries } = setup();
  const router = createRouter(window);
  router.setView({ search: 'a' });
  await microtask();
  router.setView({ search: 'ab' });
  await microtask();
  assert.deepEqual(entries, ['#search=ab']);
  router.opened.value = 5;
  await microtask();
  router.tab.value = 'files';
  await microtask();
  router.goTo('settings', 'limits');
  await microtask();
  assert.deepEqual(entries, ['#search=ab', '#search=ab&open=5&tab=files', '#/settings/limits']);
  router.goTo('torrents');
  await microtask();
  assert.equal(entries.at(-1), '#search=ab&open=5&tab=files');
});

test('hash_of_the_user_changes_the_route_and_adds_no_step', async () => {
  const { window, entries, visit } = setup('#/log');
  const router = createRouter(window);
  assert.equal(router.page.value, 'log');
  visit('#state=error&open=9&unknown=1');
  await microtask();
  assert.deepEqual([router.page.value, router.opened.value], ['torrents', 9]);
  assert.deepEqual(router.view.value.filters.state, ['error']);
  const view = router.view.value;
  visit('#state=error');
  assert.equal(router.view.value, view);
  assert.equal(router.opened.value, null);
  assert.deepEqual(entries, ['#state=error&open=9']);
});

test('code_is_taken_out_of_the_hash', () => {
  const { window, entries } = setup('#code=a-1&state=error');
  assert.deepEqual(takeFromHash(window), { code: 'a-1', add: null });
  assert.deepEqual(entries, ['#state=error']);
  assert.deepEqual(takeFromHash(window), { code: null, add: null });
  const magnet = 'magnet:?xt=urn:btih:a&dn=b';
  assert.deepEqual(takeFromHash(setup('#code=a').window, () => '#/log'), { code: 'a', add: null });
  const other = setup(`#add=${encodeURIComponent(magnet)}`);
  assert.deepEqual(takeFromHash(other.window), { code: null, add: magnet });
  assert.deepEqual(other.entries, ['']);
});

test('hash_without_a_route_leaves_the_route_and_is_taken_back', async () => {
  const { window, entries, visit } = setup('#/settings/limits');
  const router = createRouter(window);
  visit('#code=a-1');
  await microtask();
  assert.deepEqual([router.page.value, router.section.value], ['settings', 'limits']);
  takeFromHash(window, router.routeHash);
  visit(window.location.hash);
  await microtask();
  assert.deepEqual([router.page.value, entries], ['settings', ['#/settings/limits']]);
  visit('#code=b-2&state=error');
  await microtask();
  assert.deepEqual([router.page.value, router.view.value.filters.state], ['torrents', ['error']]);
});

test('page_that_takes_the_place_of_another_adds_no_step', async () => {
  const { window, entries } = setup('#state=error');
  const router = createRouter(window);
  router.goTo('create');
  await microtask();
  router.replaceWith('torrents');
  await microtask();
  assert.deepEqual([router.page.value, entries], ['torrents', ['#state=error', '#state=error']]);
  const first = setup('#/create');
  const other = createRouter(first.window);
  other.replaceWith('torrents');
  await microtask();
  assert.deepEqual([other.page.value, first.entries], ['torrents', ['']]);
});
