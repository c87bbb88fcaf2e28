/** Sidebar of a phone, above the page. */

/** @import { App } from '../app.js' */

import { html } from '../base/html.js';
import { button } from '../ui/button.js';
import { brand } from './brand.js';
import { filterPanel } from './filters.js';

/** @param {App} app @param {() => void} onClose */
export function drawer(app, onClose) {
  const before = app.view.peek();
  const close = () => {
    // The filters are of the list, which the details hide.
    if (app.view.peek() !== before) app.opened.value = null;
    onClose();
  };
  const element = /** @type {HTMLDialogElement} */ (html`<dialog class="s-drawer"
    aria-label=${() => app.t('filter.label')} @close=${close} @click=${(/** @type {MouseEvent} */ event) => {
      // Only the backdrop is the element itself.
      if (event.target === element) element.close();
    }}><div class="s-drawer-frame">
      <div class="s-side-head">${brand()}${button({ label: () => app.t('dialog.close'), icon: 'close', iconOnly: true,
        kind: 'ghost', onClick: () => element.close() })}</div>
      <div class="s-side-body">${filterPanel(app, { onChoose: () => element.close() })}</div></div></dialog>`);
  queueMicrotask(() => { if (element.isConnected) element.showModal(); });
  return element;
}
