/**
 * Text of numbers and times in the language of the user, and parsing of sizes, rates and times that users type.
 *
 * Sizes have the binary units and the three digits of the command line. A missing value is an em dash. The formatters
 * of a locale are created once, and when they are first used, because their creation takes far longer than their use.
 */

const MISSING = '\u2014';
/** Space that keeps a number and its unit on one line. */
const SPACE = '\u00a0';
const SIZE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
/** Languages that are written from right to left. */
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
const MINUTE = 60, HOUR = 3600, DAY = 86_400;
/** Time from which an estimate says no more than "not soon". */
const ENDLESS_S = 100 * DAY;
/** Units of a span with their lengths in seconds, the largest first. */
const SPAN_UNITS = /** @type {const} */ ([['day', DAY], ['hour', HOUR], ['minute', MINUTE], ['second', 1]]);
/** Units of a time ago, the largest first. */
const AGO_UNITS = /** @type {const} */ (
  [['year', 365 * DAY], ['month', 30 * DAY], ['day', DAY], ['hour', HOUR], ['minute', MINUTE], ['second', 1]]);

/** Creates a value when it is first used: a formatter takes a millisecond or more.
 *  @template T @param {() => T} create */
function lazy(create) {
  /** @type {T | undefined} */
  let value;
  return () => (value ??= create());
}

/** @typedef {number | null | undefined} Maybe */
/** @typedef {ReturnType<typeof createFormat>} Format */

/** @type {Map<string, Format>} */
const cache = new Map();

/** Returns the formatters of a locale; those of English if the tag is malformed.
 *  @param {string} locale BCP 47 tag @returns {Format} */
export function formatFor(locale) {
  const known = cache.get(locale);
  if (known) return known;
  let format;
  try { format = createFormat(locale); } catch { format = createFormat('en'); }
  cache.set(locale, format);
  return format;
}

/** @param {Maybe} value @returns {value is number} */
const isPresent = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;

/** Creates the formatters of a locale. Use `formatFor`, which keeps them.
 *  @param {string} locale @param {string} [timeZone] that of the browser if left out */
export function createFormat(locale, timeZone) {
  Intl.getCanonicalLocales(locale); // Throws if the tag is malformed.
  /** @param {Intl.NumberFormatOptions} options */
  const number = (options) => new Intl.NumberFormat(locale, options);
  const fixed = [0, 1, 2].map((digits) =>
    lazy(() => number({ minimumFractionDigits: digits, maximumFractionDigits: digits })));
  const percents = [0, 1].map((digits) =>
    lazy(() => number({ style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits })));
  /** @param {string} unit @param {number} digits */
  const unit = (unit, digits) => lazy(() =>
    number({ style: 'unit', unit, unitDisplay: 'narrow', minimumIntegerDigits: digits, useGrouping: false }));
  const spans = SPAN_UNITS.map(([name]) => /** @type {const} */ ([unit(name, 1), unit(name, 2)]));
  const dateTimes = lazy(() => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }));
  const days = lazy(() => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone }));
  const clocks = lazy(() => new Intl.DateTimeFormat(locale, { timeStyle: 'medium', timeZone }));
  const relative = lazy(() => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }));

  /** Keeps a number and its Latin unit in their order. @param {string} text */
  const ltr = (text) => (RIGHT_TO_LEFT.test(locale) ? `\u2066${text}\u2069` : text);
  /** @param {number} bytes */
  const plainSize = (bytes) => {
    if (bytes < 1024) return `${fixed[0]().format(Math.trunc(bytes))}${SPACE}B`;
    let value = bytes / 1024, i = 0;
    // 999.5 would round to four digits.
    for (; value >= 999.5 && i + 1 < SIZE_UNITS.length; i += 1) value /= 1024;
    const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return `${fixed[digits]().format(value)}${SPACE}${SIZE_UNITS[i]}`;
  };
  /** @param {Maybe} seconds */
  const duration = (seconds) => {
    if (!isPresent(seconds)) return MISSING;
    const s = Math.floor(seconds);
    const i = SPAN_UNITS.findIndex(([, length]) => s >= length);
    if (i < 0 || i === SPAN_UNITS.length - 1) return spans[SPAN_UNITS.length - 1][0]().format(s);
    const [, length] = SPAN_UNITS[i], [, next] = SPAN_UNITS[i + 1];
    const [large, small] = [Math.floor(s / length), Math.floor((s % length) / next)];
    return `${spans[i][0]().format(large)}${SPACE}${spans[i + 1][1]().format(small)}`;
  };
  /** @param {() => Intl.DateTimeFormat} formatter @param {Maybe} unixS */
  const time = (formatter, unixS) => {
    // Dates end at 8.64e12 s.
    return isPresent(unixS) && unixS <= 8.64e12 ? formatter().format(unixS * 1000) : MISSING;
  };

  return {
    locale,
    /** Decimal separator. */
    get decimal() {
      return fixed[1]().formatToParts(0.5).find(({ type }) => type === 'decimal')?.value ?? '.';
    },
    /** @param {Maybe} bytes */
    size: (bytes) => (isPresent(bytes) ? ltr(plainSize(bytes)) : MISSING),
    /** Bytes per second. @param {Maybe} perS */
    rate: (perS) => (isPresent(perS) ? ltr(`${plainSize(perS)}/s`) : MISSING),
    /** Two digits after the point, fewer from 100 on. Rounded down, so that a goal does not seem to be reached early.
     *  @param {Maybe} value */
    ratio: (value) => {
      if (!isPresent(value)) return MISSING;
      const digits = value < 100 ? 2 : value < 1000 ? 1 : 0;
      return fixed[digits]().format(floorAt(value, 10 ** digits));
    },
    /** Part of a whole, from 0 to 1. Rounded down: 100 % is the end, and nothing before it.
     *  @param {Maybe} part */
    percent: (part) => {
      if (!isPresent(part)) return MISSING;
      return part >= 1 ? percents[0]().format(1) : percents[1]().format(Math.min(floorAt(part, 1000), 0.999));
    },
    /** Span of time by its two largest units. @param {Maybe} seconds */
    duration,
    /** Remaining time; from 100 days on it is the sign of infinity. @param {Maybe} seconds */
    eta: (seconds) => (isPresent(seconds) && seconds >= ENDLESS_S ? '\u221e' : duration(seconds)),
    /** @param {Maybe} unixS */
    dateTime: (unixS) => time(dateTimes, unixS),
    /** @param {Maybe} unixS */
    date: (unixS) => time(days, unixS),
    /** Time of day with seconds. @param {Maybe} unixS */
    clock: (unixS) => time(clocks, unixS),
    /** Time relative to now, such as "5 minutes ago". @param {Maybe} unixS @param {number} nowUnixS */
    ago: (unixS, nowUnixS) => {
      if (!isPresent(unixS)) return MISSING;
      const s = unixS - nowUnixS;
      const [name, length] = AGO_UNITS.find(([, length]) => Math.abs(s) >= length) ?? AGO_UNITS[AGO_UNITS.length - 1];
      return relative().format(Math.trunc(s / length), name);
    },
    /** Number of things. @param {Maybe} value */
    count: (value) => (isPresent(value) ? fixed[0]().format(Math.trunc(value)) : MISSING),
  };
}

/** Rounds down to a fraction. The summand is more than the error of the product, and less than users can see.
 *  @param {number} value @param {number} parts */
const floorAt = (value, parts) => Math.floor(value * parts + 1e-9) / parts;

/** @typedef {'number' | 'unit' | 'range' | 'zero'} ParseFault Text that is not a number, has an unknown unit, is too
 *    large, or is zero where that would stop everything. */
/** @template T @typedef {{ value: T, fault: null } | { value: null, fault: ParseFault }} Parsed */

/** @type {Record<string, number>} */
const FACTORS = {
  '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12,
  ...Object.fromEntries(['k', 'm', 'g', 't'].flatMap((letter, i) =>
    [letter, `${letter}i`, `${letter}ib`].map((name) => [name, 1024 ** (i + 1)]))),
};

/** @param {ParseFault} fault @returns {{ value: null, fault: ParseFault }} */
const refused = (fault) => ({ value: null, fault });

/** Parses `16384`, `16KiB`, `1.5 MiB`, `500k`, `2MB` as the daemon does: a bare letter counts in 1024s, as `KiB` does;
 *  `kB` and its like count in 1000s. The decimal separator of the user is taken too.
 *  @param {string} text @param {string} [decimal] @returns {Parsed<number>} */
export function parseSize(text, decimal = '.') {
  const [, number, rest] = /** @type {string[]} */ (/^([0-9.]*)(.*)$/s.exec(toDigits(text, decimal)));
  const name = rest.trim().toLowerCase();
  if (!Object.hasOwn(FACTORS, name)) return refused(number === '' ? 'number' : 'unit');
  if (!/^(\d+\.?\d*|\.\d+)$/.test(number)) return refused('number');
  const bytes = Number(number) * FACTORS[name];
  // 2^53: beyond it a number no longer counts single bytes.
  return bytes > 9e15 ? refused('range') : { value: Math.trunc(bytes), fault: null };
}

/** Parses a rate limit: a size, `/s` or not, or `unlimited`, which is null. Zero is refused: it would stop everything.
 *  @param {string} text @param {string} [decimal] @returns {Parsed<number | null>} */
export function parseLimit(text, decimal) {
  const trimmed = text.trim();
  if (trimmed.toLowerCase() === 'unlimited') return { value: null, fault: null };
  const parsed = parseSize(trimmed.replace(/\/s$/, ''), decimal);
  return parsed.value === 0 ? refused('zero') : parsed;
}

/** Parses `30s`, `10m`, `2h`, `1d`, sums of these such as `1h30m`, and plain seconds, as the daemon does.
 *  @param {string} text @returns {Parsed<number>} seconds */
export function parseDuration(text) {
  /** @type {Record<string, number>} */
  const lengths = { '': 1, s: 1, m: MINUTE, min: MINUTE, h: HOUR, d: DAY };
  const trimmed = toDigits(text, '.');
  // Only the last part may lack a unit, so that no text takes long to refuse.
  if (!/^(\d+[a-z]+)*\d+[a-z]*$/i.test(trimmed)) return refused('number');
  let total = 0;
  for (const [, number, unit] of trimmed.matchAll(/(\d+)([a-z]*)/gi)) {
    if (!Object.hasOwn(lengths, unit)) return refused('unit');
    total += Number(number) * lengths[unit];
  }
  return total > 9e15 ? refused('range') : { value: total, fault: null };
}

/** Returns a number of bytes for a text field, in the largest unit in which it is whole: `5 MiB`, `500 kB`.
 *  @param {number} bytes */
export function sizeText(bytes) {
  const units = /** @type {const} */ (
    [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['GB', 1e9], ['MB', 1e6], ['kB', 1e3]]);
  const [name, factor] = units.find(([, factor]) => bytes !== 0 && bytes % factor === 0) ?? ['B', 1];
  return `${bytes / factor} ${name}`;
}

/** Returns a time in whole seconds for a text field, as the sum of its units: `45s`, `1h30m`, `7d`.
 *  @param {number} seconds */
export function durationText(seconds) {
  const parts = [[Math.floor(seconds / DAY), 'd'], [Math.floor(seconds / HOUR) % 24, 'h'],
    [Math.floor(seconds / MINUTE) % 60, 'm'], [seconds % 60, 's']];
  return parts.filter(([count]) => count !== 0).map(([count, unit]) => `${count}${unit}`).join('') || '0s';
}

/** Trims a text, and replaces the digits and the decimal separator of the user by those of English.
 *  @param {string} text @param {string} decimal */
function toDigits(text, decimal) {
  const trimmed = text.trim().replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 15));
  // With a point in it, the other separator groups digits, which is refused rather than guessed.
  return decimal !== '.' && !trimmed.includes('.') ? trimmed.replace(decimal, '.') : trimmed;
}
