/**
 * Texts of the kit in the language of the user. The app sets their source at its start, so that a dialog needs no
 * context for the words on its own buttons.
 */

/** @import { Key, Params } from '../i18n.js' */

import { ApiError } from '../api.js';
import { formatFor } from '../format.js';

/** @typedef {Pick<ReturnType<typeof import('../i18n.js').createI18n>, 't' | 'format'>} Texts */

/** @type {Texts | null} */
let texts = null;

/** Sets the source of all texts of the kit. @param {Texts} source */
export const setTexts = (source) => { texts = source; };

/** Returns a message; its key before `setTexts`. @template {Key} K @param {K} key @param {Params<K>} params */
export const t = (key, ...params) => texts?.t(key, ...params) ?? key;

/** Returns the formatters of numbers and times. */
export const f = () => texts?.format.value ?? formatFor('en');

/** Returns an error in words. The server writes its own in plain English. @param {unknown} error */
export function errorText(error) {
  if (error instanceof ApiError) {
    if (error.kind === 'network') return t('error.network');
    if (error.kind === 'unauthorized') return t('error.unauthorized');
    return error.message;
  }
  return t('error.unexpected', { message: error instanceof Error ? error.message : String(error) });
}
