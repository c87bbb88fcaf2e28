/** Radio buttons. */

/** @import { Signal } from '../base/signal.js' */
/** @import { Text } from './values.js' */

import { html } from '../base/html.js';
import { uid } from './values.js';

/** @typedef {{ value: string, label: string, help?: string }} Option */

/** Choice of one of a few options, all of them visible. With `segments` they are in a row.
 *  @param {{ label: Text, value: Signal<string>, options: readonly Option[], segments?: boolean, hideLabel?: boolean }}
 *    options */
export function radioGroup({ label, value, options, segments = false, hideLabel = false }) {
  const name = uid();
  return /** @type {HTMLElement} */ (html`<fieldset class="k-radios" class:k-segments=${segments}>
    <legend class="k-label" class:k-hidden=${hideLabel}>${label}</legend>
    <div class="k-radios-list">${options.map((option, i) => html`<div class="k-radio">
      <input type="radio" name=${name} id=${`${name}-${i}`} .checked=${() => value.value === option.value}
        aria-describedby=${option.help ? `${name}-${i}-help` : null} @change=${() => { value.value = option.value; }}/>
      <label for=${`${name}-${i}`}>${option.label}</label>
      ${option.help && html`<p class="k-help" id=${`${name}-${i}-help`}>${option.help}</p>`}</div>`)}</div>
  </fieldset>`);
}
