/** Small harness for checks that need a browser. */

import { mount } from '../html.js';
import { batch } from '../signal.js';

/** @type {[name: string, run: () => unknown][]} */
const checks = [];
/** @type {string[]} Lines of the report. */
const lines = [];
/** @type {unknown[]} Errors of effects and uncaught errors. */
export const reported = [];
/** @type {string[]} Violations of the content security policy. */
export const violations = [];

addEventListener('error', (event) => reported.push(event.error));
addEventListener('unhandledrejection', (event) => reported.push(event.reason));
addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective));

export const stage = /** @type {HTMLElement} */ (document.getElementById('stage'));

/** Registers a check. @param {string} name @param {() => unknown} run */
export const check = (name, run) => checks.push([name, run]);

/** Adds a line with a measured figure to the report. @param {string} line */
export const figure = (line) => lines.push(line);

/** @param {unknown} actual @param {unknown} expected @param {string} [what] */
export function equal(actual, expected, what = 'value') {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

/** @param {() => unknown} fn @param {RegExp} pattern */
export function throws(fn, pattern) {
  try { fn(); } catch (error) {
    if (pattern.test(String(error))) return;
    throw error;
  }
  throw new Error(`no error that matches ${pattern}`);
}

/** Writes signals and lets the effects run. @param {() => void} fn */
export const act = (fn) => batch(fn);

/** Resolves in the next animation frame. */
export const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Resolves when a list or a chart has drawn what is scheduled now, with the frames that follow from it. */
export async function settled() {
  for (let i = 0; i < 5; i += 1) await nextFrame();
}

/** Returns the number of subscriptions to a signal. @param {any} cell */
export const observerCount = (cell) => cell.observers.size;

/** Mounts content on the stage. @param {() => unknown} fn */
export function show(fn) {
  const dispose = mount(stage, fn);
  /** @param {string} selector */
  const find = (selector) => {
    const element = stage.querySelector(selector);
    if (!(element instanceof HTMLElement)) throw new Error(`no element ${selector}`);
    return element;
  };
  return { dispose, find, text: () => stage.textContent };
}

/** Runs the checks in order and writes the report. */
export async function runChecks() {
  let failed = 0;
  for (const [name, run] of checks) {
    reported.length = 0;
    try {
      await run();
      if (reported.length > 0) throw new Error(`reported: ${reported.join('; ')}`);
      if (stage.childNodes.length > 0) throw new Error('nodes left on the stage');
      lines.push(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      stage.replaceChildren();
      lines.push(`FAILED  ${name}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  lines.push(`${checks.length - failed} of ${checks.length} checks passed`);
  const report = document.getElementById('report');
  if (report) report.textContent = lines.join('\n');
  document.title += failed === 0 ? ': passed' : ': failed';
}
