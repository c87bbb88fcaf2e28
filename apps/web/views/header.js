/** Head of the page: search, rates, connection, alternative limits, and the button that adds. */

/** @import { App } from '../app.js' */
/** @import { Connection } from '../connection.js' */

import { html, when } from '../base/html.js';
import { switchAlternative } from '../limits.js';
import { button } from '../ui/button.js';
import { icon } from '../ui/icons.js';
import { togglePopover } from '../ui/popover.js';
import { mark } from './brand.js';
import { userMenu } from './user_menu.js';

/** @param {App} app @param {{ openDrawer: () => void }} options */
export const header = (app, { openDrawer }) => html`<header class="s-header"
  class:s-header-slim=${() => app.isPhone.value && (app.page.value !== 'torrents' || app.opened.value !== null)}>
  ${when(app.isPhone, () => html`<button type="button" class="s-header-brand" aria-label=${() => app.t('nav.filters')}
      @click=${openDrawer}>${mark({ size: 28 })}</button>`,
    () => button({
      label: () => app.t(app.prefs.isSidebarOpen.value ? 'nav.hide_sidebar' : 'nav.show_sidebar'), icon: 'sidebar',
      iconOnly: true, kind: 'ghost',
      onClick: () => { app.prefs.isSidebarOpen.value = !app.prefs.isSidebarOpen.peek(); },
    }))}
  ${searchBox(app)}
  <div class="s-header-end">
    ${rates(app)}${connectionButton(app)}
    ${button({ label: () => app.t('status.alternative'), icon: 'turtle', iconOnly: true, kind: 'ghost', keys: 'F8',
      pressed: () => app.statistics.value?.alternative_limits ?? false, onClick: () => switchAlternative(app) })}
    ${when(app.isPhone, () => userMenu(app), () => [
      when(() => !app.prefs.isSidebarOpen.value, () => userMenu(app, { hasPages: true })),
      button({ label: () => app.t('action.add'), icon: 'add', kind: 'primary', onClick: () => app.dialogs.add() }),
    ])}
  </div></header>`;

/** @param {App} app */
function searchBox(app) {
  const { view } = app;
  /** @param {string} search */
  const search = (search) => {
    if (app.page.peek() !== 'torrents') app.goTo('torrents');
    app.setView({ search });
  };
  const isInvalid = () => view.value.isRegex && view.value.search !== '' && app.live.problem.value !== null;
  const clear = () => { search(''); input.focus(); };
  const input = /** @type {HTMLInputElement} */ (html`<input class="s-search-input" id="search" type="search" dir="auto"
    autocomplete="off" spellcheck="false" autocapitalize="off" enterkeyhint="search" .value=${() => view.value.search}
    aria-label=${() => app.t('search.label')} aria-keyshortcuts="/" aria-describedby="search-fault"
    placeholder=${() => app.t(view.value.isRegex ? 'search.regex_placeholder' : 'search.placeholder')}
    aria-invalid=${() => (isInvalid() ? 'true' : null)} @input=${() => search(input.value)}
    @keydown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape' || input.value === '') return;
      event.preventDefault();
      clear();
    }}/>`);
  return html`<div class="s-search" role="search" class:s-search-invalid=${isInvalid}>
    ${icon('search', { size: 18 })}${input}
    ${when(() => view.value.search === '', () => html`<kbd class="s-search-key" aria-hidden="true">/</kbd>`,
      () => button({
        label: () => app.t('search.clear'), icon: 'close', iconOnly: true, kind: 'ghost', onClick: clear }))}
    ${button({ label: () => app.t('search.regex'), icon: 'regex', iconOnly: true, kind: 'ghost',
      pressed: () => view.value.isRegex, onClick: () => app.setView({ isRegex: !view.peek().isRegex }) })}
    <span class="k-hidden" id="search-fault" role="status">${() => (isInvalid() ? app.t('search.invalid') : '')}</span>
  </div>`;
}

/** @param {App} app */
const rates = (app) => html`<div class="s-rates">
  ${rate(app, 'down')}${rate(app, 'up')}</div>`;

/** @param {App} app @param {'down' | 'up'} name */
const rate = (app, name) => html`<span class="s-rate" data-idle=${() => (rateOf(app, name) ? null : '')}
  data-direction=${name} title=${() => app.t(`status.${name}`)}>${icon(name, { size: 15 })}
  <span class="k-hidden">${() => app.t(`status.${name}`)}</span>
  <span class="s-rate-value" dir="ltr">${() => app.f().rate(rateOf(app, name))}</span></span>`;

/** Returns a rate; null while it is not known. @param {App} app @param {'down' | 'up'} name */
export const rateOf = (app, name) => (app.connection.value.kind === 'live'
  ? app.statistics.value?.[name === 'down' ? 'down_per_s' : 'up_per_s'] ?? null : null);

/** Sign of the connection with the server and of that with peers. Opens what is known about both.
 *  @param {App} app */
function connectionButton(app) {
  const tone = () => {
    const { kind } = app.connection.value;
    if (kind !== 'live') return kind;
    return app.statistics.value?.connectivity ?? 'none';
  };
  const text = () => {
    const { kind } = app.connection.value;
    return app.t(`connection.${kind}`);
  };
  const label = () => `${app.t('connection.show')}: ${text()}`;
  const node = /** @type {HTMLButtonElement} */ (html`<button type="button" class="s-link-state" aria-haspopup="dialog"
    aria-expanded="false" data-tone=${tone} aria-label=${label} title=${text} @click=${() =>
      togglePopover(node, { label: () => app.t('connection.show'), content: () => connectionPanel(app) })}>
    <span class="s-link-dot"></span></button>`);
  return node;
}

/** @param {App} app */
const connectionPanel = (app) => html`<div class="s-connection">
  ${when(() => app.connection.value.kind === 'live', () => peersPart(app), () => offlinePart(app))}
  ${when(() => app.connection.value.kind === 'live', () => html`<dl class="s-facts">
    ${fact(() => app.t('connection.port'), () => String(app.statistics.value?.peer_port || '—'))}
    ${fact(() => app.t('connection.dht'), () => dhtText(app))}
    ${when(() => Boolean(app.statistics.value?.proxy), () =>
      fact(() => app.t('connection.proxy'), () => proxyText(app)))}
    ${fact(() => app.t('connection.uptime'), () => app.f().duration(app.statistics.value?.uptime_s))}
    ${fact(() => app.t('connection.version'), () => app.daemon.value?.version ?? '—')}
  </dl>${when(() => proxyHint(app) !== '', () => html`<p class="s-connection-hint" dir="auto" role="status">${() =>
    proxyHint(app)}</p>`)}`)}</div>`;

/** @param {App} app */
const proxyText = (app) => app.t(`connection.proxy_${app.statistics.value?.proxy?.state ?? 'unknown'}`);

/** Returns what the proxy does not carry, and why. @param {App} app */
export function proxyHint(app) {
  const proxy = app.statistics.value?.proxy;
  const why = app.clean(proxy?.problem ?? proxy?.no_datagrams ?? '');
  if (!proxy || why === '') return '';
  return app.t(proxy.problem ? 'connection.proxy_down_hint' : 'connection.proxy_no_datagrams', { why });
}

/** @param {App} app */
function dhtText(app) {
  const { dht_nodes: nodes, dht_read_only: isReadOnly } = app.statistics.value ?? {};
  if (typeof nodes !== 'number') return app.t('connection.dht_off');
  const text = app.t('connection.dht_nodes', { count: nodes });
  return isReadOnly ? `${text} (${app.t('connection.dht_read_only')})` : text;
}

/** @param {() => string} name @param {() => string} value */
const fact = (name, value) => html`<div class="s-fact"><dt>${name}</dt><dd dir="auto">${value}</dd></div>`;

/** Returns what users can do about the connection with peers, or why nothing is to do. @param {App} app */
export function peersHint(app) {
  const now = app.statistics.value;
  if (now?.is_unreachable) return app.t('connection.peers_unreachable_hint', { port: String(now.peer_port) });
  if (now?.connectivity === 'incoming') return app.t('connection.peers_incoming_hint');
  return now?.connectivity === 'none' ? app.t('connection.peers_none_hint') : '';
}

/** @param {App} app */
function peersPart(app) {
  const kind = () => app.statistics.value?.connectivity ?? 'none';
  return html`<div class="s-connection-head" data-tone=${kind}><span class="s-link-dot"></span>
    <h2>${() => app.t(`connection.peers_${kind()}`)}</h2></div><p class="s-connection-hint">${() =>
      peersHint(app)}</p>`;
}

/** @param {App} app */
const offlinePart = (app) => html`<div class="s-connection-head" data-tone="offline"><span class="s-link-dot"></span>
  <h2>${() => app.t(`connection.${app.connection.value.kind}`)}</h2></div>
  <p class="s-connection-hint" dir="auto">${() => offlineText(app, app.connection.value)}</p>
  ${button({ label: () => app.t('connection.retry'), icon: 'refresh', onClick: () => app.live.retry() })}`;

/** Why there is no connection, with the words of the server if it has any.
 *  @param {App} app @param {Connection} connection */
export function offlineText(app, connection) {
  if (connection.kind !== 'offline') return '';
  const why = app.t(`connection.why_${connection.reason}`);
  return connection.detail ? `${why} ${app.clean(connection.detail)}` : why;
}
