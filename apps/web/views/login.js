/** Login page: user name and password, or a one-time code. */

/** @import { App } from '../app.js' */

import { ApiError } from '../api.js';
import { html, when } from '../base/html.js';
import { computed, signal } from '../base/signal.js';
import { button } from '../ui/button.js';
import { textField } from '../ui/fields.js';
import { icon } from '../ui/icons.js';
import { brand } from './brand.js';
import { languageMenu, themeMenu } from './user_menu.js';

/** User name of a daemon for which none was chosen. */
const USUAL_NAME = 'ztor';

/** @param {App} app @param {{ notice?: 'expired' | 'left' | 'link' }} [options] */
export function loginPage(app, { notice } = {}) {
  const last = app.prefs.username.peek();
  const [username, password, code] = [signal(last), signal(''), signal('')];
  const usesCode = signal(false);
  const fault = signal(/** @type {string | null} */ (null));
  const isBusy = signal(false);
  /** Unix time from which the server accepts an attempt. */
  const openAtS = signal(0);
  const waitS = computed(() => Math.max(0, openAtS.value - app.nowS.value));

  const submit = async () => {
    if (isBusy.peek() || waitS.peek() > 0) return;
    const isCode = usesCode.peek();
    if (!form.checkValidity()) return /** @type {HTMLElement} */ (form.querySelector(':invalid')).focus();
    isBusy.value = true;
    fault.value = null;
    try {
      await app.logIn(isCode ? { code: code.peek().trim() }
        : { username: username.peek().trim(), password: password.peek() });
      if (isCode) app.dialogs.offerPassword();
    } catch (error) {
      isBusy.value = false;
      onFault(error, isCode);
    }
  };
  /** @param {unknown} error @param {boolean} isCode */
  const onFault = (error, isCode) => {
    const kind = error instanceof ApiError ? error.kind : '';
    if (error instanceof ApiError && error.retryAfterS) openAtS.value = app.nowS.peek() + error.retryAfterS;
    if (kind === 'unauthorized') fault.value = app.t(isCode ? 'login.code_failed' : 'login.failed');
    else if (waitS.peek() === 0) fault.value = app.errorText(error);
    password.value = '';
    /** @type {HTMLElement | null} */ (form.querySelector(isCode ? 'input' : 'input[type=password]'))?.focus();
  };
  const switchKind = () => { usesCode.value = !usesCode.peek(); fault.value = null; };
  const message = () => (waitS.value > 0 ? app.t('login.wait', { seconds: waitS.value }) : fault.value);

  const fields = () => (usesCode.value
    ? textField({ label: () => app.t('login.code'), value: code, autocomplete: 'one-time-code', required: true,
      autofocus: true, dir: 'ltr' })
    : [
      textField({ label: () => app.t('login.username'), value: username, autocomplete: 'username', required: true,
        placeholder: USUAL_NAME, autofocus: last === '', dir: 'ltr' }),
      textField({ label: () => app.t('login.password'), value: password, type: 'password',
        autocomplete: 'current-password', required: true, autofocus: last !== '', dir: 'ltr' }),
    ]);
  const form = /** @type {HTMLFormElement} */ (html`<form class="s-login-form" novalidate
    @submit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(); }}>
    ${when(() => notice !== undefined && message() === null, () => html`<p class="s-login-note" role="status">
      ${icon('info', { size: 18 })}<span>${() => noticeText(app, notice)}</span></p>`)}
    ${when(() => message() !== null, () => html`<p class="s-login-note s-login-fault" role="alert">
      ${icon('error', { size: 18 })}<span>${message}</span></p>`)}
    ${when(usesCode, fields, fields)}
    ${button({ label: () => app.t('login.submit'), kind: 'primary', type: 'submit',
      disabled: () => isBusy.value || waitS.value > 0 })}
    <button type="button" class="s-link" @click=${switchKind}>${() =>
      app.t(usesCode.value ? 'login.use_password' : 'login.use_code')}</button>
  </form>`);

  queueMicrotask(() => /** @type {HTMLElement | null} */ (form.querySelector('input[autofocus]'))?.focus());
  return html`<div class="s-login">
    <main class="s-login-card">
      ${brand({ size: 40 })}
      <h1 class="s-login-title">${() => app.t('login.title')}</h1>
      <p class="s-login-subtitle">${() => app.t('login.subtitle')}</p>
      ${form}
      <p class="s-login-hint">${() => app.t('login.hint')} <code dir="ltr">ztor web</code></p>
    </main>
    <div class="s-login-menus">${languageMenu(app)}${themeMenu(app)}</div>
  </div>`;
}

/** @param {App} app @param {'expired' | 'left' | 'link' | undefined} notice */
const noticeText = (app, notice) =>
  app.t(notice === 'link' ? 'login.link_failed' : notice === 'left' ? 'login.left' : 'login.expired');
