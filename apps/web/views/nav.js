/** Links to the pages, in the sidebar and at the foot of a phone. */

/** @import { App } from '../app.js' */
/** @import { IconName } from '../ui/icons.js' */
/** @import { Page } from '../router.js' */

import { html, when } from '../base/html.js';
import { icon } from '../ui/icons.js';
import { openMenu } from '../ui/menu.js';
import { conditionCount } from './filters_model.js';
import { pageItems } from './user_menu.js';

/** @typedef {'list.label' | 'nav.statistics' | 'nav.log' | 'nav.settings'} NavKey */

/** @type {readonly { page: Page, name: IconName, key: NavKey }[]} */
const PAGES = [
  { page: 'torrents', name: 'queue', key: 'list.label' },
  { page: 'statistics', name: 'statistics', key: 'nav.statistics' },
  { page: 'log', name: 'log', key: 'nav.log' },
  { page: 'settings', name: 'settings', key: 'nav.settings' },
];

/** @param {App} app @param {{ onChoose?: () => void }} [options] */
export const pageLinks = (app, { onChoose } = {}) => html`<nav class="s-nav" aria-label=${() => app.t('nav.label')}>${
  PAGES.map(({ page, name, key }) => html`<button type="button" class="s-nav-item"
    aria-current=${() => (app.page.value === page ? 'page' : null)} title=${() => app.t(key)}
    @click=${() => { app.goTo(page); onChoose?.(); }}>${icon(name, { size: 18 })}<span>${() =>
      app.t(key)}</span></button>`)}</nav>`;

/** @param {App} app @param {{ openDrawer: () => void }} options */
export function bottomBar(app, { openDrawer }) {
  const isAt = (/** @type {Page} */ page) => () => (app.page.value === page ? 'page' : null);
  const toList = () => { app.opened.value = null; app.goTo('torrents'); };
  const more = /** @type {HTMLButtonElement} */ (html`<button type="button" class="s-bottom-item" aria-haspopup="menu"
    aria-expanded="false" aria-current=${() => (app.page.value === 'torrents' ? null : 'page')}
    @click=${() => openMenu(pageItems(app), { anchor: more })}>${icon('menu', { size: 22 })}<span>${() =>
      app.t('nav.more')}</span></button>`);
  return html`<nav class="s-bottom" aria-label=${() => app.t('nav.label')}>
    <button type="button" class="s-bottom-item" aria-current=${isAt('torrents')} @click=${toList}>${
      icon('queue', { size: 22 })}<span>${() => app.t('list.label')}</span></button>
    <button type="button" class="s-bottom-item" aria-haspopup="dialog" @click=${openDrawer}>${
      icon('filter', { size: 22 })}<span>${() => app.t('nav.filters')}</span>
      ${when(() => conditionCount(app.view.value) > 0, () => html`<span class="s-bottom-count">${() =>
        app.f().count(conditionCount(app.view.value))}</span>`)}</button>
    <button type="button" class="s-bottom-item s-bottom-add" @click=${() => app.dialogs.add()}>${
      icon('add', { size: 24 })}<span>${() => app.t('nav.add')}</span></button>
    ${more}</nav>`;
}
