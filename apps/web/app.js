/** State and services of the app: what every view gets as `app`. */

/** @import { ReadonlySignal, Signal } from './base/signal.js' */
/** @import { Dialogs } from './dialogs.js' */
/** @import { Action, ActionResult, Category, Daemon, Login, LoginState, Statistics, Tag } from './types.js' */

import { ApiError, createApi } from './api.js';
import { batch, computed, effect, signal, untracked } from './base/signal.js';
import { createConnection } from './connection.js';
import { createDialogs } from './dialogs.js';
import { createI18n } from './i18n.js';
import { createLive, eventsUrl } from './live.js';
import { createPrefs } from './prefs.js';
import { toQuery } from './query.js';
import { createRouter } from './router.js';
import { createSelection } from './selection.js';
import { cleanText } from './text.js';
import { applyTheme, mediaSignal } from './theme.js';
import { setLateReport } from './ui/dialog.js';
import { errorText, setTexts } from './ui/texts.js';
import { createToasts } from './ui/toast.js';

/** @typedef {ReturnType<typeof createApp>} App */
/** @typedef {{ kind: 'unknown', error?: unknown } | { kind: 'out', reason?: 'expired' | 'left' | 'link' }
 *    | { kind: 'in', state: LoginState }} Session Unknown with an error, if the server does not answer as it should. */
/** @typedef {{ action: Action, label?: string, after?: () => unknown }} Undo `after` is called when all is undone. */
/** @typedef {{ quiet?: boolean, undo?: Undo }} ActOptions */

/** Rows of a list that are requested at first. */
const FIRST_WINDOW = { offset: 0, limit: 80 };

/** Creates the app in the current scope, for the life of the page.
 *  @param {{ base?: string }} [options] path of the app, without a slash at its end */
export function createApp({ base = basePath() } = {}) {
  const i18n = createI18n();
  setTexts(i18n);
  const { t } = i18n;
  const f = () => i18n.format.value;
  const toasts = createToasts();
  const prefs = createPrefs();
  const theme = applyTheme(prefs.theme);
  const router = createRouter();
  const selection = createSelection();
  const session = signal(/** @type {Session} */ ({ kind: 'unknown' }));
  const daemon = signal(/** @type {Daemon | null} */ (null));
  const categories = signal(/** @type {Category[]} */ ([]));
  const tags = signal(/** @type {Tag[]} */ ([]));

  const expire = () => { if (session.peek().kind === 'in') session.value = { kind: 'out', reason: 'expired' }; };
  const api = createApi({ base, onUnauthorized: expire });
  const live = createLive({ url: eventsUrl(base, location), onUnauthorized: expire });
  const isIn = computed(() => session.value.kind === 'in');
  /** @param {unknown} error */
  const fail = (error) => {
    // The login page says it.
    if (error instanceof ApiError && error.kind === 'unauthorized') return;
    if (error instanceof DOMException && error.name === 'AbortError') return;
    toasts.show({ text: errorText(error), kind: 'error' });
  };
  setLateReport(fail);

  /** Rows that the list needs; the table sets it as it scrolls, and the app follows them with the filters. */
  const window = signal(FIRST_WINDOW);
  let list = '';
  const wasIn = prefs.define('wasIn', /** @type {boolean} */ (false), (value) => typeof value === 'boolean');
  effect(() => {
    const { kind } = session.value;
    if (kind !== 'unknown') untracked(() => { wasIn.value = kind === 'in'; });
  });
  /** The list is requested beside the check of a login that most likely goes on. */
  const isLikelyIn = computed(() => {
    const now = session.value;
    return now.kind === 'in' || (now.kind === 'unknown' && !now.error && wasIn.value);
  });
  effect(() => {
    if (!isLikelyIn.value) return live.follow(null);
    const view = router.view.value;
    const before = list;
    list = JSON.stringify(toQuery(view));
    // Another list is followed from its start.
    if (list !== before) window.value = FIRST_WINDOW;
    live.follow(toQuery(view, { ...window.value, counts: true }));
  });

  /** Finds out whether the user is logged in. */
  const check = async () => {
    session.value = { kind: 'unknown' };
    try { session.value = { kind: 'in', state: await api.session() }; } catch (error) {
      const isOut = error instanceof ApiError && error.kind === 'unauthorized';
      session.value = isOut ? { kind: 'out' } : { kind: 'unknown', error };
    }
  };
  let hasLabels = false;
  const refreshLabels = async () => {
    try {
      const [newCategories, newTags] = await Promise.all([api.categories(), api.tags()]);
      batch(() => { categories.value = newCategories; tags.value = newTags; });
      hasLabels = true;
    } catch (error) { fail(error); }
  };
  const refreshDaemon = async () => {
    // The address and version are only shown; a failure is seen elsewhere.
    try { daemon.value = await api.daemon(); } catch { daemon.value = null; }
  };
  // After each connection, as the daemon may be another.
  effect(() => {
    if (!isIn.value || live.state.value.kind !== 'live') return;
    untracked(() => { refreshLabels(); refreshDaemon(); });
  });
  // Another client may have used a new category or tag.
  effect(() => {
    const counts = live.counts.value;
    if (!counts) return;
    untracked(() => {
      const names = new Set([...categories.peek().map(({ path }) => path), ...tags.peek().map(({ name }) => name), '']);
      const used = [...Object.keys(counts.categories), ...Object.keys(counts.tags)];
      if (hasLabels && used.some((name) => !names.has(name))) refreshLabels();
    });
  });

  /** @param {readonly number[]} ids @param {Action} action @param {ActOptions} [options]
   *  @returns {Promise<ActionResult | null>} */
  const act = async (ids, action, { quiet = false, undo } = {}) => {
    if (ids.length === 0) return null;
    /** @type {ActionResult} */
    let result;
    try {
      result = await api.act({ torrents: ids.map((id) => `id:${id}`), action });
    } catch (error) {
      fail(error);
      return null;
    }
    const { done, under_way: underWay, failed } = result;
    if (failed.length > 0) {
      const { detail } = failed[0].problem;
      toasts.show({ kind: 'error', text: t('action.failed', { count: failed.length, message: cleanText(detail) }) });
    }
    const changed = [...done, ...underWay];
    if (changed.length > 0 && (undo || (!quiet && failed.length === 0))) {
      toasts.show({
        kind: 'success', text: t(done.length > 0 ? 'action.done' : 'action.under_way', { count: changed.length }),
        action: undo && { label: undo.label ?? t('action.undo'), run: () => revert(changed, undo) },
      });
    }
    return result;
  };
  /** @param {readonly number[]} ids @param {Undo} undo */
  const revert = async (ids, { action, after }) => {
    const result = await act(ids, action, { quiet: true });
    if (result?.failed.length === 0) await after?.();
  };

  /** @type {Dialogs} */
  const dialogs = createDialogs(() => app);
  const app = {
    base, api, live, i18n, t, f, prefs, theme, toasts, selection, daemon, window, session, check, refreshLabels, act,
    fail, errorText, ...router,
    clean: cleanText,
    nowS: clock(),
    /** True while a user is logged in. */
    isIn,
    /** @type {ReadonlySignal<Statistics | null>} */
    statistics: live.statistics,
    /** @type {ReadonlySignal<readonly Category[]>} */
    categories,
    /** @type {ReadonlySignal<readonly Tag[]>} */
    tags,
    isPhone: mediaSignal('(max-width: 720px)'),
    /** State of the connection in terms of users. */
    connection: createConnection({ api, live, isIn }),
    /** What the browser allows here. Most of it needs HTTPS or localhost. */
    can: {
      clipboard: Boolean(navigator.clipboard),
      notifications: isSecureContext && 'Notification' in globalThis,
      protocolHandler: isSecureContext && 'registerProtocolHandler' in navigator,
      install: isSecureContext && 'serviceWorker' in navigator,
    },
    /** @param {Login} login */
    logIn: async (login) => {
      const state = await api.beginSession(login);
      if ('username' in login) prefs.username.value = login.username;
      session.value = { kind: 'in', state };
    },
    logOut: async () => {
      try { await api.endSession(); } catch (error) {
        // Without an answer the session still exists, and the user has to know.
        return fail(error);
      }
      session.value = { kind: 'out', reason: 'left' };
    },
    dialogs,
  };
  return app;
}

/** Returns the path under which the app is served, without a slash at its end. */
const basePath = () => location.pathname.replace(/\/[^/]*$/, '');

/** Unix time in seconds, each second while the page is visible. @returns {ReadonlySignal<number>} */
function clock() {
  const read = () => Math.floor(Date.now() / 1000);
  /** @type {Signal<number>} */
  const now = signal(read());
  const tick = () => { if (document.visibilityState === 'visible') now.value = read(); };
  setInterval(tick, 1000);
  document.addEventListener('visibilitychange', tick);
  return now;
}
