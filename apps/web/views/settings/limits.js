/** Choice between the normal and the alternative limits, and the way to the schedule. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { LimitsChoice, Setting } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { SettingsContext } from './settings.js' */

import { html, when } from '../../base/html.js';
import { computed, effect, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { poll } from '../../ui/poll.js';
import { uid } from '../../ui/values.js';
import { settingName } from './names.js';
import { card, marked } from './parts.js';

const POLL_MS = 5000;

/** Choice of the limits, which others may change too. @param {App} app */
export function createAlternative(app) {
  const chosen = signal(/** @type {LimitsChoice | null} */ (null));
  const { data, error, refresh } = poll((abort) => app.api.alternativeLimits({ signal: abort }), POLL_MS);
  let changes = 0;
  effect(() => { const limits = data.value?.limits; if (limits && changes === 0) chosen.value = limits; });
  return {
    chosen: /** @type {ReadonlySignal<LimitsChoice | null>} */ (chosen), error, refresh,
    /** @param {LimitsChoice} limits */
    async choose(limits) {
      const before = chosen.peek();
      chosen.value = limits;
      changes += 1;
      try { await app.api.setAlternativeLimits(limits); } catch (cause) {
        chosen.value = before;
        app.fail(cause);
      }
      changes -= 1;
      refresh();
    },
  };
}

/** @param {SettingsContext} context */
export function limitsInForce({ app, draft, open }) {
  const { chosen, choose } = createAlternative(app);
  const name = uid();
  const count = computed(() => draft.entries.value.length);
  /** @param {LimitsChoice} value @param {'schedule' | 'on' | 'off'} key */
  const option = (value, key) => html`<div class="k-radio">
    <input type="radio" name=${name} id=${`${name}-${key}`} .checked=${() => chosen.value === value}
      ?disabled=${() => chosen.value === null} aria-describedby=${`${name}-${key}-help`}
      @change=${() => choose(value)}/>
    <label for=${`${name}-${key}`}>${() => app.t(`alternative.${key}`)}</label>
    <p class="k-help" id=${`${name}-${key}-help`}>${() => app.t(`alternative.${key}_help`)}</p></div>`;

  return card({
    title: () => app.t('alternative.title'),
    body: html`<div class="k-radios p-alternative" role="radiogroup" aria-label=${() => app.t('alternative.title')}>
      <div class="k-radios-list">${option('schedule', 'schedule')}${option('on', 'on')}${option('off', 'off')}</div>
      <div class="p-schedule-link">${button({ label: () => app.t('schedule.open'), icon: 'calendar',
        onClick: () => open('schedule') })}
        <span class="p-meta">${() => app.t('schedule.summary', { count: count.value })}</span></div></div>`,
  });
}

/** Row of the schedule among the settings that a search has found.
 *  @param {SettingsContext} context @param {ReadonlySignal<Setting>} setting */
export function scheduleLink({ app, words, open }, setting) {
  return html`<div class="p-row"><div class="p-row-text">
    <div class="p-row-title"><span class="p-name">${marked(() => settingName(app, 'schedule'), words)}</span></div>
    <p class="p-help" dir="auto" lang="en">${marked(() => setting.value.help, words)}</p></div>
    <div class="p-row-control">${button({ label: () => app.t('schedule.open'), icon: 'calendar',
      onClick: () => open('schedule') })}
      ${when(() => Array.isArray(setting.value.value), () => html`<span class="p-meta">${() =>
        app.t('schedule.summary', { count: /** @type {string[]} */ (setting.value.value).length })}</span>`)}
    </div></div>`;
}
