/** API tokens: list, creation and removal. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Token } from '../../types.js' */
/** @import { App } from '../../app.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { confirm } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { poll } from '../../ui/poll.js';
import { errorState, skeletonRows } from '../../ui/states.js';
import { errorText } from '../../ui/texts.js';
import { card, secretField } from './parts.js';

const POLL_MS = 30_000;

/** @param {App} app */
export function tokensCard(app) {
  const { data, error, refresh } = poll((abort) => app.api.tokens({ signal: abort }), POLL_MS);
  const tokens = computed(() => data.value ?? []);
  const created = signal(/** @type {{ name: string, token: string } | null} */ (null));
  const name = signal('');
  const fault = signal(/** @type {string | null} */ (null));

  /** @param {Event} event */
  const create = async (event) => {
    event.preventDefault();
    fault.value = null;
    try {
      created.value = await app.api.addToken(name.peek().trim());
      name.value = '';
    } catch (cause) { fault.value = errorText(cause); }
    refresh();
  };
  /** @param {string} token */
  const remove = async (token) => {
    const isConfirmed = await confirm({
      title: app.t('account.token_remove_title', { name: app.clean(token) }),
      message: app.t('account.token_remove_message'), confirmLabel: app.t('account.token_remove'), danger: true,
    });
    if (!isConfirmed) return;
    if (created.peek()?.name === token) created.value = null;
    await app.api.removeToken(token).catch(app.fail);
    refresh();
  };

  return card({
    title: () => app.t('account.tokens'), hint: () => app.t('account.tokens_intro'),
    body: html`<div class="p-tokens">
      <form class="p-inline-form" @submit=${create} novalidate>
        ${textField({ label: () => app.t('account.token_name'), value: name, error: fault })}
        ${button({ label: () => app.t('account.token_create'), icon: 'plus', type: 'submit',
          disabled: () => name.value.trim() === '' })}</form>
      <div role="status">${() => {
        const fresh = created.value;
        return fresh && html`<div class="p-note p-note-ok">${secretField(app, { text: fresh.token,
          label: () => app.t('account.token_once', { name: app.clean(fresh.name) }) })}
          ${button({ label: () => app.t('dialog.close'), icon: 'close', iconOnly: true, kind: 'ghost',
            onClick: () => { created.value = null; } })}</div>`;
      }}</div>
      ${when(() => data.value === null && !error.value, () => skeletonRows(2))}
      ${when(() => data.value === null && error.value, () => errorState({ app, error: error.peek(), retry: refresh }))}
      ${when(() => data.value?.length === 0, () => html`<p class="p-empty">${() => app.t('account.tokens_empty')}</p>`)}
      <ul class="p-items">${each(tokens, (token) => token.name, (token) => tokenItem(app, token, remove))}</ul></div>`,
  });
}

/** @param {App} app @param {ReadonlySignal<Token>} token @param {(name: string) => unknown} remove */
function tokenItem(app, token, remove) {
  const { name } = token.peek();
  const used = () => {
    const unixS = token.value.last_used_unix_s;
    return unixS === null ? app.t('account.token_unused')
      : app.t('account.token_used', { time: app.f().ago(unixS, Math.max(unixS, app.nowS.value)) });
  };
  return html`<li class="p-item p-item-low"><span class="p-item-icon">${icon('lock')}</span>
    <div class="p-item-main"><p class="p-item-title"><bdi>${app.clean(name)}</bdi></p>
      <p class="p-meta"><span class="p-meta-part">${() =>
        app.t('account.token_created', { time: app.f().dateTime(token.value.created_unix_s) })}</span>
        <span class="p-meta-part">${used}</span></p></div>
    <div class="p-item-actions">${button({ label: () => `${app.t('account.token_remove')}: ${app.clean(name)}`,
      icon: 'remove', iconOnly: true, kind: 'ghost', onClick: () => remove(name) })}</div></li>`;
}
