/** Account: user name and password, this session, and login links. */

/** @import { Account } from '../../types.js' */
/** @import { App } from '../../app.js' */

import { ApiError } from '../../api.js';
import { html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { poll } from '../../ui/poll.js';
import { errorState, skeletonRows } from '../../ui/states.js';
import { errorText } from '../../ui/texts.js';
import { card, secretField } from './parts.js';
import { tokensCard } from './tokens.js';

const POLL_MS = 60_000, MIN_PASSWORD = 8;

/** @param {App} app */
export function accountPage(app) {
  const { data, error, refresh } = poll((abort) => app.api.account({ signal: abort }), POLL_MS);
  return html`<div class="p-account">
    ${when(() => data.value === null && !error.value, () => html`<div role="status"
      aria-label=${() => app.t('account.loading')}>${skeletonRows(3)}</div>`)}
    ${when(() => data.value === null && error.value, () => errorState({ app, error: error.peek(), retry: refresh }))}
    ${when(() => data.value !== null, () =>
      passwordCard(app, /** @type {Account} */ (data.peek()), () => data.value?.has_password === true, refresh))}
    ${sessionCard(app)}${linkCard(app)}${tokensCard(app)}</div>`;
}

/** @param {App} app @param {Account} account @param {() => boolean} hasPassword @param {() => unknown} refresh */
function passwordCard(app, account, hasPassword, refresh) {
  if (account.is_from_file) {
    return card({ title: () => app.t('account.login'), body: html`<div>
      <p class="p-fact-line"><span class="p-fact-name">${() => app.t('login.username')}</span>
        <bdi>${app.clean(account.username)}</bdi></p>
      <p class="p-note">${icon('info', { size: 18 })}<span>${() => app.t('account.from_file')}</span></p></div>` });
  }
  const username = signal(account.username);
  const [current, next, again] = [signal(''), signal(''), signal('')];
  const isTried = signal(false);
  const error = signal(/** @type {string | null} */ (null));
  const isShort = computed(() => new TextEncoder().encode(next.value).length < MIN_PASSWORD);
  const isDifferent = computed(() => next.value !== again.value);
  const shownIf = (/** @type {() => boolean} */ fault, /** @type {() => string} */ text) => () =>
    (isTried.value && fault() ? text() : null);

  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    isTried.value = true;
    error.value = null;
    if (isShort.peek() || isDifferent.peek()) return;
    try {
      const name = username.peek().trim();
      const changed = await app.api.changeAccount({
        username: name || null, password: next.peek(), current_password: hasPassword() ? current.peek() : null,
      });
      current.value = next.value = again.value = '';
      isTried.value = false;
      app.toasts.show({ text: app.t('account.changed'), kind: 'success' });
      app.prefs.username.value = changed.username;
      refresh();
    } catch (cause) {
      const isWrong = cause instanceof ApiError && cause.kind === 'unauthorized';
      error.value = isWrong ? app.t('account.wrong') : errorText(cause);
    }
  };

  return card({
    title: () => app.t('account.login'),
    body: html`<form class="p-form p-narrow" @submit=${submit} novalidate>
      ${when(() => !hasPassword(), () => html`<p class="p-note p-note-warn">${icon('warning', { size: 18 })}
        <span>${() => app.t('account.no_password')}</span></p>`)}
      ${textField({ label: () => app.t('login.username'), value: username, autocomplete: 'username' })}
      ${when(hasPassword, () => textField({ label: () => app.t('account.current'), value: current, type: 'password',
        autocomplete: 'current-password' }))}
      ${textField({ label: () => app.t('account.new'), value: next, type: 'password', autocomplete: 'new-password',
        help: () => app.t('account.length'), error: shownIf(() => isShort.value, () => app.t('account.length')) })}
      ${textField({ label: () => app.t('account.repeat'), value: again, type: 'password', autocomplete: 'new-password',
        error: shownIf(() => isDifferent.value, () => app.t('account.differs')) })}
      ${when(() => error.value !== null, () => html`<p class="p-error" role="alert" dir="auto">
        ${icon('error', { size: 16 })}<span>${error}</span></p>`)}
      <div class="p-form-end">${button({ label: () => app.t(hasPassword() ? 'account.change' : 'account.set'),
        kind: 'primary', type: 'submit' })}<span class="p-help">${() => app.t('account.ends_sessions')}</span></div>
    </form>`,
  });
}

/** @param {App} app */
function sessionCard(app) {
  const text = () => {
    const session = app.session.value;
    if (session.kind !== 'in') return '';
    const { by, username, token } = session.state;
    if (by === 'socket') return app.t('account.by_socket');
    if (by === 'token') return app.t('account.by_token', { name: app.clean(token ?? '') });
    return app.t('account.by_session', { name: app.clean(username ?? '') });
  };
  return card({
    title: () => app.t('account.session'), hint: text,
    actions: button({ label: () => app.t('login.out'), icon: 'logout', onClick: () => app.logOut() }),
    body: null,
  });
}

/** Link that logs another device in. @param {App} app */
function linkCard(app) {
  const link = signal(/** @type {{ url: string, endS: number } | null} */ (null));
  const leftS = computed(() => (link.value ? Math.max(0, link.value.endS - app.nowS.value) : 0));
  const isValid = computed(() => leftS.value > 0);
  const create = async () => {
    try {
      const { code, valid_s } = await app.api.createLoginLink();
      link.value = {
        url: `${location.origin}${app.base}/#code=${encodeURIComponent(code)}`, endS: Date.now() / 1000 + valid_s,
      };
    } catch (error) { app.fail(error); }
  };
  return card({
    title: () => app.t('account.link'), hint: () => app.t('account.link_intro'),
    actions: button({ label: () => app.t('account.link_create'), icon: 'link', onClick: create }),
    body: html`<div class="p-link-area">${() => {
      const current = link.value;
      if (!current) return null;
      if (!isValid.value) return html`<p class="p-help" role="status">${app.t('account.link_expired')}</p>`;
      return html`<div>${secretField(app, { label: () => app.t('account.link'), text: current.url })}
        <p class="p-help">${() => app.t('account.link_valid', { time: app.f().duration(leftS.value) })}</p></div>`;
    }}</div>`,
  });
}
