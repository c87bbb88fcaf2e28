/** Short notes at the edge of the window, read out by screen readers. */

import { each, html } from '../base/html.js';
import { signal } from '../base/signal.js';
import { button } from './button.js';
import { icon } from './icons.js';
import { t } from './texts.js';

/** @typedef {'info' | 'success' | 'error'} ToastKind */
/** @typedef {{ text: string, kind?: ToastKind, action?: { label: string, run: () => unknown }, ms?: number,
 *    topic?: string }} Toast A note replaces the one before of the same topic, which is its text if left out. */
/** @typedef {{ id: number, text: string, kind: ToastKind, ms: number, topic: string,
 *    action: Toast['action'] | null }} Shown */

const SHORT_MS = 5000, LONG_MS = 10_000, MAX_SHOWN = 3;
const ICONS = /** @type {const} */ ({ info: 'info', success: 'check', error: 'error' });

/** Creates the notes of the app. */
export function createToasts() {
  const shown = signal(/** @type {readonly Shown[]} */ ([]));
  /** @type {Map<number, ReturnType<typeof setTimeout>>} */
  const timers = new Map();
  /** @type {HTMLElement | null} */
  let region = null;
  let lastId = 0;

  /** @param {number} id */
  const hide = (id) => {
    clearTimeout(timers.get(id));
    timers.delete(id);
    shown.value = shown.peek().filter((toast) => toast.id !== id);
  };
  /** @param {Shown} toast */
  const wait = ({ id, ms }) => {
    clearTimeout(timers.get(id));
    timers.set(id, setTimeout(() => hide(id), ms));
  };
  // A note stays while the pointer or the focus is on it.
  const holdAll = () => timers.forEach((timer) => clearTimeout(timer));
  const releaseAll = () => shown.peek().forEach(wait);

  /** @param {Toast} toast @returns {() => void} hides it */
  const show = ({ text, kind = 'info', action, ms, topic = text }) => {
    const id = (lastId += 1);
    const usual = action || kind === 'error' ? LONG_MS : SHORT_MS;
    const toast = { id, text, kind, action: action ?? null, ms: ms ?? usual, topic };
    const kept = [...shown.peek().filter((other) => other.topic !== topic), toast].slice(-MAX_SHOWN);
    for (const other of shown.peek()) {
      if (!kept.includes(other)) { clearTimeout(timers.get(other.id)); timers.delete(other.id); }
    }
    shown.value = kept;
    // The last that opens is on top of dialogs.
    if (region?.isConnected) { region.hidePopover(); region.showPopover(); }
    wait(toast);
    return () => hide(id);
  };

  /** @param {Shown} toast */
  const note = ({ id, text, kind, action }) => html`<div class="k-toast" class:k-toast-error=${kind === 'error'}
    class:k-toast-success=${kind === 'success'}>
    ${icon(ICONS[kind], { size: 18 })}<span class="k-toast-text" dir="auto">${text}</span>
    ${action && button({ label: action.label, kind: 'ghost', onClick: () => { hide(id); return action.run(); } })}
    ${button({ label: t('dialog.close'), icon: 'close', iconOnly: true, kind: 'ghost', onClick: () => hide(id) })}
  </div>`;

  return {
    show,
    /** Region of the notes; place it once. */
    view() {
      const element = /** @type {HTMLElement} */ (html`<div class="k-toasts" popover="manual" role="status"
        aria-live="polite" @pointerenter=${holdAll} @pointerleave=${releaseAll} @focusin=${holdAll}
        @focusout=${releaseAll}>${each(shown, (toast) => toast.id, (toast) => note(toast.peek()))}</div>`);
      region = element;
      queueMicrotask(() => { if (element.isConnected) element.showPopover(); });
      return element;
    },
  };
}
