/** Fields for rates, sizes and times with units, such as `4 MiB/s` and `1h30m`. */

/** @import { Signal } from '../base/signal.js' */
/** @import { ParseFault, Parsed } from '../format.js' */
/** @import { FieldOptions } from './field.js' */
/** @import { Maybe } from './values.js' */

import { html } from '../base/html.js';
import { effect, signal } from '../base/signal.js';
import { durationText, parseDuration, parseLimit, parseSize, sizeText } from '../format.js';
import { field } from './field.js';
import { f, t } from './texts.js';

/** @typedef {FieldOptions & { app?: unknown, value: Signal<number | null>, disabled?: Maybe<boolean>,
 *    placeholder?: string, onFault?: (fault: ParseFault | null) => void, isRequired?: boolean }} UnitOptions
 *    An empty text is null; with `isRequired` it is a fault. */
/** @typedef {{ parse: (text: string) => Parsed<number | null>, write: (value: number) => string,
 *    isTime?: boolean }} Unit */

/** @type {Unit} */
const RATE = { parse: (text) => parseLimit(text, f().decimal), write: (value) => `${sizeText(value)}/s` };
/** @type {Unit} */
const SIZE = { parse: (text) => parseSize(text, f().decimal), write: sizeText };
/** @type {Unit} */
const DURATION = { parse: parseDuration, write: durationText, isTime: true };

/** Rate in bytes per second. @param {UnitOptions} options */
export const rateField = (options) =>
  unitField({ ...options, placeholder: options.placeholder ?? t('limits.unlimited') }, RATE);
/** Size in bytes. @param {UnitOptions} options */
export const sizeField = (options) => unitField(options, SIZE);
/** Time in seconds. @param {UnitOptions} options */
export const durationField = (options) => unitField(options, DURATION);

/** @param {UnitOptions} options @param {Unit} unit */
function unitField(options, { parse, write, isTime = false }) {
  const { value, onFault, disabled, placeholder, isRequired = false } = options;
  /** @param {number | null} current */
  const textOf = (current) => (current === null ? '' : write(current));
  /** @param {string} text @returns {Parsed<number | null>} */
  const parsed = (text) => (text.trim() === '' && !isRequired ? { value: null, fault: null } : parse(text));
  const text = signal(textOf(value.peek()));
  const fault = signal(/** @type {ParseFault | null} */ (null));

  /** @param {ParseFault | null} next */
  const setFault = (next) => {
    if (next !== fault.peek()) onFault?.(next);
    fault.value = next;
  };
  const onInput = () => {
    text.value = input.value;
    const result = parsed(input.value);
    setFault(result.fault);
    if (result.fault === null) value.value = result.value;
  };
  const onBlur = () => { if (fault.peek() === null) text.value = textOf(value.peek()); };
  /** @type {HTMLInputElement} */
  let input;
  return field(options, ({ id, describedBy }) => {
    input = /** @type {HTMLInputElement} */ (html`<input class="k-input k-input-unit" id=${id} type="text" dir="ltr"
      autocomplete="off" spellcheck="false" autocapitalize="off" placeholder=${placeholder} .value=${text}
      ?disabled=${disabled} aria-describedby=${describedBy} @input=${onInput} @blur=${onBlur}/>`);
    // A value from elsewhere replaces the text.
    effect(() => {
      const current = value.value;
      const known = parsed(text.peek());
      if (known.fault === null && known.value === current) return;
      if (known.fault !== null && input.contains(document.activeElement)) return;
      text.value = textOf(current);
      setFault(null);
    });
    if (isRequired && value.peek() === null) setFault('number');
    return input;
  }, () => (fault.value === null ? null
    : t(isTime && fault.value !== 'range' ? 'input.duration' : `input.${fault.value}`)));
}
