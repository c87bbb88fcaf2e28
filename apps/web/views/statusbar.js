/** Bar at the foot of the page: rates and their limits, totals, peers, DHT, free space. */

/** @import { App } from '../app.js' */
/** @import { IconName } from '../ui/icons.js' */
/** @import { MenuItem } from '../ui/menu.js' */

import { html, when } from '../base/html.js';
import { computed, effect, untracked } from '../base/signal.js';
import { icon } from '../ui/icons.js';
import { openMenu } from '../ui/menu.js';
import { poll } from '../ui/poll.js';
import { proxyHint, rateOf } from './header.js';
import { sparkline } from './sparkline.js';

/** Free space below which the bar warns, in bytes. */
const LOW_BYTES = 2 * 2 ** 30;
/** Pause between requests for the limits: another client may change them. */
const LIMITS_MS = 60_000;
/** Limits that the menu offers, in bytes per second. */
const OFFERED = [128, 512, 1024, 2048, 5120, 10_240, 25_600, 51_200].map((kib) => kib * 1024);
const KEYS = /** @type {const} */ ({ down: ['limit_down', 'alternative_limit_down'],
  up: ['limit_up', 'alternative_limit_up'] });

/** @typedef {{ down: number | null, up: number | null }} RateLimits */

/** @param {App} app */
export function statusBar(app) {
  const limits = followLimits(app);
  const stats = app.statistics;
  const f = () => app.f();
  const isLow = () => { const free = stats.value?.free_bytes; return typeof free === 'number' && free < LOW_BYTES; };
  const freeText = () => app.t('status.free', { size: f().size(stats.value?.free_bytes) });
  return html`<footer class="s-status" aria-label=${() => app.t('status.label')}>
    ${sparkline(app)}${rate(app, 'down', limits)}${rate(app, 'up', limits)}
    ${total('download', () => app.t('status.session'), () => f().size(stats.value?.session_downloaded_bytes))}
    ${total('upload', () => app.t('status.session'), () => f().size(stats.value?.session_uploaded_bytes))}
    <span class="s-grow"></span>
    ${when(() => Boolean(stats.value?.save_error), () => html`<span class="s-status-item s-status-fault" role="alert">${
      icon('warning', { size: 15 })}<span dir="auto">${() => app.t('status.save_error', {
        message: app.clean(stats.value?.save_error ?? '') })}</span></span>`)}
    ${when(() => stats.value?.proxy?.state === 'down', () => html`<span class="s-status-item s-status-fault"
      role="alert" title=${() => proxyHint(app)}>${icon('warning', { size: 15 })}<span>${() =>
        `${app.t('connection.proxy')}: ${app.t('connection.proxy_down')}`}</span></span>`)}
    ${item('peers', () => app.t('status.peers_label'), () => app.t('status.peers', { count: stats.value?.peers ?? 0 }))}
    ${when(() => typeof stats.value?.dht_nodes === 'number', () => item('globe', () => app.t('connection.dht'),
      () => app.t('status.dht', { count: stats.value?.dht_nodes ?? 0 }), 's-wide'))}
    ${when(() => typeof stats.value?.free_bytes === 'number', () => html`<span class="s-status-item"
      class:s-status-low=${isLow} title=${() => (isLow() ? app.t('status.free_low') : app.t('status.free_label'))}>${
      icon('disk', { size: 15 })}<span>${freeText}</span>${when(isLow, () => html`<span class="k-hidden">${() =>
        app.t('status.free_low')}</span>`)}</span>`)}
  </footer>`;
}

/** @param {IconName} name @param {() => string} title @param {() => string} text */
const total = (name, title, text) => html`<span class="s-status-item s-wide" title=${title}>${
  icon(name, { size: 15 })}<span class="k-hidden">${title}</span><span dir="ltr">${text}</span></span>`;

/** @param {IconName} name @param {() => string} title @param {() => string} text @param {string} [className] */
const item = (name, title, text, className = '') => html`<span class=${`s-status-item ${className}`} title=${title}>${
  icon(name, { size: 15 })}<span class="k-hidden">${title}</span><span>${text}</span></span>`;

/** Limits in force, and the way to read them again. @param {App} app */
function followLimits(app) {
  const { data, refresh } = poll(async (signal) => {
    const keys = [...KEYS.down, ...KEYS.up];
    const values = await Promise.all(keys.map(async (key) => (await app.api.setting(key, { signal })).value));
    return values.map((value) => (typeof value === 'number' ? value : null));
  }, LIMITS_MS);
  const isAlternative = computed(() => app.statistics.value?.alternative_limits ?? false);
  let isFirst = true;
  effect(() => {
    [isAlternative.value, app.page.value];
    // The poll itself makes the first request.
    if (!isFirst) untracked(refresh);
    isFirst = false;
  });
  const current = computed(() => {
    const [down, alternativeDown, up, alternativeUp] = data.value ?? [null, null, null, null];
    /** @type {RateLimits} */
    const shown = isAlternative.value ? { down: alternativeDown, up: alternativeUp } : { down, up };
    return shown;
  });
  return { current, isAlternative, refresh };
}

/** Rate with its limit; a click offers others. @param {App} app @param {'down' | 'up'} name
 *  @param {ReturnType<typeof followLimits>} limits */
function rate(app, name, { current, isAlternative, refresh }) {
  const limit = () => current.value[name];
  /** @param {number | null} value */
  const change = async (value) => {
    try {
      await app.api.changeSetting(KEYS[name][isAlternative.peek() ? 1 : 0], value);
      app.toasts.show({
        topic: 'limits',
        text: value === null ? app.t('status.limit_none') : app.t('status.limit_set', { rate: app.f().rate(value) }),
      });
    } catch (error) { app.fail(error); }
    await refresh();
  };
  /** @returns {MenuItem[]} */
  const note = () => [{ label: app.t('status.limit_alternative'), disabled: true }, 'separator'];
  /** @returns {MenuItem[]} */
  const items = () => [
    ...(isAlternative.peek() ? note() : []),
    { label: app.t('limits.unlimited'), checked: current.peek()[name] === null, onSelect: () => change(null) },
    ...OFFERED.map((value) => ({ label: app.f().rate(value), checked: current.peek()[name] === value,
      onSelect: () => change(value) })),
    'separator', { label: app.t('status.limit_other'), onSelect: () => app.goTo('settings', 'limits') },
  ];
  const label = () => app.t(`status.${name}_limit`);
  const node = /** @type {HTMLButtonElement} */ (html`<button type="button" class="s-status-rate" aria-haspopup="menu"
    aria-expanded="false" data-direction=${name} title=${label} @click=${() => openMenu(items(), { anchor: node })}>
    ${icon(name, { size: 15 })}<span class="k-hidden">${() => app.t(`status.${name}`)}</span>
    <span class="s-status-number" dir="ltr">${() => app.f().rate(rateOf(app, name))}</span>
    ${when(() => limit() !== null, () => html`<span class="s-status-limit">${() =>
      app.t('status.limited', { rate: app.f().rate(limit()) })}</span>`)}</button>`);
  return node;
}
