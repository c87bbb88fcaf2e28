/** Values of the kit that may be reactive, and ids of its elements. */

/** @import { Reactive } from '../base/html.js' */

import { isSignal } from '../base/signal.js';

/** @template T @typedef {T | Reactive<T>} Maybe Value, or a source of one. */
/** @typedef {Maybe<string>} Text */

/** Returns the current value of a source, or the value itself. @template T @param {Maybe<T>} source @returns {T} */
export function read(source) {
  if (typeof source === 'function') return /** @type {() => T} */ (source)();
  return isSignal(source) ? source.value : /** @type {T} */ (source);
}

let lastId = 0;

/** Returns an id that no other element has. */
export const uid = () => `k${(lastId += 1)}`;
