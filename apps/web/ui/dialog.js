/** Modal dialogs on the native element, which keeps the focus inside and gives it back. */

/** @import { Text } from './values.js' */

import { html, mount, when } from '../base/html.js';
import { signal } from '../base/signal.js';
import { button } from './button.js';
import { errorText, t } from './texts.js';
import { uid } from './values.js';

/** @typedef {'small' | 'medium' | 'large'} Size */
/** @typedef {{ close: (result?: unknown) => void, closed: Promise<unknown>, element: HTMLDialogElement }} Dialog */
/** @typedef {Node | readonly Node[]} Content */
/** @typedef {object} DialogOptions
 *  @property {Text} title
 *  @property {Size} [size]
 *  @property {(dialog: Dialog) => Content} body
 *  @property {(dialog: Dialog) => Content} [footer]
 *  @property {(result: unknown) => void} [onClose]
 *  @property {() => boolean} [beforeClose] returns false to stay open when the user closes the dialog */
/** @typedef {object} FormOptions
 *  @property {Text} title
 *  @property {Size} [size]
 *  @property {(dialog: Dialog) => Content} body
 *  @property {{ label: Text, kind?: 'primary' | 'danger' }} submit
 *  @property {Text} [cancelLabel]
 *  @property {() => Promise<boolean | void> | boolean | void} onSubmit returns false to stay open; an error is shown
 *    inside of the dialog
 *  @property {() => Content} [aside] content of the footer before the buttons
 *  @property {(result: unknown) => void} [onClose] the result is true after a submit
 *  @property {() => boolean} [beforeClose] */

/** Ends of the open dialogs, in the order of their opening. @type {Set<() => void>} */
const open = new Set();

/** Closes all dialogs, whatever they hold. */
export function closeAllDialogs() {
  for (const end of [...open].reverse()) end();
}

/** @type {(error: unknown) => void} */
let reportLate = (error) => reportError(error);

/** Sets what takes the error of a form that was closed while it was sent. @param {(error: unknown) => void} report */
export const setLateReport = (report) => { reportLate = report; };

/** Opens a dialog. @param {DialogOptions} options @returns {Dialog} */
export function openDialog(options) {
  return show(options, (dialog) => html`<div class="k-dialog-frame">${head(options, dialog)}
    <div class="k-dialog-body">${options.body(dialog)}</div>
    ${options.footer && html`<div class="k-dialog-footer">${options.footer(dialog)}</div>`}</div>`);
}

/** Opens a dialog that is a form. Enter submits it; fields with invalid text prevent that.
 *  @param {FormOptions} options @returns {Dialog} */
export function formDialog(options) {
  const fault = signal(/** @type {string | null} */ (null));
  const isBusy = signal(false);

  return show(options, (dialog) => {
    const form = /** @type {HTMLFormElement} */ (html`<form class="k-dialog-frame" novalidate
      @submit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(dialog, form); }}>
      ${head(options, dialog)}
      <div class="k-dialog-body">${options.body(dialog)}</div>
      ${when(() => fault.value !== null, () => html`<p class="k-dialog-fault" role="alert">${fault}</p>`)}
      <div class="k-dialog-footer">
        <div class="k-dialog-aside">${options.aside?.()}</div>
        ${button({ label: options.cancelLabel ?? t('dialog.cancel'), onClick: () => dismiss(dialog) })}
        ${button({ label: options.submit.label, kind: options.submit.kind ?? 'primary', type: 'submit',
          disabled: isBusy })}
      </div></form>`);
    return form;
  });

  /** @param {Dialog} dialog @param {HTMLFormElement} form */
  async function submit(dialog, form) {
    if (isBusy.peek()) return;
    // Each invalid field shows its reason when it hears of it.
    if (!form.checkValidity()) return /** @type {HTMLElement} */ (form.querySelector(':invalid:not(fieldset)')).focus();
    isBusy.value = true;
    fault.value = null;
    try {
      if ((await options.onSubmit()) !== false) dialog.close(true);
    } catch (error) {
      if (dialog.element.isConnected) fault.value = errorText(error);
      else reportLate(error);
    } finally {
      isBusy.value = false;
    }
  }
}

/** Asks a question. Resolves to true if it is confirmed.
 *  @param {{ title: Text, message: Text, confirmLabel: Text, danger?: boolean }} options @returns {Promise<boolean>} */
export async function confirm({ title, message, confirmLabel, danger = false }) {
  const dialog = openDialog({
    title, size: 'small', body: () => html`<p class="k-dialog-message">${message}</p>`,
    footer: (handle) => [
      button({ label: t('dialog.cancel'), onClick: () => handle.close() }),
      button({ label: confirmLabel, kind: danger ? 'danger' : 'primary', onClick: () => handle.close(true) }),
    ],
  });
  // Enter must not delete: the focus is on the way back.
  const [cancel, ok] = dialog.element.querySelectorAll('.k-dialog-footer button');
  /** @type {HTMLElement} */ (danger ? cancel : ok).focus();
  return (await dialog.closed) === true;
}

/** Closes a dialog as the Escape key does. @param {Dialog} dialog */
const dismiss = ({ element, close }) => {
  if (element.dispatchEvent(new Event('cancel', { cancelable: true }))) close();
};

/** @param {{ title: Text }} options @param {Dialog} dialog */
const head = ({ title }, dialog) => html`<div class="k-dialog-head">
  <h2 class="k-dialog-title" id=${`${dialog.element.id}-title`}>${title}</h2>
  ${button({ label: t('dialog.close'), icon: 'close', iconOnly: true, kind: 'ghost',
    onClick: () => dismiss(dialog) })}</div>`;

/** Creates the element and shows it. @param {Pick<DialogOptions, 'size' | 'onClose' | 'beforeClose'>} options
 *  @param {(dialog: Dialog) => Node} render @returns {Dialog} */
function show({ size = 'medium', onClose, beforeClose }, render) {
  const id = uid();
  /** @type {unknown} */
  let result;
  /** @type {(result: unknown) => void} */
  let resolve = () => {};
  const closed = new Promise((settle) => { resolve = settle; });
  const element = /** @type {HTMLDialogElement} */ (html`<dialog class="k-dialog" id=${id}
    aria-labelledby=${`${id}-title`} class:k-dialog-small=${size === 'small'} class:k-dialog-large=${size === 'large'}
    @cancel=${(/** @type {Event} */ event) => {
      // A file chooser inside of the dialog has the same event, and it bubbles.
      if (event.target === element && beforeClose && !beforeClose()) event.preventDefault();
    }}
    @close=${(/** @type {Event} */ event) => { if (event.target === element) finish(); }}></dialog>`);
  /** @type {Dialog} */
  const dialog = { element, closed, close: (value) => { result = value; element.close(); } };
  document.body.append(element);
  const unmount = mount(element, () => render(dialog));
  const finish = () => {
    // An end from outside comes before the event.
    if (!open.delete(end)) return;
    unmount();
    element.remove();
    // What had the focus before may be gone.
    if (document.activeElement === document.body) {
      /** @type {HTMLElement | null} */ (document.querySelector('main[tabindex]'))?.focus({ preventScroll: true });
    }
    onClose?.(result);
    resolve(result);
  };
  const end = () => { element.close(); finish(); };
  open.add(end);
  element.showModal();
  return dialog;
}
