/** What the pages of categories and of tags have in common. */

/** @import { Signal } from '../../base/signal.js' */
/** @import { App } from '../../app.js' */

import { html } from '../../base/html.js';
import { DEFAULT_VIEW } from '../../query.js';
import { icon } from '../../ui/icons.js';

/** @param {App} app @param {Signal<string>} search */
export function filterField(app, search) {
  return html`<div class="p-search">${icon('search', { size: 18 })}<input class="k-input p-search-input" type="search"
    dir="auto" autocomplete="off" spellcheck="false" aria-label=${() => app.t('labels.search')}
    placeholder=${() => app.t('labels.search')} .value=${search} @input=${(/** @type {Event} */ event) => {
      search.value = /** @type {HTMLInputElement} */ (event.target).value;
    }}/></div>`;
}

/** Shows the torrents of a category or a tag. @param {App} app @param {'category' | 'tag' | 'state'} field
 *  @param {string} value */
export function showTorrents(app, field, value) {
  app.goTo('torrents');
  app.setView({ filters: { ...DEFAULT_VIEW.filters, [field]: [value] }, search: '' });
}
