/** Start of the web UI. */

import { createApp } from './app.js';
import { mount } from './base/html.js';
import { effect, untracked } from './base/signal.js';
import { addUnasked, watchDrops } from './drop.js';
import { watchKeys } from './keyboard.js';
import { watchFinished } from './notices.js';
import { takeFromHash } from './router.js';
import { part } from './views/part.js';
import { shell, startPage } from './views/shell.js';

/** @import { App } from './app.js' */

mount(document.body, () => {
  // Before the router reads the hash.
  const { code, add } = takeFromHash();
  const app = createApp();
  followLanguage(app);
  followTitle(app);
  let hasLinkFailed = false;
  let pending = add;
  addEventListener('hashchange', () => {
    const next = takeFromHash();
    if (next.add === null) return;
    if (app.isIn.peek()) addUnasked(app, next.add);
    else pending = next.add;
  }, true);

  const start = async () => {
    if (code !== null) {
      try {
        await app.logIn({ code });
        return app.dialogs.offerPassword();
      } catch { hasLinkFailed = true; }
    }
    await app.check();
  };
  app.i18n.ready.then(start);

  /** @returns {unknown} */
  const page = () => {
    const session = app.session.peek();
    if (session.kind === 'unknown') return startPage(app, session.error);
    if (session.kind === 'out') {
      const notice = hasLinkFailed ? 'link' : session.reason;
      return part(app, () => import('./views/login.js'), (module) => module.loginPage(app, { notice }), { isFirst: true });
    }
    hasLinkFailed = false;
    watchDrops(app);
    watchKeys(app);
    watchFinished(app);
    queueMicrotask(() => {
      if (pending !== null) addUnasked(app, pending);
      pending = null;
    });
    return shell(app);
  };
  // Views may read the language once, so they are built again with another.
  return [() => { [app.session.value, app.i18n.locale.value]; return untracked(page); }, app.toasts.view()];
});

/** @param {App} app */
function followLanguage(app) {
  effect(() => {
    document.documentElement.lang = app.i18n.locale.value;
    document.documentElement.dir = app.i18n.direction.value;
  });
}

/** Shows the rates in the title of the window. @param {App} app */
function followTitle(app) {
  effect(() => {
    const now = app.isIn.value && app.connection.value.kind === 'live' ? app.statistics.value : null;
    const f = app.f();
    const rates = [...(now?.down_per_s ? [`↓ ${f.rate(now.down_per_s)}`] : []),
      ...(now?.up_per_s ? [`↑ ${f.rate(now.up_per_s)}`] : [])];
    document.title = [...rates, 'ztor'].join(' · ');
  });
}
