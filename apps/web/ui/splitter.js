/** Handle between two panes. */

/** @import { Signal } from '../base/signal.js' */
/** @import { Text } from './values.js' */

import { html } from '../base/html.js';

/** @typedef {object} SplitterOptions
 *  @property {Text} label
 *  @property {'inline' | 'block'} axis direction in which it moves
 *  @property {Signal<number>} value size of the pane, in CSS pixels
 *  @property {() => { min: number, max: number }} range
 *  @property {boolean} [isAfter] true if the pane follows the handle
 *  @property {number} [step]
 *  @property {() => void} [onReset] after a double click */

/** @param {SplitterOptions} options */
export function splitter({ label, axis, value, range, isAfter = false, step = 16, onReset }) {
  /** @param {number} size */
  const resize = (size) => {
    const { min, max } = range();
    value.value = Math.round(Math.max(min, Math.min(size, max)));
  };
  const direction = () =>
    (axis === 'inline' && document.documentElement.dir === 'rtl' ? -1 : 1) * (isAfter ? -1 : 1);

  /** @param {PointerEvent} event */
  const onDown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const node = /** @type {HTMLElement} */ (event.currentTarget);
    const [start, from, sign] = [axis === 'inline' ? event.clientX : event.clientY, value.peek(), direction()];
    node.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} move */
    const onMove = (move) => resize(from + ((axis === 'inline' ? move.clientX : move.clientY) - start) * sign);
    const onEnd = () => {
      node.removeEventListener('pointermove', onMove);
      node.removeEventListener('lostpointercapture', onEnd);
    };
    node.addEventListener('pointermove', onMove);
    node.addEventListener('lostpointercapture', onEnd);
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const { min, max } = range();
    const [less, more] = axis === 'inline' ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
    if (event.key === less) resize(value.peek() - step * direction());
    else if (event.key === more) resize(value.peek() + step * direction());
    else if (event.key === 'Home') resize(min);
    else if (event.key === 'End') resize(max);
    else return;
    event.preventDefault();
  };
  return html`<div class="k-splitter" role="separator" tabindex="0" aria-label=${label} data-axis=${axis}
    aria-orientation=${axis === 'inline' ? 'vertical' : 'horizontal'}
    aria-valuenow=${() => String(value.value)} aria-valuemin=${() => String(range().min)}
    aria-valuemax=${() => String(range().max)} @pointerdown=${onDown} @keydown=${onKey}
    @dblclick=${() => onReset?.()}></div>`;
}
