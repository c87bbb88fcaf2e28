/** The IP filter, and the bans. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Ban, IpFilter } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { SettingsContext } from './settings.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { selectField, textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { poll } from '../../ui/poll.js';
import { errorState, skeletonRows } from '../../ui/states.js';
import { errorText } from '../../ui/texts.js';
import { card } from './parts.js';

const POLL_MS = 3000;
/** @type {readonly ['hour' | 'day' | 'week' | 'month' | 'none', string][]} */
const TIMES = [['hour', '3600'], ['day', '86400'], ['week', '604800'], ['month', '2592000'], ['none', '']];

/** @param {SettingsContext} context */
export const filterPage = ({ app }) => html`<div>${filterCard(app)}${bansCard(app)}</div>`;

/** @param {App} app */
function filterCard(app) {
  const { data, error, refresh } = poll((abort) => app.api.ipFilter({ signal: abort }), POLL_MS);
  const readAgain = async () => {
    try {
      await app.api.refreshIpFilter();
      app.toasts.show({ text: app.t('bans.refreshed') });
    } catch (cause) { app.fail(cause); }
    refresh();
  };
  /** @param {IpFilter} filter */
  const body = (filter) => (filter.source === null ? html`<p class="p-empty">${app.t('bans.filter_none')}</p>`
    : html`<div>
      <p class="p-item-title"><bdi dir="ltr">${app.clean(filter.source)}</bdi></p>
      <p class="p-meta">${facts(app, filter).map((text) => html`<span class="p-meta-part">${text}</span>`)}</p>
      ${filter.error === null ? null : html`<p class="p-error" dir="auto" role="status">
        ${icon('error', { size: 16 })}<span>${app.clean(filter.error)}</span></p>`}
      ${filter.bad_lines === 0 ? null : html`<details class="p-problems">
        <summary class="p-summary">${app.t('bans.filter_bad', { count: filter.bad_lines })}</summary>
        <ul class="p-problem-list">${filter.first_bad_lines.map((line) =>
          html`<li><bdi class="p-code" dir="ltr">${app.clean(line)}</bdi></li>`)}</ul></details>`}
      <div class="p-actions">${button({ label: () => app.t('bans.refresh'), icon: 'refresh',
        onClick: readAgain })}</div>
    </div>`);
  return card({
    title: () => app.t('setting.ip_filter'),
    body: html`<div>${() => (data.value === null
      ? error.value ? errorState({ app, error: error.peek(), retry: refresh }) : skeletonRows(1)
      : body(data.value))}</div>`,
  });
}

/** @param {App} app @param {IpFilter} filter */
function facts(app, { ranges, held_bytes, is_loading, loaded_unix_s, checked_unix_s, next_unix_s, hits }) {
  const f = app.f();
  return [
    is_loading ? app.t('bans.filter_loading') : null,
    app.t('bans.filter_ranges', { count: ranges }),
    f.size(held_bytes),
    loaded_unix_s === null ? null : app.t('bans.filter_loaded', { time: f.dateTime(loaded_unix_s) }),
    checked_unix_s === null ? null : app.t('bans.filter_checked', { time: f.dateTime(checked_unix_s) }),
    next_unix_s === null ? null : app.t('bans.filter_next', { time: f.dateTime(next_unix_s) }),
    app.t('bans.filter_hits', { count: hits.incoming + hits.outgoing + hits.closed }),
  ].filter((text) => text !== null);
}

/** @param {App} app */
function bansCard(app) {
  const { data, error, refresh } = poll((abort) => app.api.bans({ signal: abort }), POLL_MS);
  const bans = computed(() => data.value ?? []);
  const address = signal(''), reason = signal(''), time = signal('');
  const fault = signal(/** @type {string | null} */ (null));

  /** @param {Event} event */
  const add = async (event) => {
    event.preventDefault();
    fault.value = null;
    const addresses = address.peek().split(/[,\n]/).map((text) => text.trim()).filter((text) => text !== '');
    try {
      await app.api.ban({ addresses, time_s: time.peek() === '' ? null : Number(time.peek()), reason: reason.peek() });
      [address.value, reason.value] = ['', ''];
    } catch (cause) { fault.value = errorText(cause); }
    refresh();
  };
  /** @param {Ban} ban */
  const remove = async (ban) => {
    try {
      await app.api.unban(ban.address);
      app.toasts.show({ text: app.t('bans.removed', { name: ban.address }) });
    } catch (cause) { app.fail(cause); }
    refresh();
  };

  return card({
    title: () => app.t('bans.title'), hint: () => app.t('bans.intro'),
    body: html`<div class="p-tokens">
      <form class="p-form" @submit=${add} novalidate>
        ${textField({ label: () => app.t('bans.address'), value: address, error: fault })}
        <div class="p-form-row">
          ${selectField({ label: app.t('bans.time'), value: time, options: TIMES.map(([key, value]) =>
            ({ value, label: app.t(`bans.time_${key}`) })) })}
          ${textField({ label: () => app.t('bans.reason'), value: reason })}</div>
        <div class="p-actions">${button({ label: () => app.t('bans.add'), icon: 'plus', type: 'submit',
          disabled: () => address.value.trim() === '' })}</div></form>
      ${when(() => data.value === null && !error.value, () => html`<div role="status"
        aria-label=${() => app.t('bans.loading')}>${skeletonRows(2)}</div>`)}
      ${when(() => data.value === null && error.value, () => errorState({ app, error: error.peek(), retry: refresh }))}
      ${when(() => data.value?.length === 0, () => html`<p class="p-empty">${() => app.t('bans.empty')}</p>`)}
      <ul class="p-items">${each(bans, (ban) => `${ban.address} ${ban.client ?? ''}`, (ban) =>
        banItem(app, ban, remove))}</ul></div>`,
  });
}

/** @param {App} app @param {ReadonlySignal<Ban>} ban @param {(ban: Ban) => unknown} remove */
function banItem(app, ban, remove) {
  const { address } = ban.peek();
  const parts = () => {
    const { kind, reason, client, ends_unix_s } = ban.value;
    return [
      app.t(kind === 'user' ? 'bans.by_user' : 'bans.automatic'),
      ends_unix_s === null ? app.t('bans.no_end') : app.t('bans.ends', { time: app.f().dateTime(ends_unix_s) }),
      ...[reason, client ?? ''].filter((text) => text !== '').map(app.clean),
    ];
  };
  return html`<li class="p-item p-item-low"><span class="p-item-icon">${icon('lock')}</span>
    <div class="p-item-main"><p class="p-item-title"><bdi dir="ltr">${address}</bdi></p>
      <p class="p-meta">${() => parts().map((text) => html`<span class="p-meta-part" dir="auto">${
        text}</span>`)}</p></div>
    <div class="p-item-actions">${button({ label: () => `${app.t('bans.remove')}: ${address}`, icon: 'remove',
      iconOnly: true, kind: 'ghost', onClick: () => remove(ban.peek()) })}</div></li>`;
}
