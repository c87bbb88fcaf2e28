import assert from 'node:assert/strict';
import { test } from 'node:test';

import { log, microtask } from './base/signal.helpers.js';
import { formatFor } from './format.js';
import { LOCALES, chooseLocale, createI18n } from './i18n.js';

const names = Object.keys(LOCALES);
const catalogues = Object.fromEntries(await Promise.all(names.map(async (name) =>
  [name, Object.assign({}, ...(await Promise.all([import(`./locales/${name}.js`), import(`./locales/${name}.more.js`)]))
    .map((module) => module.default))])));
const NUMBERS = new Set(['count', 'seconds']);
const COUNTS = [0, 1, 2, 3, 11, 100, 10_000, 1_000_000];

/** Storage in memory. */
const store = (initial = {}) => {
  const items = new Map(Object.entries(initial));
  return {
    items, getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
};

/** Calls a message with values for all parameters, and returns the names of those that it reads, and the text. */
function probe(message, number, format) {
  const used = new Set();
  const params = new Proxy({}, {
    get: (_, name) => { used.add(name); return NUMBERS.has(name) ? number : `<${String(name)}>`; },
  });
  return { used: [...used].sort(), text: message(params, format) };
}

test('catalogues_have_the_keys_of_english_in_order', () => {
  for (const name of names) assert.deepEqual(Object.keys(catalogues[name]), Object.keys(catalogues.en), name);
});

test('catalogues_use_the_parameters_of_english', () => {
  for (const name of names) {
    const format = formatFor(name);
    for (const [key, message] of Object.entries(catalogues[name])) {
      const english = catalogues.en[key];
      assert.equal(typeof message, typeof english, `${name} ${key}`);
      if (typeof message === 'string') {
        assert.ok(message.trim() === message && message !== '' && !/[#<>{}]/.test(message), `${name} ${key}`);
        continue;
      }
      for (const number of COUNTS) {
        const { used, text } = probe(message, number, format);
        assert.deepEqual(used, probe(english, number, format).used, `${name} ${key}`);
        for (const param of used.filter((param) => !NUMBERS.has(param))) assert.ok(text.includes(`<${param}>`));
        // Small numbers may be words.
        const hasNumber = used.some((param) => NUMBERS.has(param));
        if (hasNumber && number > 2) assert.ok(text.includes(format.count(number)), `${name} ${key}: ${text}`);
        assert.ok(!text.includes('#') && !text.includes('undefined'), `${name} ${key}: ${text}`);
      }
    }
  }
});

test('catalogues_other_than_english_are_translated', () => {
  // Words that are the same in these languages.
  const same = new Set(['column.name', 'column.peers', 'column.seeds', 'column.tags', 'column.tracker', 'column.id',
    'column.ratio', 'add.tags', 'list.label', 'state.error', 'density.normal', 'filter.tag', 'filter.tracker',
    'status.down', 'status.up', 'details.trackers', 'filter.trackers']);
  for (const name of names.filter((name) => name !== 'en')) {
    for (const [key, message] of Object.entries(catalogues[name])) {
      if (typeof message !== 'string' || same.has(key)) continue;
      assert.notEqual(message, catalogues.en[key], `${name} ${key}`);
    }
  }
});

test('every_state_and_sort_key_has_a_message', () => {
  for (const state of ['all', 'active', 'downloading', 'seeding', 'metadata', 'checking', 'queued', 'paused', 'done',
    'scheduled', 'loading', 'error', 'unknown']) assert.ok(`state.${state}` in catalogues.en, state);
  for (const key of ['id', 'name', 'state', 'progress', 'size', 'down', 'up', 'downloaded', 'uploaded', 'ratio', 'eta',
    'peers', 'seeds', 'queue', 'category', 'added', 'finished', 'tracker', 'dir']) {
    assert.ok(`column.${key}` in catalogues.en, key);
  }
});

test('choice_prefers_the_stored_language_and_then_the_browser', () => {
  for (const [stored, languages, locale, tag] of [
    [null, [], 'en', 'en'], [null, ['de-AT', 'en'], 'de', 'de-AT'], [null, ['fr', 'ES-mx'], 'es', 'ES-mx'],
    ['ar', ['de', 'ar-EG'], 'ar', 'ar-EG'], ['xx', ['de'], 'de', 'de'], ['constructor', ['fr'], 'en', 'en'],
    [5, ['en-GB'], 'en', 'en-GB'],
  ]) assert.deepEqual(chooseLocale(stored, languages), { locale, tag }, `${stored} ${languages}`);
});

test('messages_follow_the_choice_and_store_it', async () => {
  const storage = store();
  const i18n = createI18n({ languages: ['de-DE', 'en'], storage });
  const { seen } = log(() => [i18n.t('dialog.cancel'), i18n.direction.value, i18n.format.value.count(1000)]);
  await i18n.ready;
  await i18n.choose('ar');
  await microtask();
  assert.equal(storage.items.get('ztor.locale'), 'ar');
  await i18n.choose(null);
  await microtask();
  assert.equal(storage.items.size, 0);
  assert.deepEqual(seen.map(([text]) => text), ['Cancel', 'Abbrechen', 'إلغاء', 'Abbrechen']);
  assert.deepEqual(seen.map(([, direction]) => direction), ['ltr', 'ltr', 'rtl', 'ltr']);
  assert.deepEqual([seen[0][2], seen[1][2]], ['1,000', '1.000']);
});

test('plurals_follow_the_language', async () => {
  const texts = async (stored, languages = []) => {
    const i18n = createI18n({ languages, storage: store({ 'ztor.locale': stored }) });
    await i18n.ready;
    return [0, 1, 2, 3, 11, 100].map((count) => i18n.t('list.total', { count }));
  };
  assert.deepEqual(await texts('en'),
    ['0 torrents', '1 torrent', '2 torrents', '3 torrents', '11 torrents', '100 torrents']);
  assert.deepEqual(await texts('ar'),
    ['لا تورنت', 'تورنت واحد', 'ملفا تورنت', '3 ملفات تورنت', '11 ملف تورنت', '100 ملف تورنت']);
  assert.equal((await texts('ar', ['ar-EG']))[3], '٣ ملفات تورنت');
});

test('texts_in_messages_are_isolated', () => {
  const i18n = createI18n({ languages: [], storage: store() });
  assert.equal(i18n.t('rename.title', { name: '\u202e#$&' }), 'Rename \u2068\u202e#$&\u2069');
});

test('missing_message_is_english_and_an_unknown_key_is_itself', async () => {
  const i18n = createI18n({ languages: ['de'], storage: store(), load: async () => ({ default: {} }) });
  await i18n.ready;
  assert.equal(i18n.t('dialog.close'), 'Close');
  assert.equal(i18n.t('nothing'), 'nothing');
});

test('catalogue_that_cannot_be_loaded_leaves_the_language', async () => {
  const i18n = createI18n({ languages: ['de'], storage: store(), load: () => Promise.reject(new Error('offline')) });
  assert.equal(await i18n.ready, false);
  assert.deepEqual([i18n.locale.value, i18n.t('dialog.close')], ['en', 'Close']);
});

test('messages_of_later_parts_come_on_demand_and_with_each_language', async () => {
  const i18n = createI18n({ languages: ['de'], storage: store() });
  await i18n.ready;
  assert.equal(i18n.t('add.sources'), 'add.sources');
  assert.ok(await i18n.loadMore());
  const german = i18n.t('add.sources');
  assert.equal(german, catalogues.de['add.sources']);
  await i18n.choose('es');
  assert.equal(i18n.t('add.sources'), catalogues.es['add.sources']);
  await i18n.choose('en');
  assert.equal(i18n.t('add.sources'), catalogues.en['add.sources']);
});

test('last_of_several_choices_is_shown', async () => {
  const pending = {};
  const load = (locale) => new Promise((resolve) => {
    pending[locale] = () => resolve({ default: catalogues[locale] });
  });
  const i18n = createI18n({ languages: [], storage: store(), load });
  const first = i18n.choose('de');
  const second = i18n.choose('es');
  pending.es();
  await second;
  pending.de();
  await first;
  assert.deepEqual([i18n.locale.value, i18n.t('dialog.close')], ['es', 'Cerrar']);
});

test('storage_that_throws_is_ignored', async () => {
  const fail = () => { throw new Error('denied'); };
  const i18n = createI18n({ languages: [], storage: { getItem: fail, setItem: fail, removeItem: fail } });
  assert.equal(await i18n.choose('de'), true);
  assert.equal(i18n.t('dialog.close'), 'Schließen');
});
