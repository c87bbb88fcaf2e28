/** Banner while there is no connection: why, when the next attempt is, and a way to try at once. */

/** @import { App } from '../app.js' */
/** @import { Connection } from '../connection.js' */

import { html, when } from '../base/html.js';
import { computed, effect, onCleanup, signal, untracked } from '../base/signal.js';
import { button } from '../ui/button.js';
import { icon } from '../ui/icons.js';
import { offlineText } from './header.js';

/** Pause before the banner appears: a restart of the server is often shorter. */
const PATIENCE_MS = 700;

/** @param {App} app */
export function offlineBanner(app) {
  /** Latest reason; it stays while the next attempt is under way, so that the banner does not flicker. */
  const last = signal(/** @type {Extract<Connection, { kind: 'offline' }> | null} */ (null));
  const isShown = signal(false);
  effect(() => {
    const now = app.connection.value;
    untracked(() => {
      if (now.kind === 'offline') last.value = now;
      if (now.kind !== 'live') return;
      if (isShown.peek()) app.toasts.show({ kind: 'success', text: app.t('connection.back') });
      last.value = null;
    });
  });
  const isOffline = computed(() => last.value !== null);
  effect(() => {
    if (!isOffline.value) return void (isShown.value = false);
    const timer = setTimeout(() => { isShown.value = true; }, PATIENCE_MS);
    onCleanup(() => clearTimeout(timer));
  });
  const wait = () => {
    if (app.connection.value.kind !== 'offline' || !last.value) return app.t('connection.again');
    const seconds = Math.max(0, Math.ceil(last.value.retryAtMs / 1000 - app.nowS.value));
    return seconds === 0 ? app.t('connection.again') : app.t('connection.retry_in', { seconds });
  };
  return when(isShown, () => html`<section class="s-offline" aria-label=${() => app.t('connection.offline')}>
    ${icon('offline', { size: 20 })}
    <div class="s-offline-text"><p class="s-offline-why" role="alert" dir="auto"><strong>${() =>
      app.t('connection.offline')}.</strong> ${() => (last.value ? offlineText(app, last.value) : '')}</p>
      <p class="s-offline-when"><span>${wait}</span><span>${() => app.t('connection.stale')}</span></p></div>
    ${button({ label: () => app.t('connection.retry'), icon: 'refresh', onClick: () => app.live.retry() })}
  </section>`);
}
