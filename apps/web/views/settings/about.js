/** Facts about the daemon. */

/** @import { App } from '../../app.js' */

import { html, when } from '../../base/html.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { spinner } from '../../ui/states.js';
import { card } from './parts.js';

/** @param {App} app */
export function aboutPage(app) {
  const isKnown = () => app.daemon.value !== null;
  /** @param {() => string} name @param {() => unknown} value */
  const fact = (name, value) => html`<div class="p-fact"><dt>${name}</dt><dd>${value}</dd></div>`;
  const code = (/** @type {string} */ text) => html`<bdi class="p-code" dir="ltr">${app.clean(text)}</bdi>`;
  const uptime = () => {
    const seconds = app.statistics.value?.uptime_s;
    return seconds === undefined ? app.f().duration(null) : app.f().duration(seconds);
  };
  const facts = () => {
    const daemon = app.daemon.peek();
    return daemon ? `${daemon.name} ${daemon.version}\n${navigator.userAgent}` : '';
  };
  return html`<div>${when(isKnown, () => card({
    title: () => app.clean(app.daemon.value?.name ?? ''),
    actions: button({ label: () => app.t('copy.copy'), icon: 'copy', kind: 'ghost', onClick: () =>
      copyText(app, facts()) }),
    body: html`<dl class="p-facts">
      ${fact(() => app.t('about.version'), () => code(app.daemon.value?.version ?? ''))}
      ${fact(() => app.t('about.uptime'), uptime)}
      ${fact(() => app.t('about.api_addrs'), () => {
        const addrs = app.daemon.value?.api_addrs ?? [];
        return addrs.length === 0 ? app.t('about.local_only') : addrs.map((addr) => html`<div>${code(addr)}</div>`);
      })}
      ${fact(() => app.t('about.peer_addr'), () => code(app.daemon.value?.peer_addr ?? ''))}
      ${fact(() => app.t('about.state_dir'), () => code(app.daemon.value?.state_dir ?? ''))}
      ${fact(() => app.t('about.pid'), () => code(String(app.daemon.value?.pid ?? '')))}</dl>`,
  }), () => spinner(() => app.t('about.loading')))}
  ${card({ title: () => app.t('about.licence'),
    body: html`<p class="p-text">${() => app.t('about.licence_text')}</p>` })}
  </div>`;
}
