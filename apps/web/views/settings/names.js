/** Names of settings, sections and values in the language of the user. What has no message is shown by its key. */

/** @import { Key } from '../../i18n.js' */
/** @import { Setting, SettingValue } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { Kind } from './values.js' */

import { fieldText, humanName } from './values.js';

/** Returns a message, or words for a key without one.
 *  @param {App} app @param {string} prefix @param {string} name */
function nameOf(app, prefix, name) {
  const key = `${prefix}.${name}`;
  const message = app.t(/** @type {Key} */ (key));
  return message === key ? humanName(name.slice(name.lastIndexOf('.') + 1)) : message;
}

/** @param {App} app @param {string} key */
export const settingName = (app, key) => nameOf(app, 'setting', key);
/** @param {App} app @param {string} key */
export const sectionName = (app, key) => nameOf(app, 'section', key);
/** @param {App} app @param {string} key @param {string} word */
export const choiceName = (app, key, word) => nameOf(app, 'choice', `${key}.${word}`);

/** Returns the name of no value. @param {App} app @param {string} key @param {Kind} kind */
export function noneName(app, key, kind) {
  if (kind.type === 'list') return app.t('edit.empty_list');
  if (kind.type === 'rate' || (kind.type === 'count' && key.startsWith('max_'))) return app.t('edit.unlimited');
  return app.t(kind.type === 'time' ? 'edit.never' : 'edit.none');
}

/** Returns a value in words.
 *  @param {App} app @param {Pick<Setting, 'key' | 'kind'>} setting @param {SettingValue} value */
export function valueName(app, { key, kind }, value) {
  if (typeof value === 'boolean') return app.t(value ? 'edit.on' : 'edit.off');
  const isEmpty = value === null || value === '' || (Array.isArray(value) && value.length === 0);
  if (isEmpty) return noneName(app, key, kind);
  if (kind.type === 'choice') return choiceName(app, key, String(value));
  return fieldText(kind, value).replaceAll('\n', ', ');
}
