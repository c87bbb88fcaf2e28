/** Days, times and effects of a schedule in the language of the user. */

/** @import { App } from '../app.js' */
/** @import { Effect, Entry } from './schedule.js' */

import { DAY_MINUTES, dayRanges } from './schedule.js';

/** A Monday. */
const MONDAY_MS = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
/** @type {Map<string, Record<'long' | 'short' | 'time' | 'hour', Intl.DateTimeFormat>>} */
const cache = new Map();

/** @param {string} locale */
function formatsOf(locale) {
  const known = cache.get(locale);
  if (known) return known;
  const formats = {
    long: new Intl.DateTimeFormat(locale, { weekday: 'long', timeZone: 'UTC' }),
    short: new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' }),
    time: new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', timeZone: 'UTC' }),
    hour: new Intl.DateTimeFormat(locale, { hour: 'numeric', timeZone: 'UTC' }),
  };
  cache.set(locale, formats);
  return formats;
}

/** Returns the name of a day; Monday is 0.
 *  @param {string} locale @param {number} day @param {'long' | 'short'} [width] */
export const dayName = (locale, day, width = 'long') => formatsOf(locale)[width].format(MONDAY_MS + day * DAY_MS);

/** Returns a time of day. @param {string} locale @param {number} minute */
export const timeName = (locale, minute) =>
  formatsOf(locale).time.format(MONDAY_MS + (minute % DAY_MINUTES) * 60_000);

/** Returns a full hour. @param {string} locale @param {number} hour */
export const hourName = (locale, hour) => formatsOf(locale).hour.format(MONDAY_MS + hour * 3_600_000);

/** Returns a span of a day. @param {string} locale @param {number} from @param {number} to minutes */
export const spanName = (locale, from, to) => `${timeName(locale, from)}\u2013${timeName(locale, to)}`;

/** Returns the days in the order of the weeks of a locale. @param {string} locale @returns {number[]} */
export function daysInOrder(locale) {
  let first = 0;
  try {
    const info = /** @type {any} */ (new Intl.Locale(locale));
    first = ((info.getWeekInfo?.() ?? info.weekInfo)?.firstDay ?? 1) - 1;
  } catch { /* Monday. */ }
  return Array.from({ length: 7 }, (_, i) => (first + i) % 7);
}

/** Returns the days of an entry, such as "Mon–Fri, Sun". @param {App} app @param {readonly number[]} days */
export function daysName(app, days) {
  const { locale } = app.f();
  if (days.length === 7) return app.t('schedule.daily');
  const ranges = dayRanges(days).map(([first, last]) =>
    [...new Set([first, last])].map((day) => dayName(locale, day, 'short')).join('\u2013'));
  return new Intl.ListFormat(locale, { type: 'unit', style: 'short' }).format(ranges);
}

/** Returns a limit; the sign of infinity for none. @param {App} app @param {number | null} rate */
export const rateName = (app, rate) => (rate === null ? '\u221e' : app.f().rate(rate));

/** @param {App} app @param {Effect | null} effect */
export function effectName(app, effect) {
  if (!effect) return app.t('schedule.normal');
  if (effect.kind !== 'limits') return app.t(`schedule.${effect.kind}`);
  return app.t('schedule.limits_of', { down: rateName(app, effect.down), up: rateName(app, effect.up) });
}

/** @param {App} app @param {Entry} entry */
export const entryName = (app, { days, from, to, effect }) =>
  `${daysName(app, days)} ${spanName(app.f().locale, from, to)}: ${effectName(app, effect)}`;
