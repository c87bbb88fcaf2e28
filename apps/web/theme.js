/** Theme of the page: the choice of the user, or that of the system. */

/** @import { ReadonlySignal } from './base/signal.js' */
/** @import { Theme } from './prefs.js' */

import { computed, effect, signal } from './base/signal.js';

/** @typedef {Exclude<Theme, 'auto'>} Shown */

/** Returns the theme to show. @param {Theme} choice @param {{ isDark: boolean, isContrast: boolean }} system
 *  @returns {Shown} */
export const resolveTheme = (choice, { isDark, isContrast }) =>
  (choice !== 'auto' ? choice : isContrast ? 'contrast' : isDark ? 'dark' : 'light');

/** Returns a signal that follows a media query. @param {string} query @returns {ReadonlySignal<boolean>} */
export function mediaSignal(query) {
  const media = matchMedia(query);
  const matches = signal(media.matches);
  media.addEventListener('change', () => { matches.value = media.matches; });
  return matches;
}

/** Sets the theme of the page for its whole life. Returns the theme that is shown.
 *  @param {ReadonlySignal<Theme>} choice */
export function applyTheme(choice) {
  const [dark, contrast] = [mediaSignal('(prefers-color-scheme: dark)'), mediaSignal('(prefers-contrast: more)')];
  const shown = computed(() => resolveTheme(choice.value, { isDark: dark.value, isContrast: contrast.value }));
  effect(() => {
    document.documentElement.dataset.theme = shown.value;
    const color = getComputedStyle(document.documentElement).getPropertyValue('--bg');
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', color);
  });
  return shown;
}
