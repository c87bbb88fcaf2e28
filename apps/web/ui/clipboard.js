/** Copies to the clipboard. */

/** @import { App } from '../app.js' */

/** Copies a text, and says so. Without the clipboard, which needs a secure context and may be refused, the older way is
 *  tried. @param {Pick<App, 't' | 'toasts'>} app @param {string} text @param {string} [message] said when it is done
 *  @returns {Promise<boolean>} */
export async function copyText(app, text, message = app.t('action.copied')) {
  const isCopied = await write(text) || copyBySelection(text);
  app.toasts.show(isCopied ? { text: message, kind: 'success' }
    : { text: app.t('action.copy_failed'), kind: 'error' });
  return isCopied;
}

/** @param {string} text */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { return false; }
}

/** @param {string} text */
function copyBySelection(text) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.className = 'k-offscreen';
  // What lies outside of a modal dialog cannot have the focus.
  (before?.closest('dialog') ?? document.body).append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  before?.focus({ preventScroll: true });
  return isCopied;
}
