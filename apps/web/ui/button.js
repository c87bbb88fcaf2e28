/** Buttons. */

/** @import { IconName } from './icons.js' */
/** @import { Maybe, Text } from './values.js' */

import { html } from '../base/html.js';
import { icon as iconOf } from './icons.js';
import { read } from './values.js';

/** @typedef {object} ButtonOptions
 *  @property {Text} label name of the button, which is its text unless `iconOnly`
 *  @property {IconName} [icon]
 *  @property {'plain' | 'primary' | 'danger' | 'ghost'} [kind]
 *  @property {boolean} [iconOnly]
 *  @property {Text} [title]
 *  @property {Maybe<boolean>} [disabled]
 *  @property {Maybe<boolean>} [pressed] makes it a toggle
 *  @property {string} [keys] shortcut, as in `aria-keyshortcuts`
 *  @property {(event: MouseEvent) => unknown} [onClick] while its promise is open, further clicks do nothing
 *  @property {'button' | 'submit'} [type] */

/** @param {ButtonOptions} options @returns {HTMLButtonElement} */
export function button({ label, icon, kind = 'plain', iconOnly = false, title, disabled, pressed, keys, onClick,
  type = 'button' }) {
  const hint = title ?? (iconOnly ? label : null);
  /** @param {MouseEvent} event */
  const run = async (event) => {
    if (node.getAttribute('aria-busy') === 'true') return event.preventDefault();
    const result = onClick?.(event);
    if (!(result instanceof Promise)) return;
    node.setAttribute('aria-busy', 'true');
    try { await result; } finally { node.removeAttribute('aria-busy'); }
  };
  const isPressed = pressed === undefined ? null : bound(pressed, String);
  const node = /** @type {HTMLButtonElement} */ (html`<button class="k-button" type=${type} title=${hint}
    class:k-button-primary=${kind === 'primary'} class:k-button-danger=${kind === 'danger'}
    class:k-button-ghost=${kind === 'ghost'} class:k-button-icon=${iconOnly} aria-label=${iconOnly ? label : null}
    aria-keyshortcuts=${keys} aria-pressed=${isPressed} ?disabled=${disabled} @click=${run}>
    ${icon && iconOf(icon, { size: 18 })}${iconOnly ? null : html`<span class="k-button-text">${label}</span>`}
  </button>`);
  return node;
}

/** Applies `fn` to a value, now or whenever it changes. Plain values need no scope.
 *  @template T, R @param {Maybe<T>} source @param {(value: T) => R} fn @returns {Maybe<R>} */
function bound(source, fn) {
  const isPlain = typeof source !== 'function' && (typeof source !== 'object' || source === null);
  return isPlain ? fn(/** @type {T} */ (source)) : () => fn(read(source));
}
