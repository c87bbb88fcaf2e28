/**
 * Values of settings as text: in fields, as defaults, and as a configuration file. Parsing of what users type, and the
 * search.
 */

/** @import { Setting, SettingValue } from '../../types.js' */

import { durationText, parseDuration, parseLimit, sizeText } from '../../format.js';

/** @typedef {Setting['kind']} Kind */
/** @typedef {'number' | 'unit' | 'range' | 'zero' | 'time' | 'ratio' | 'count' | 'missing'} Fault
 *    Reason for which a text is refused before it is sent. */
/** @typedef {{ value: SettingValue, fault: null } | { value: null, fault: Fault }} Parsed */

/** Largest number that JSON carries exactly. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

/** Returns true if a setting may have no value. The kind `rate` does not say it; then the default does.
 *  @param {Pick<Setting, 'kind' | 'default'>} setting */
export const isOptional = ({ kind, default: usual }) =>
  ('is_optional' in kind ? kind.is_optional : kind.type === 'ratio' || usual === null);

/** Returns the word for no value in the configuration file. @param {Kind} kind */
export const noneWord = ({ type }) => (type === 'rate' ? 'unlimited' : type === 'time' ? 'never' : 'none');

/** Returns a value for a text field; empty for no value. @param {Kind} kind @param {SettingValue} value */
export function fieldText(kind, value) {
  if (value === null) return '';
  if (Array.isArray(value)) return value.join('\n');
  if (typeof value !== 'number') return String(value);
  if (kind.type === 'rate') return `${sizeText(value)}/s`;
  return kind.type === 'time' ? durationText(value) : String(value);
}

/** Parses the text of a field. Texts, paths and lists are left to the daemon, which knows their forms.
 *  @param {Pick<Setting, 'kind' | 'default'>} setting @param {string} text @param {string} [decimal] separator of the
 *  user @returns {Parsed} */
export function parseField(setting, text, decimal = '.') {
  const { kind } = setting, trimmed = text.trim();
  if (kind.type === 'list') return value(trimmed.split('\n').map((item) => item.trim()).filter((item) => item !== ''));
  if (kind.type === 'text' || kind.type === 'path') return value(trimmed === '' && kind.is_optional ? null : trimmed);
  if (trimmed === '' || [noneWord(kind), 'none'].includes(trimmed.toLowerCase())) {
    return isOptional(setting) ? value(null) : { value: null, fault: 'missing' };
  }
  if (kind.type === 'rate') return parseLimit(trimmed, decimal);
  if (kind.type === 'time') {
    const parsed = parseDuration(trimmed);
    return parsed.fault ? { value: null, fault: 'time' } : inRange(parsed.value, kind.min_s, kind.max_s, 'time');
  }
  if (kind.type === 'ratio') {
    const { number, isNumber } = numberOf(trimmed.replace(decimal, '.'), /^\d{1,6}(\.\d+)?$/);
    return isNumber ? value(number) : { value: null, fault: 'ratio' };
  }
  const { number, isNumber } = numberOf(trimmed, /^\d{1,15}$/);
  const { min, max } = kind.type === 'count' ? kind : { min: 0, max: MAX_COUNT };
  return isNumber ? inRange(number, min, max, 'count') : { value: null, fault: 'count' };
}

/** @param {SettingValue} value @returns {Parsed} */
const value = (value) => ({ value, fault: null });

/** @param {number} number @param {number} min @param {number} max @param {Fault} fault @returns {Parsed} */
const inRange = (number, min, max, fault) =>
  number < min || number > max ? { value: null, fault } : value(number);

/** Parses a number, also with Arabic digits. @param {string} text @param {RegExp} pattern */
function numberOf(text, pattern) {
  const plain = text.replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 15));
  return { number: Number(plain), isNumber: pattern.test(plain) };
}

/** Returns true if two values are the same. @param {SettingValue} a @param {SettingValue} b */
export const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Returns a name for a key that has no message: `max_peers` is `Max peers`. @param {string} key */
export function humanName(key) {
  const words = key.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Returns the words of a search. @param {string} text */
export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter((word) => word !== '');

/** Returns true if each word occurs in one of the texts.
 *  @param {readonly string[]} words @param {readonly string[]} texts */
export function matches(words, texts) {
  const all = texts.join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}

/** Splits a text into parts that a search has found, and others.
 *  @param {string} text @param {readonly string[]} words @returns {{ text: string, isFound: boolean }[]} */
export function foundParts(text, words) {
  if (words.length === 0) return [{ text, isFound: false }];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  // Parts at odd places are those that the group has captured.
  return text.split(new RegExp(`(${escaped.join('|')})`, 'i')).flatMap((part, i) =>
    (part === '' ? [] : [{ text: part, isFound: i % 2 === 1 }]));
}

/** Returns settings as a configuration file, in the form of the daemon.
 *  @param {readonly Setting[]} settings */
export function tomlOf(settings) {
  /** @type {Map<string, string[]>} */
  const sections = new Map();
  for (const setting of settings) {
    const lines = sections.get(setting.section) ?? [];
    lines.push(`${setting.key} = ${tomlValue(setting.kind, setting.value)}`);
    sections.set(setting.section, lines);
  }
  return [...sections].map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`).join('\n');
}

/** @param {Kind} kind @param {SettingValue} value */
function tomlValue(kind, value) {
  if (Array.isArray(value)) return `[${value.map(tomlString).join(', ')}]`;
  if (value === null) return tomlString(noneWord(kind));
  const isText = typeof value === 'string' || kind.type === 'rate' || kind.type === 'time';
  return isText ? tomlString(fieldText(kind, value).replace(/ (?=[kKMGTB])/, '')) : String(value);
}

/** @param {string} text */
const tomlString = (text) => JSON.stringify(text).replaceAll('\x7f', '\\u007f');
