/**
 * Messages in the language of the user.
 *
 * The first part of English is part of this module and the fallback; other catalogues are loaded when they are chosen,
 * and the second part of each when a view needs it. The functions read signals, so that bindings follow the language.
 */

/** @import { Format } from './format.js' */
/** @import en from './locales/en.js' */
/** @import more from './locales/en.more.js' */

import { batch, computed, signal } from './base/signal.js';
import { formatFor } from './format.js';
import english from './locales/en.js';

/** @typedef {typeof en & typeof more} Messages */
/** @typedef {keyof Messages} Key */
/** @template M @typedef {{ [K in keyof M]: M[K] extends string ? string
 *    : M[K] extends (...args: infer A) => string ? (params: A[0], format: Format) => string : never }} Translated
 *    Catalogue with the keys and parameters of an English one. */
/** @typedef {Translated<Messages>} Catalogue */
/** @template {Key} K
 *  @typedef {Messages[K] extends (...args: any) => string ? [params: Parameters<Messages[K]>[0]] : []} Params */
/** @typedef {'en' | 'de' | 'es' | 'ar'} Locale */

/** Languages by their own names. @type {Record<Locale, string>} */
export const LOCALES = { en: 'English', de: 'Deutsch', es: 'Español', ar: 'العربية' };
const STORAGE_KEY = 'ztor.locale';
const RIGHT_TO_LEFT = new Set(['ar']);

/** Parts of the catalogues. @type {Record<'first' | 'more', Record<Locale, () => Promise<{ default: object }>>>} */
const loaders = {
  first: {
    en: () => Promise.resolve({ default: english }),
    de: () => import('./locales/de.js'),
    es: () => import('./locales/es.js'),
    ar: () => import('./locales/ar.js'),
  },
  more: {
    en: () => import('./locales/en.more.js'),
    de: () => import('./locales/de.more.js'),
    es: () => import('./locales/es.more.js'),
    ar: () => import('./locales/ar.more.js'),
  },
};

/** @param {unknown} tag @returns {tag is Locale} */
const isLocale = (tag) => typeof tag === 'string' && Object.hasOwn(LOCALES, tag);

/** Returns the first language with a catalogue, and the tag by which numbers and dates are written: that of the user
 *  if it is a variant of the language.
 *  @param {unknown} stored preference of the user @param {readonly string[]} languages those of the browser
 *  @returns {{ locale: Locale, tag: string }} */
export function chooseLocale(stored, languages) {
  /** @param {string} tag */
  const languageOf = (tag) => tag.split('-')[0].toLowerCase();
  const known = languages.map(languageOf).find(isLocale);
  const locale = isLocale(stored) ? stored : known ?? 'en';
  return { locale, tag: languages.find((tag) => languageOf(tag) === locale) ?? locale };
}

/** Marks the limits of a text that is put into a message: its direction must not change that of the message.
 *  @param {unknown} value */
const isolated = (value) => (typeof value === 'string' ? `\u2068${value}\u2069` : value);

/** @typedef {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} Store */
/** @typedef {{ languages?: readonly string[], storage?: Store,
 *    load?: (locale: Locale, part: keyof typeof loaders) => Promise<unknown> }} I18nOptions */

/** Creates the messages. They are English until `ready`.
 *  @param {I18nOptions} [options] */
export function createI18n({ languages, storage, load = (locale, part) => loaders[part][locale]() } = {}) {
  // A browser may forbid the storage; then even its name throws.
  const store = storage ?? attempt(() => globalThis.localStorage);
  const tags = languages ?? globalThis.navigator?.languages ?? [];
  const stored = attempt(() => store?.getItem(STORAGE_KEY));
  const preference = signal(/** @type {Locale | null} */ (isLocale(stored) ? stored : null));
  const locale = signal(/** @type {Locale} */ ('en'));
  const messages = signal(/** @type {Partial<Catalogue>} */ (/** @type {unknown} */ (english)));
  /** @type {readonly (keyof typeof loaders)[]} Parts that are needed. */
  let parts = ['first'];
  const format = computed(() => formatFor(chooseLocale(locale.value, tags).tag));

  let shown = parts;

  /** Shows the chosen language; the one before stays if it cannot be loaded. @returns {Promise<boolean>} */
  const apply = async () => {
    const chosen = chooseLocale(preference.peek(), tags).locale;
    const needed = parts;
    if (chosen === locale.peek() && needed === shown) return true;
    /** @type {any[]} */
    let modules;
    try { modules = await Promise.all(needed.map((part) => load(chosen, part))); } catch { return false; }
    // Another language may have been chosen in the meantime, or another part be needed.
    if (chosen !== chooseLocale(preference.peek(), tags).locale || needed !== parts) return apply();
    shown = needed;
    batch(() => {
      locale.value = chosen;
      messages.value = Object.assign({}, ...modules.map((module) => module.default));
    });
    return true;
  };

  return {
    /** Language that is shown. */
    locale: computed(() => locale.value),
    /** Choice of the user; null follows the browser. */
    preference: computed(() => preference.value),
    direction: computed(() => (RIGHT_TO_LEFT.has(locale.value) ? 'rtl' : 'ltr')),
    /** Formatters of numbers and times. */
    format,
    /** Returns a message. Texts among its parameters are isolated.
     *  @template {Key} K @param {K} key @param {Params<K>} params @returns {string} */
    t(key, ...params) {
      /** @type {any} */
      const message = messages.value[key] ?? /** @type {any} */ (english)[key];
      if (typeof message !== 'function') return message ?? key;
      const entries = Object.entries(params[0] ?? {}).map(([name, value]) => [name, isolated(value)]);
      return message(Object.fromEntries(entries), format.value);
    },
    /** Chooses a language and stores the choice; null follows the browser. Resolves to false if it cannot be loaded.
     *  @param {Locale | null} choice @returns {Promise<boolean>} */
    choose(choice) {
      preference.value = choice;
      attempt(() => (choice ? store?.setItem(STORAGE_KEY, choice) : store?.removeItem(STORAGE_KEY)));
      return apply();
    },
    /** Loads the messages of the parts that are not needed at first. Resolves to false if they cannot be loaded.
     *  @returns {Promise<boolean>} */
    loadMore() {
      if (parts.length === 1) parts = ['first', 'more'];
      return apply();
    },
    /** Resolves when the language of the user is shown; to false if it cannot be loaded. */
    ready: apply(),
  };
}

/** Returns undefined if `fn` throws. @template T @param {() => T} fn @returns {T | undefined} */
function attempt(fn) {
  try { return fn(); } catch { return undefined; }
}
