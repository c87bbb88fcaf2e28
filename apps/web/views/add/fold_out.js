/** Part of a form that is folded away at first. */

/** @import { Signal } from '../../base/signal.js' */
/** @import { Text } from '../../ui/values.js' */

import { html, when } from '../../base/html.js';
import { effect } from '../../base/signal.js';
import { icon } from '../../ui/icons.js';

/** @param {{ label: Text, isOpen: Signal<boolean>, content: () => Node, sign?: () => unknown }} options `sign` is shown
 *  beside the label */
export function foldOut({ label, isOpen, content, sign }) {
  const details = /** @type {HTMLDetailsElement} */ (html`<details class="a-more" @toggle=${() => {
    isOpen.value = details.open;
  }}><summary class="a-more-head">${icon('chevron', { size: 16 })}<span>${label}</span>${sign}</summary>
    ${when(isOpen, () => html`<div class="a-more-body">${content()}</div>`)}</details>`);
  effect(() => { details.open = isOpen.value; });
  return details;
}
