/** Value of a form that follows its source until the user changes it. */

/** @import { ReadonlySignal, Signal } from '../../base/signal.js' */

import { computed, effect, signal, untracked } from '../../base/signal.js';

/** @template T @typedef {{ value: Signal<T>, isDirty: ReadonlySignal<boolean>, reset: () => void }} Draft */

/** Creates a draft in the current scope.
 *  @template T @param {ReadonlySignal<T>} source @param {(a: T, b: T) => boolean} [isSame] @returns {Draft<T>} */
export function createDraft(source, isSame = Object.is) {
  let base = source.peek();
  const value = signal(base);
  effect(() => {
    const next = source.value;
    untracked(() => {
      if (isSame(next, base)) return;
      const isClean = isSame(value.peek(), base);
      base = next;
      if (isClean) value.value = next;
    });
  });
  return {
    value,
    isDirty: computed(() => !isSame(value.value, source.value)),
    reset: () => { value.value = source.peek(); },
  };
}

/** Saves each change of a draft at once. After a failure it shows the old value again.
 *  @template T @param {Draft<T>} draft @param {ReadonlySignal<T>} source
 *  @param {(value: T, old: T) => Promise<boolean>} save */
export function saveAtOnce({ value, isDirty, reset }, source, save) {
  effect(() => {
    const next = value.value;
    untracked(async () => {
      if (isDirty.peek() && !await save(next, source.peek()) && Object.is(value.peek(), next)) reset();
    });
  });
}

/** @param {readonly string[]} a @param {readonly string[]} b */
export const isSameList = (a, b) => a.length === b.length && a.every((item) => b.includes(item));
