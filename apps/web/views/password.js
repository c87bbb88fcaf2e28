/** Dialog for the first password. */

/** @import { App } from '../app.js' */

import { html } from '../base/html.js';
import { computed, signal } from '../base/signal.js';
import { formDialog } from '../ui/dialog.js';
import { textField } from '../ui/fields.js';

const SHORTEST = 8;

/** @param {App} app */
export async function openPassword(app) {
  const account = await app.api.account();
  const [username, password] = [signal(account.username), signal('')];
  const isTried = signal(false);
  const error = computed(() =>
    (isTried.value && password.value.length < SHORTEST ? app.t('password.short') : null));
  await formDialog({
    title: app.t('password.title'), size: 'small', cancelLabel: app.t('password.skip'),
    submit: { label: app.t('password.title') },
    body: () => html`<p class="k-dialog-message">${app.t('password.intro')}</p>
      ${textField({ label: app.t('login.username'), value: username, autocomplete: 'username', required: true,
        dir: 'ltr' })}
      ${textField({ label: app.t('password.new'), value: password, type: 'password', autocomplete: 'new-password',
        required: true, autofocus: true, dir: 'ltr', help: app.t('password.help'), error })}`,
    onSubmit: async () => {
      isTried.value = true;
      if (password.peek().length < SHORTEST) return false;
      const name = username.peek().trim();
      await app.api.changeAccount({ username: name, password: password.peek() });
      app.prefs.username.value = name;
      app.toasts.show({ kind: 'success', text: app.t('password.saved') });
      return true;
    },
  }).closed;
}
