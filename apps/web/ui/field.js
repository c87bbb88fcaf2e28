/**
 * Frame of a control: label, help and error, and the validity for its form.
 *
 * A control with an error is invalid for its form too, so that a form dialog does not submit it.
 */

/** @import { ReadonlySignal } from '../base/signal.js' */
/** @import { Maybe, Text } from './values.js' */

import { html } from '../base/html.js';
import { computed, effect, signal } from '../base/signal.js';
import { t } from './texts.js';
import { read, uid } from './values.js';

/** @typedef {object} FieldOptions
 *  @property {Text} label
 *  @property {Text} [help]
 *  @property {Maybe<string | null>} [error] shown at once
 *  @property {boolean} [hideLabel] */
/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */
/** @typedef {'field.required' | 'field.form' | 'field.range' | 'field.length'} Reason */

/** Reasons of browsers for an invalid text. @type {readonly [keyof ValidityState, Reason][]} */
const REASONS = [
  ['valueMissing', 'field.required'], ['rangeUnderflow', 'field.range'], ['rangeOverflow', 'field.range'],
  ['tooShort', 'field.length'], ['tooLong', 'field.length'], ['badInput', 'field.form'], ['typeMismatch', 'field.form'],
  ['patternMismatch', 'field.form'], ['stepMismatch', 'field.form'],
];

/** Returns the message for what a browser finds wrong with a text; null if it is only the error of the field.
 *  @param {Partial<ValidityState>} validity @returns {Reason | null} */
export const reasonOf = (validity) => REASONS.find(([kind]) => validity[kind])?.[1] ?? null;

/** Creates the frame. `control` returns a node with the control, which gets the id. `check` returns an error that is
 *  shown from the time when the user leaves the field.
 *  @param {FieldOptions & { value: ReadonlySignal<unknown> }} options
 *  @param {(ids: { id: string, describedBy: string }) => unknown} control @param {() => string | null} [check] */
export function field({ label, help, error = null, hideLabel = false, value }, control, check = () => null) {
  const id = uid();
  const isLeft = signal(false);
  /** What the browser has found wrong when the form has asked; until the next input. */
  const reason = signal(/** @type {Reason | null} */ (null));
  const fault = () => check() ?? read(error);
  /** @param {FocusEvent} event */
  const onLeave = ({ relatedTarget }) => {
    // An error that appears would move a button away before the click on it ends. A form asks by itself.
    if (!(relatedTarget instanceof HTMLButtonElement)) isLeft.value = true;
  };
  const shown = computed(() => (isLeft.value ? check() : null) ?? read(error) ?? (reason.value && t(reason.value)));

  const node = /** @type {HTMLElement} */ (html`<div class="k-field" @focusout=${onLeave}>
    <label class="k-label" class:k-hidden=${hideLabel} for=${id}>${label}</label>
    ${control({ id, describedBy: `${id}-help ${id}-error` })}
    <p class="k-help" id=${`${id}-help`} ?hidden=${() => !help}>${help}</p>
    <p class="k-error" id=${`${id}-error`} aria-live="polite">${shown}</p></div>`);
  const input = /** @type {Control} */ (node.querySelector(`#${id}`));
  input.addEventListener('invalid', () => {
    isLeft.value = true;
    reason.value = reasonOf(input.validity);
  });
  effect(() => input.setCustomValidity(fault() ?? ''));
  effect(() => {
    if (shown.value === null) input.removeAttribute('aria-invalid');
    else input.setAttribute('aria-invalid', 'true');
  });
  effect(() => { [value.value]; reason.value = null; });
  return node;
}
