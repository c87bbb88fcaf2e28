import assert from 'node:assert/strict';
import { test } from 'node:test';

import { microtask } from './base/signal.helpers.js';
import { MAX_VIEWS, createPrefs, validViews, withView } from './prefs.js';

const store = (initial = {}) => {
  const items = new Map(Object.entries(initial));
  return { items, getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
};

test('preference_keeps_what_is_written', async () => {
  const storage = store();
  const prefs = createPrefs({ storage, target: new EventTarget() });
  prefs.theme.value = 'dark';
  await microtask();
  assert.deepEqual([...storage.items], [['ztor.theme', '"dark"']]);
  assert.equal(createPrefs({ storage, target: new EventTarget() }).theme.value, 'dark');
});

test('stored_garbage_gives_the_initial_value', () => {
  for (const text of ['', '{', 'null', '1', '"blue"', '[]', '{"a":1}']) {
    const prefs = createPrefs({
      storage: store({ 'ztor.theme': text, 'ztor.notify': text, 'ztor.savedViews': text, 'ztor.x': text }),
      target: new EventTarget(),
    });
    assert.deepEqual([prefs.theme.value, prefs.notify.value, prefs.savedViews.value], ['auto', false, []], text);
    assert.equal(prefs.define('x', 7, () => { throw new Error('no'); }).value, 7);
  }
});

test('validator_returns_a_value_or_a_verdict', () => {
  const define = (text, initial, validate) =>
    createPrefs({ storage: store({ 'ztor.x': text }), target: new EventTarget() }).define('x', initial, validate).value;
  assert.equal(define('false', true, (value) => typeof value === 'boolean'), false);
  assert.equal(define('5', true, (value) => typeof value === 'boolean'), true);
  assert.equal(define('9', 1, (value) => Math.min(value, 4)), 4);
  assert.equal(define('9', 'a', () => null), null);
  assert.equal(define('9', 'a', () => undefined), 'a');
});

test('sizes_are_limited', () => {
  const prefs = createPrefs({ storage: store({ 'ztor.sidebarWidthPx': '9999' }), target: new EventTarget() });
  assert.equal(prefs.sidebarWidthPx.value, 480);
});

test('preference_of_a_name_is_one', () => {
  const prefs = createPrefs({ storage: store(), target: new EventTarget() });
  assert.equal(prefs.define('x', 1, () => true), prefs.define('x', 2, () => true));
});

test('forbidden_storage_is_no_failure', async () => {
  const storage = { getItem() { throw new Error('no'); }, setItem() { throw new Error('no'); } };
  const prefs = createPrefs({ storage, target: new EventTarget() });
  prefs.notify.value = true;
  await microtask();
  assert.equal(prefs.notify.value, true);
});

test('change_in_another_tab_arrives_and_is_not_written_again', async () => {
  const [storage, target] = [store(), new EventTarget()];
  const prefs = createPrefs({ storage, target });
  const event = Object.assign(new Event('storage'), { key: 'ztor.theme', newValue: '"light"' });
  target.dispatchEvent(event);
  await microtask();
  assert.deepEqual([prefs.theme.value, storage.items.size], ['light', 0]);
  target.dispatchEvent(Object.assign(new Event('storage'), { key: 'ztor.theme', newValue: null }));
  assert.equal(prefs.theme.value, 'auto');
});

test('saved_views_keep_their_form', () => {
  const views = withView([{ name: 'a', hash: '#x' }, { name: 'b', hash: '' }], { name: ' a ', hash: '#y' });
  assert.deepEqual(views, [{ name: 'b', hash: '' }, { name: 'a', hash: '#y' }]);
  const good = { name: 'n', hash: '#s' };
  assert.deepEqual(validViews([null, { name: '', hash: '#' }, { name: 'a', hash: 'javascript:' }, good]), [good]);
  assert.equal(validViews({}), undefined);
});

test('views_beyond_the_limit_are_left_out_and_others_replaced', () => {
  const views = Array.from({ length: MAX_VIEWS }, (_, i) => ({ name: `${i}`, hash: '' }));
  assert.deepEqual(withView(views, { name: 'x', hash: '#y' }), views);
  assert.deepEqual(withView(views, { name: '3', hash: '#y' }).at(-1), { name: '3', hash: '#y' });
});
