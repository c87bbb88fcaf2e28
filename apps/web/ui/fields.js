/** Fields of forms: texts, check boxes and choices. */

/** @import { Signal } from '../base/signal.js' */
/** @import { FieldOptions } from './field.js' */
/** @import { Maybe, Text } from './values.js' */

import { each, html, when } from '../base/html.js';
import { computed, effect, signal, untracked } from '../base/signal.js';
import { button } from './button.js';
import { field } from './field.js';
import { t } from './texts.js';
import { read, uid } from './values.js';

export { comboField } from './combo.js';
export { radioGroup } from './radio.js';
export { durationField, rateField, sizeField } from './unit_fields.js';

/** @typedef {object} TextOptions
 *  @property {Signal<string>} value
 *  @property {Text} [placeholder]
 *  @property {'text' | 'password' | 'search' | 'url' | 'number' | 'time' | 'email'} [type]
 *  @property {string} [autocomplete]
 *  @property {boolean} [spellcheck]
 *  @property {boolean} [multiline]
 *  @property {number} [rows]
 *  @property {boolean} [required]
 *  @property {boolean} [autofocus]
 *  @property {Maybe<boolean>} [disabled]
 *  @property {'ltr' | 'rtl' | 'auto'} [dir] direction of the text */

/** Field for a text of one line, or of several with `multiline`. @param {FieldOptions & TextOptions} options */
export function textField(options) {
  const { value, placeholder, type = 'text', autocomplete = 'off', spellcheck = false, multiline = false, rows = 4,
    required = false, autofocus = false, disabled, dir = 'auto' } = options;
  const isVisible = signal(false);
  /** @param {Event} event */
  const onInput = (event) => { value.value = /** @type {HTMLInputElement} */ (event.target).value; };

  return field(options, ({ id, describedBy }) => {
    if (multiline) {
      return html`<textarea class="k-input" id=${id} rows=${String(rows)} .value=${value} dir=${dir}
        placeholder=${placeholder} ?required=${required} ?autofocus=${autofocus} spellcheck=${String(spellcheck)}
        ?disabled=${disabled} aria-describedby=${describedBy} @input=${onInput}></textarea>`;
    }
    const input = html`<input class="k-input" id=${id} type=${() => (isVisible.value ? 'text' : type)} .value=${value}
      dir=${dir} placeholder=${placeholder} autocomplete=${autocomplete} ?required=${required}
      ?autofocus=${autofocus} spellcheck=${String(spellcheck)} autocapitalize="off" ?disabled=${disabled}
      aria-describedby=${describedBy} @input=${onInput}/>`;
    return type === 'password' ? html`<div class="k-input-row">${input}${eye(isVisible)}</div>` : input;
  });
}

/** Button that shows the characters of a password. @param {Signal<boolean>} isVisible */
const eye = (isVisible) => html`<span class="k-input-end">${() => {
  const visible = isVisible.value;
  return untracked(() => button({
    label: t('field.show_password'), icon: visible ? 'eye_off' : 'eye', iconOnly: true, kind: 'ghost',
    pressed: visible, onClick: () => { isVisible.value = !visible; },
  }));
}}</span>`;

/** @typedef {{ label: Text, checked: Signal<boolean>, help?: Text, disabled?: Maybe<boolean> }} CheckOptions */

/** @param {CheckOptions} options */
export const checkbox = (options) => check(options, false);
/** Check box that takes effect at once. @param {CheckOptions} options */
export const switchField = (options) => check(options, true);

/** @param {CheckOptions} options @param {boolean} isSwitch */
function check({ label, checked, help, disabled }, isSwitch) {
  const id = uid();
  return /** @type {HTMLElement} */ (html`<div class="k-check" class:k-switch=${isSwitch}>
    <input type="checkbox" id=${id} role=${isSwitch ? 'switch' : null} .checked=${checked} ?disabled=${disabled}
      aria-describedby=${help ? `${id}-help` : null} @change=${(/** @type {Event} */ event) => {
        checked.value = /** @type {HTMLInputElement} */ (event.target).checked;
      }}/>
    <label for=${id}>${label}</label>
    ${help && html`<p class="k-help" id=${`${id}-help`}>${help}</p>`}</div>`);
}

/** Choice of one option in a list that opens. A value that is not among the options is shown as it is.
 *  @param {FieldOptions & { value: Signal<string>, options: Maybe<readonly { value: string, label: string }[]>,
 *    disabled?: Maybe<boolean> }} options */
export function selectField(options) {
  const { value, disabled } = options;
  const all = computed(() => {
    const known = read(options.options);
    return known.some((option) => option.value === value.value) ? known
      : [...known, { value: value.value, label: value.value }];
  });
  return field(options, ({ id, describedBy }) => {
    const select = /** @type {HTMLSelectElement} */ (html`<select class="k-input k-select" id=${id}
      ?disabled=${disabled} aria-describedby=${describedBy} @change=${() => { value.value = select.value; }}>${
        each(all, (option) => option.value, (option, key) => html`<option value=${key}>${() =>
          option.value.label}</option>`)}</select>`);
    // Options must be there before one is chosen.
    effect(() => { [all.value]; select.value = value.value; });
    return select;
  });
}

/** Shows `content` while a condition holds, with room for fields. @param {() => unknown} condition
 *  @param {() => Node} content */
export const fieldsWhen = (condition, content) =>
  html`<div class="k-fields">${when(condition, content)}</div>`;
