/** Menu of the user: pages, appearance, language, notifications, logout. */

/** @import { App } from '../app.js' */
/** @import { Locale } from '../i18n.js' */
/** @import { Theme } from '../prefs.js' */
/** @import { IconName } from '../ui/icons.js' */
/** @import { MenuItem } from '../ui/menu.js' */

import { LOCALES } from '../i18n.js';
import { THEMES } from '../prefs.js';
import { menuButton } from '../ui/menu.js';

/** @type {Record<Theme, IconName>} */
export const THEME_ICONS = { auto: 'contrast', light: 'sun', dark: 'moon', contrast: 'eye' };

/** @param {App} app @returns {MenuItem[]} */
const themeItems = (app) => THEMES.map((theme) => ({
  label: app.t(`theme.${theme}`), icon: THEME_ICONS[theme], checked: app.prefs.theme.peek() === theme,
  onSelect: () => { app.prefs.theme.value = theme; },
}));

/** @param {App} app @returns {MenuItem[]} */
function languageItems(app) {
  /** @param {Locale | null} locale */
  const choose = async (locale) => {
    if (!(await app.i18n.choose(locale))) app.toasts.show({ kind: 'error', text: app.t('part.failed') });
  };
  const chosen = app.i18n.preference.peek();
  return [
    { label: app.t('settings.language_auto'), checked: chosen === null, onSelect: () => choose(null) },
    'separator',
    ...Object.entries(LOCALES).map(([locale, label]) => ({
      label, checked: chosen === locale, onSelect: () => choose(/** @type {Locale} */ (locale)),
    })),
  ];
}

/** @param {App} app */
export const themeMenu = (app) => menuButton({
  label: () => app.t('user.theme'), icon: 'contrast', iconOnly: true, items: () => themeItems(app),
});

/** @param {App} app */
export const languageMenu = (app) => menuButton({
  label: () => app.t('settings.language'), icon: 'language', iconOnly: true, items: () => languageItems(app),
});

/** Asks the browser for notifications, or turns them off. @param {App} app */
async function toggleNotify(app) {
  const { notify } = app.prefs;
  if (notify.peek()) return void (notify.value = false);
  if (!app.can.notifications) return void app.toasts.show({ kind: 'error', text: app.t('user.notify_insecure') });
  const isAllowed = (await Notification.requestPermission()) === 'granted';
  notify.value = isAllowed;
  if (!isAllowed) app.toasts.show({ kind: 'error', text: app.t('user.notify_denied') });
}

/** Pages beside the list, for menus. @param {App} app @returns {MenuItem[]} */
export const pageItems = (app) => [
  { label: app.t('nav.statistics'), icon: 'statistics', onSelect: () => app.goTo('statistics') },
  { label: app.t('nav.log'), icon: 'log', onSelect: () => app.goTo('log') },
  { label: app.t('nav.settings'), icon: 'settings', onSelect: () => app.goTo('settings') },
];

/** @param {App} app @returns {MenuItem[]} */
export const userItems = (app) => [
  { label: app.t('user.theme'), icon: 'contrast', items: themeItems(app) },
  { label: app.t('settings.language'), icon: 'language', items: languageItems(app) },
  { label: app.t('user.notify'), icon: 'bell', checked: app.prefs.notify.peek(), onSelect: () => toggleNotify(app) },
  'separator',
  { label: app.t('nav.create'), icon: 'piece', onSelect: () => app.dialogs.create() },
  { label: app.t('handlers.short'), icon: 'magnet', onSelect: () => app.dialogs.handlers() },
  { label: app.t('nav.help'), icon: 'keyboard', keys: '?', onSelect: () => app.dialogs.help() },
  'separator',
  { label: app.t('login.out'), icon: 'logout', onSelect: () => app.logOut() },
];

/** @param {App} app @param {{ hasPages?: boolean }} [options] */
export const userMenu = (app, { hasPages = false } = {}) => menuButton({
  label: () => app.t('user.menu'), icon: hasPages ? 'more' : 'user', iconOnly: true,
  items: () => (hasPages ? [...pageItems(app), 'separator', ...userItems(app)] : userItems(app)),
});
