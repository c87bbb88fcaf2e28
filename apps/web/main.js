/** Start of the web UI. */

import { createApp } from './app.js';
import { mount } from './base/html.js';
import { effect, untracked } from './base/signal.js';
import { addUnasked, watchDrops } from './drop.js';
import { watchKeys } from './keyboard.js';
import { watchFinished } from './notices.js';
import { takeFromHash } from './router.js';
import { closeAllDialogs } from './ui/dialog.js';
import { closeMenu } from './ui/menu.js';
import { closePopover } from './ui/popover.js';
import { part } from './views/part.js';
import { shell, startPage } from './views/shell.js';

/** @import { App } from './app.js' */

mount(document.body, () => {
  // Before the router reads the hash.
  const { code, add } = takeFromHash();
  let hasLinkFailed = false;
  let pending = add;
  const onHash = () => {
    const next = takeFromHash(globalThis, app.routeHash);
    const isIn = app.isIn.peek();
    if (next.add !== null && isIn) addUnasked(app, next.add);
    else pending = next.add ?? pending;
    if (next.code !== null && !isIn) logInBy(next.code);
  };
  // They come before those of the router; a hash that the user enters has both events.
  for (const name of ['popstate', 'hashchange']) addEventListener(name, onHash, true);
  const app = createApp();
  followLanguage(app);
  followTitle(app);

  /** @param {string} oneTimeCode */
  const logInBy = async (oneTimeCode) => {
    try { await app.logIn({ code: oneTimeCode }); } catch {
      hasLinkFailed = true;
      return app.check();
    }
    await app.dialogs.offerPassword();
  };
  app.i18n.ready.then(() => (code === null ? app.check() : logInBy(code)));

  /** @returns {unknown} */
  const page = () => {
    const session = app.session.peek();
    closePopover();
    // They are outside of the page, and belong to the session.
    if (session.kind !== 'in') {
      closeMenu();
      closeAllDialogs();
    }
    if (session.kind === 'unknown') return startPage(app, session.error);
    if (session.kind === 'out') {
      const notice = hasLinkFailed ? 'link' : session.reason;
      return part(app, () => import('./views/login.js'), (module) => module.loginPage(app, { notice }),
        { isFirst: true });
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
