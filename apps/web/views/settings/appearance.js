/** Choices that are kept in this browser: theme, language, row height, notifications and magnet links. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Locale } from '../../i18n.js' */
/** @import { IconName } from '../../ui/icons.js' */
/** @import { Density } from '../../query.js' */
/** @import { App } from '../../app.js' */

import { html } from '../../base/html.js';
import { effect, signal } from '../../base/signal.js';
import { LOCALES } from '../../i18n.js';
import { THEMES } from '../../prefs.js';
import { DENSITIES } from '../../query.js';
import { button } from '../../ui/button.js';
import { icon } from '../../ui/icons.js';
import { uid } from '../../ui/values.js';
import { THEME_ICONS } from '../user_menu.js';
import { card } from './parts.js';

/** @template {string} T @typedef {{ value: T, label: () => string, icon?: IconName }} Choice */

/** @param {App} app */
export function appearancePage(app) {
  const density = app.prefs.define('density', /** @type {Density} */ ('normal'), (value) =>
    DENSITIES.find((known) => known === value));
  return html`<div class="p-appearance">
    <div class="p-card">
      ${segments({ label: () => app.t('appearance.theme'), value: app.prefs.theme,
        options: THEMES.map((value) =>
          ({ value, icon: THEME_ICONS[value], label: () => app.t(`appearance.${value}`) })),
        onChoose: (theme) => { app.prefs.theme.value = theme; } })}
      ${languageField(app)}
      ${segments({ label: () => app.t('density.label'), help: () => app.t('appearance.density_help'), value: density,
        options: DENSITIES.map((value) => ({ value, label: () => app.t(`density.${value}`) })),
        onChoose: (value) => { density.value = value; } })}
      <p class="p-help">${() => app.t('appearance.stored')}</p>
    </div>
    ${notificationsCard(app)}${handlersCard(app)}</div>`;
}

/** Options in a row, whose labels follow the language.
 *  @template {string} T @param {{ label: () => string, help?: () => string, value: ReadonlySignal<T>,
 *    options: readonly Choice<T>[], onChoose: (value: T) => void }} options */
function segments({ label, help, value, options, onChoose }) {
  const name = uid();
  return html`<fieldset class="k-radios k-segments"><legend class="k-label">${label}</legend>
    <div class="k-radios-list">${options.map((option) => html`<div class="k-radio">
      <input type="radio" name=${name} id=${`${name}-${option.value}`} .checked=${() => value.value === option.value}
        @change=${() => onChoose(option.value)}/>
      <label for=${`${name}-${option.value}`}>${option.icon && icon(option.icon, { size: 16 })}<span>${option.label}
      </span></label></div>`)}</div>
    ${help && html`<p class="k-help">${help}</p>`}</fieldset>`;
}

/** @param {App} app */
function languageField(app) {
  const id = 'p-language';
  const isFailed = signal(false);
  const choose = async () => {
    isFailed.value = false;
    isFailed.value = !(await app.i18n.choose(select.value === '' ? null : /** @type {Locale} */ (select.value)));
    // The page is built again in another language.
    queueMicrotask(() => document.getElementById(id)?.focus());
  };
  /** @type {HTMLSelectElement} */
  const select = /** @type {HTMLSelectElement} */ (html`<select class="k-input k-select" id=${id} @change=${choose}
    aria-describedby=${`${id}-error`}><option value="">${() => app.t('settings.language_auto')}</option>
    ${Object.entries(LOCALES).map(([locale, name]) => html`<option value=${locale} lang=${locale}>${name}</option>`)}
    </select>`);
  effect(() => { select.value = app.i18n.preference.value ?? ''; });
  return html`<div class="k-field p-narrow"><label class="k-label" for=${id}>${() => app.t('settings.language')}</label>
    ${select}<p class="k-error" id=${`${id}-error`} role="alert" ?hidden=${() => !isFailed.value}>${() =>
      app.t('appearance.language_failed')}</p></div>`;
}

/** @param {App} app */
function notificationsCard(app) {
  const id = uid();
  const permission = signal(app.can.notifications ? Notification.permission : 'default');
  const isDenied = () => permission.value === 'denied';
  const toggle = async () => {
    if (input.checked) permission.value = await Notification.requestPermission();
    app.prefs.notify.value = input.checked && permission.peek() === 'granted';
    input.checked = app.prefs.notify.peek();
  };
  /** @type {HTMLInputElement} */
  const input = /** @type {HTMLInputElement} */ (html`<input type="checkbox" role="switch" id=${id}
    .checked=${() => app.prefs.notify.value && permission.value === 'granted'}
    ?disabled=${() => !app.can.notifications || isDenied()} aria-describedby=${`${id}-help`} @change=${toggle}/>`);
  const help = () => {
    if (!app.can.notifications) return app.t('appearance.notify_insecure');
    return isDenied() ? app.t('appearance.notify_denied') : null;
  };
  return card({
    title: () => app.t('appearance.notifications'),
    body: html`<div class="k-check k-switch">${input}<label for=${id}>${() => app.t('appearance.notify')}</label>
      <p class="k-help" id=${`${id}-help`}>${help}</p></div>`,
  });
}

/** Way to the dialog that makes the browser open magnet links and torrent files here. @param {App} app */
function handlersCard(app) {
  return card({
    title: () => app.t('appearance.handlers'), hint: () => app.t('appearance.handlers_help'),
    actions: button({ label: () => app.t('appearance.handlers_open'), icon: 'magnet',
      onClick: () => app.dialogs.handlers() }), body: null,
  });
}
