/** Frame of the app: sidebar, head, the page, the details below the list, and the bars at the foot. */

/** @import { App } from '../app.js' */

import { ApiError } from '../api.js';
import { html, when } from '../base/html.js';
import { effect, onCleanup, signal, untracked } from '../base/signal.js';
import { button } from '../ui/button.js';
import { splitter } from '../ui/splitter.js';
import { brand } from './brand.js';
import { drawer } from './drawer.js';
import { filterPanel } from './filters.js';
import { header } from './header.js';
import { bottomBar, pageLinks } from './nav.js';
import { offlineBanner } from './offline.js';
import { part } from './part.js';
import { statusBar } from './statusbar.js';
import { toolbar } from './table/toolbar.js';
import { torrentTable } from './table/table.js';
import { userMenu } from './user_menu.js';

const SIDEBAR = { min: 200, max: 420, usual: 248 };
/** Least height of the details and of the list above them, in pixels. */
const LEAST_DETAILS_PX = 140, LEAST_LIST_PX = 160;

/** @param {App} app */
export function shell(app) {
  const { sidebarWidthPx, isSidebarOpen } = app.prefs;
  const isDrawerOpen = signal(false);
  const openDrawer = () => { isDrawerOpen.value = true; };
  const skip = () => /** @type {HTMLElement | null} */ (document.querySelector('#main'))?.focus();
  return html`<div class="s-app" style:--side=${() => `${sidebarWidthPx.value}px`}>
    <button type="button" class="s-skip" @click=${skip}>${() => app.t('nav.skip')}</button>
    ${when(() => isSidebarOpen.value && !app.isPhone.value, () => sidebar(app))}
    <div class="s-main">
      ${header(app, { openDrawer })}
      ${offlineBanner(app)}
      <main class="s-page" id="main" tabindex="-1">${() => { const page = app.page.value; return untracked(() =>
        pageOf(app, page)); }}</main>
      ${when(app.isPhone, () => bottomBar(app, { openDrawer }), () => statusBar(app))}
    </div>
    ${when(isDrawerOpen, () => drawer(app, () => { isDrawerOpen.value = false; }))}
  </div>`;
}

/** @param {App} app */
const sidebar = (app) => html`<aside class="s-side" aria-label=${() => app.t('filter.label')}>
  <div class="s-side-head">${brand()}</div>
  <div class="s-side-body">${filterPanel(app)}</div>
  <div class="s-side-foot">${pageLinks(app)}
    <div class="s-side-user">${userMenu(app)}</div></div>
  ${splitter({
    label: () => app.t('nav.sidebar_width'), axis: 'inline', value: app.prefs.sidebarWidthPx, range: () => SIDEBAR,
    onReset: () => { app.prefs.sidebarWidthPx.value = SIDEBAR.usual; },
  })}</aside>`;

/** @param {App} app @param {string} page */
function pageOf(app, page) {
  switch (page) {
    case 'settings':
      return part(app, () => import('./settings/settings.js'), (module) => module.settingsPage(app));
    case 'statistics':
      return part(app, () => import('./statistics.js'), (module) => module.statisticsPage(app));
    case 'log':
      return part(app, () => import('./log.js'), (module) => module.logPage(app));
    case 'create':
      // It is a dialog above the list.
      queueMicrotask(() => { app.replaceWith('torrents'); app.dialogs.create(); });
      return null;
    default:
      return torrentsPage(app);
  }
}

/** @param {App} app */
function torrentsPage(app) {
  const { detailsHeightPx } = app.prefs;
  const heightPx = signal(600);
  const isOpen = () => app.opened.value !== null;
  const range = () => ({
    min: LEAST_DETAILS_PX, max: Math.max(LEAST_DETAILS_PX, heightPx.value - LEAST_LIST_PX),
  });
  const shownPx = () => Math.min(detailsHeightPx.value, range().max);
  const details = () => part(app, () => import('./details/details.js'), (module) => module.detailsPane(app));
  const page = /** @type {HTMLElement} */ (html`<div class="s-torrents" style:--details=${() => `${shownPx()}px`}>
    <h1 class="k-hidden">${() => app.t('list.label')}</h1>
    <div class="s-list" class:s-list-covered=${() => app.isPhone.value && isOpen()}>${toolbar(app)}${
      torrentTable(app)}</div>
    ${when(isOpen, () => [
      when(() => !app.isPhone.value, () => splitter({
        label: () => app.t('nav.details_height'), axis: 'block', value: detailsHeightPx, range, isAfter: true,
        onReset: () => { detailsHeightPx.value = 320; },
      })),
      html`<aside class="s-details" aria-label=${() => app.t('nav.details')}>${details()}</aside>`,
    ])}</div>`);
  const observer = new ResizeObserver(([{ contentRect }]) => { heightPx.value = contentRect.height; });
  observer.observe(page);
  onCleanup(() => observer.disconnect());
  // On a phone the details are a page: the focus follows, and returns with the list.
  effect(() => {
    if (!app.isPhone.value || !isOpen()) return;
    untracked(() => queueMicrotask(() =>
      /** @type {HTMLElement | null} */ (document.querySelector('#main'))?.focus({ preventScroll: true })));
  });
  return page;
}

/** Page while it is not known whether the user is logged in. @param {App} app @param {unknown} error */
export const startPage = (app, error) => html`<main class="s-start">
  ${brand({ size: 40 })}
  ${error === undefined ? html`<div class="s-start-wait" role="status"><span class="k-spinner-sign"></span>
    <span class="k-hidden">${() => app.t('connection.connecting')}</span></div>` : startFault(app, error)}</main>`;

/** @param {App} app @param {unknown} error */
function startFault(app, error) {
  const isSilent = error instanceof ApiError && error.kind === 'network';
  return [
    html`<div class="s-start-fault" role="alert">
      <h1>${() => app.t(isSilent ? 'connection.offline' : 'connection.why_refused')}</h1>
      <p dir="auto">${() => (isSilent ? app.t('connection.why_unreachable') : app.clean(app.errorText(error)))}</p>
    </div>`,
    button({ label: () => app.t('action.retry'), icon: 'refresh', kind: 'primary', onClick: () => app.check() }),
  ];
}
