/** Dialog to open magnet links and torrent files with this app. */

/** @import { App } from '../../app.js' */

import { html, when } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { installPrompt } from '../../drop.js';
import { button } from '../../ui/button.js';
import { openDialog } from '../../ui/dialog.js';
import { icon } from '../../ui/icons.js';

/** Opens the dialog. @param {App} app */
export async function registerHandlers(app) {
  const isInstalled = matchMedia('(display-mode: standalone)').matches;
  const isAsked = signal(false);
  const register = () => {
    // The browser asks the user, and does not tell the answer. What follows the # is not sent to the server.
    try {
      navigator.registerProtocolHandler('magnet', `${location.origin}${app.base}/#add=%s`);
      isAsked.value = true;
    } catch (error) { app.fail(error); }
  };
  const install = async () => {
    const prompt = installPrompt.peek();
    await prompt?.prompt();
    // A prompt can be used once.
    installPrompt.value = null;
  };
  const magnets = () => html`<div class="a-handler-body">
    ${app.can.protocolHandler ? button({ label: () => app.t('handlers.magnet_do'), icon: 'magnet', onClick: register })
      : html`<p class="a-note">${() => app.t(isSecureContext ? 'handlers.magnet_missing' : 'handlers.insecure')}</p>`}
    <p class="a-note" role="status">${() => (isAsked.value ? app.t('handlers.magnet_asked') : '')}</p></div>`;
  const files = () => html`<div class="a-handler-body">${when(installPrompt, () =>
    button({ label: () => app.t('handlers.install_do'), icon: 'download', onClick: install }), () =>
    html`<p class="a-note">${() => app.t(isInstalled ? 'handlers.installed' : isSecureContext ? 'handlers.install_menu'
      : 'handlers.insecure')}</p>`)}</div>`;

  await openDialog({
    title: () => app.t('handlers.title'), size: 'medium',
    body: () => html`<div class="a-form">
      ${isSecureContext ? null : html`<p class="a-warning">${icon('lock', { size: 18 })}
        <span>${() => app.t('handlers.insecure_hint')}</span></p>`}
      <section class="a-handler"><h3>${icon('magnet', { size: 20 })}<span>${() => app.t('handlers.magnet')}</span></h3>
        <p>${() => app.t('handlers.magnet_hint')}</p>${magnets()}</section>
      <section class="a-handler"><h3>${icon('file', { size: 20 })}<span>${() => app.t('handlers.files')}</span></h3>
        <p>${() => app.t('handlers.files_hint')}</p>${files()}</section></div>`,
    footer: (dialog) => button({ label: () => app.t('dialog.close'), onClick: () => dialog.close() }),
  }).closed;
}
