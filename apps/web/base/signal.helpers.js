/** Helpers of the signal tests. */

import { effect } from './signal.js';

/** Resolves after the effects that wait now. */
export const microtask = () => new Promise((resolve) => queueMicrotask(() => resolve(undefined)));

/** Runs an effect that records what it reads, and returns the record.
 *  @template T @param {() => T} read */
export function log(read) {
  /** @type {T[]} */
  const seen = [];
  const dispose = effect(() => void seen.push(read()));
  return { seen, dispose };
}

/** Returns the errors that are reported while `fn` runs. @param {() => unknown} fn */
export async function reportedBy(fn) {
  /** @type {any[]} */
  const errors = [];
  const scope = /** @type {any} */ (globalThis);
  scope.reportError = (/** @type {unknown} */ error) => errors.push(error);
  try {
    await fn();
  } finally {
    delete scope.reportError;
  }
  return errors;
}
