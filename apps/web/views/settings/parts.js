/** Parts of the settings pages: cards, marked texts, and secrets. */

/** @import { Reactive } from '../../base/html.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { App } from '../../app.js' */

import { html } from '../../base/html.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { uid } from '../../ui/values.js';
import { foundParts } from './values.js';

/** @typedef {string | (() => string)} Text */

/** Part of a page with a heading.
 *  @param {{ title: Text, hint?: Text, actions?: unknown, body: unknown }} options */
export function card({ title, hint, actions, body }) {
  const id = uid();
  return html`<section class="p-card" aria-labelledby=${id}>
    <div class="p-card-head"><h3 class="p-card-title" id=${id}>${title}</h3>
      ${actions && html`<div class="p-card-actions">${actions}</div>`}</div>
    ${hint && html`<p class="p-help">${hint}</p>`}${body}</section>`;
}

/** Text in which the words of the search are marked.
 *  @param {Reactive<string>} text @param {ReadonlySignal<readonly string[]>} words */
export const marked = (text, words) => () =>
  foundParts(typeof text === 'function' ? text() : text.value, words.value).map((part) =>
    (part.isFound ? html`<mark class="p-mark">${part.text}</mark>` : part.text));

/** Text that is shown once, such as a token, with a button that copies it.
 *  @param {App} app @param {{ label: Text, text: string }} options */
export function secretField(app, { label, text }) {
  const id = uid();
  return html`<div class="p-secret"><label class="p-secret-label" for=${id}>${label}</label>
    <div class="p-secret-row"><input class="k-input p-code" id=${id} readonly dir="ltr" spellcheck="false"
      .value=${text} @focus=${(/** @type {FocusEvent} */ event) =>
        /** @type {HTMLInputElement} */ (event.target).select()}>
    ${button({ label: () => app.t('copy.copy'), icon: 'copy', kind: 'primary', onClick: () => copyText(app, text) })}
    </div></div>`;
}
