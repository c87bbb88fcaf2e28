/** Section of the options: a form whose buttons are there while something has changed. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Key } from '../../i18n.js' */
/** @import { Context } from './context.js' */

import { html, when } from '../../base/html.js';
import { signal, untracked } from '../../base/signal.js';
import { button } from '../../ui/button.js';

/** @typedef {object} FormSection
 *  @property {Key} title
 *  @property {() => Node[]} fields called again by a reset, so that invalid texts go too
 *  @property {ReadonlySignal<boolean>} [isDirty] left out if each change is saved at once
 *  @property {ReadonlySignal<boolean>} [canSave]
 *  @property {Key} [saveLabel]
 *  @property {() => Promise<unknown>} [save]
 *  @property {() => void} [reset] */

/** @param {Context} context @param {FormSection} options */
export function formSection({ app }, { title, fields, isDirty, canSave, saveLabel = 'dialog.save', save, reset }) {
  const resets = signal(0);
  const revert = () => { reset?.(); resets.value += 1; };
  const isValid = () => canSave?.value ?? true;
  const buttons = () => html`<div class="d-form-buttons">
    ${button({ label: () => app.t('details.revert'), kind: 'ghost', onClick: revert })}
    ${button({ label: () => app.t(/** @type {'dialog.save'} */ (saveLabel)), kind: 'primary', type: 'submit',
      disabled: () => !isValid() })}</div>`;
  return html`<form class="d-form" novalidate @submit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    if (isDirty?.peek() && isValid()) save?.();
  }}><h3>${() => app.t(/** @type {'dialog.save'} */ (title))}</h3>
    <div class="d-form-fields">${() => { [resets.value]; return untracked(fields); }}</div>
    ${isDirty && when(isDirty, buttons)}</form>`;
}
