/** The ports at which peers reach the daemon, and what routers say. */

/** @import { PortMapping, Ports } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { SettingsContext } from './settings.js' */

import { html } from '../../base/html.js';
import { icon } from '../../ui/icons.js';
import { poll } from '../../ui/poll.js';
import { errorState, skeletonRows } from '../../ui/states.js';
import { card } from './parts.js';

const POLL_MS = 3000;

/** @typedef {'ok' | 'warn' | 'neutral'} Tone */
/** @type {Record<string, Tone>} */
const TONES = { mapped: 'ok', partial: 'warn', failed: 'warn' };

/** @param {SettingsContext} context */
export function portsPage({ app }) {
  const { data, error, refresh } = poll((abort) => app.api.ports({ signal: abort }), POLL_MS);
  return card({
    title: () => app.t('ports.title'), hint: () => app.t('ports.intro'),
    body: html`<div>${() => (data.value === null
      ? error.value ? errorState({ app, error: error.peek(), retry: refresh }) : skeletonRows(2)
      : body(app, data.value))}</div>`,
  });
}

/** @param {App} app @param {Ports} ports */
const body = (app, { listen_port, announced_port, ipv4, ipv6 }) => html`<div>
  <p class="p-meta"><span class="p-meta-part">${app.t('ports.listening')} <bdi dir="ltr">${listen_port}</bdi></span>
    <span class="p-meta-part">${app.t('ports.announced')} <bdi dir="ltr">${announced_port}</bdi></span></p>
  <ul class="p-items">${mappingItem(app, 'IPv4', ipv4)}
    ${mappingItem(app, 'IPv6', ipv6)}</ul></div>`;

/** @param {App} app @param {string} name @param {PortMapping} mapping */
function mappingItem(app, name, mapping) {
  const { state, message, failures, is_behind_another_nat } = mapping;
  const tone = is_behind_another_nat ? 'warn' : TONES[state] ?? 'neutral';
  return html`<li class="p-item p-item-low"><span class="p-item-icon">${
    icon(tone === 'ok' ? 'check' : tone === 'warn' ? 'warning' : 'globe')}</span>
    <div class="p-item-main"><p class="p-item-title">${name}: ${app.t(`ports.${state}`)}</p>
      <p class="p-meta">${facts(app, mapping).map((text) => html`<span class="p-meta-part" dir="auto">${
        text}</span>`)}</p>
      ${state === 'off' ? html`<p class="p-help" dir="auto">${app.clean(message)}</p>` : null}
      ${is_behind_another_nat ? html`<p class="p-help">${app.t('ports.nat')}</p>` : null}
      ${failures.length === 0 ? null : html`<details class="p-problems">
        <summary class="p-summary">${app.t('ports.why')}</summary>
        <ul class="p-problem-list">${failures.map((failed) =>
          html`<li><bdi dir="ltr">${app.clean(`${failed.name}: ${failed.reason}`)}</bdi></li>`)}</ul></details>`}
    </div></li>`;
}

/** @param {App} app @param {PortMapping} mapping */
function facts(app, { protocol, gateway, gateway_name, external_address, mappings, retry_s }) {
  const f = app.f();
  return [
    protocol === null ? null : `${app.t('ports.by')} ${protocol}`,
    gateway === null ? null
      : `${app.t('ports.gateway')} ${gateway}${gateway_name === null ? '' : ` (${app.clean(gateway_name)})`}`,
    external_address === null ? null : `${app.t('ports.outside')} ${external_address}`,
    ...mappings.map(({ transport, external_port, expires_s }) => (expires_s === null ? `${transport} ${external_port}`
      : app.t('ports.lease', { transport, port: external_port, time: f.duration(expires_s) }))),
    retry_s === null ? null : app.t('ports.retry', { time: f.duration(retry_s) }),
  ].filter((text) => text !== null);
}
