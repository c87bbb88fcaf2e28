/** Copies to the clipboard. */

/** @import { App } from '../../app.js' */

/** Copies a text and says so. Without a secure context the browser has only the old command for it.
 *  @param {App} app @param {string} text */
export async function copyText(app, text) {
  const isCopied = await writeText(text) || copyBySelection(text);
  app.toasts.show(isCopied ? { text: app.t('action.copied'), kind: 'success' }
    : { text: app.t('details.copy_failed'), kind: 'error' });
}

/** @param {string} text */
async function writeText(text) {
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
  field.className = 'd-offscreen';
  (before?.closest('dialog') ?? document.body).append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  before?.focus({ preventScroll: true });
  return isCopied;
}
