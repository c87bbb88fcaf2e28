/** Page of the settings: navigation with a search, and the section that is open. */

/** @import { ReadonlySignal, Signal } from '../../base/signal.js' */
/** @import { Setting } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { PageContext } from './row.js' */

import { each, html, when } from '../../base/html.js';
import { computed, effect, onCleanup, signal, untracked } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { icon } from '../../ui/icons.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';
import { aboutPage } from './about.js';
import { accountPage } from './account.js';
import { appearancePage } from './appearance.js';
import { categoriesPage } from './categories.js';
import { exportPage } from './export.js';
import { filterPage } from './filter.js';
import { limitsInForce, scheduleLink } from './limits.js';
import { sectionName, settingName } from './names.js';
import { portsPage } from './ports.js';
import { settingRow } from './row.js';
import { schedulePage } from './schedule.js';
import { createScheduleDraft, draftOf } from './schedule_draft.js';
import { groupsFor, sectionOf } from './sections.js';
import { createStore } from './store.js';
import { tagsPage } from './tags.js';
import { matches, wordsOf } from './values.js';
import { watchPage } from './watch.js';

/** @typedef {PageContext & { draft: ReturnType<typeof createScheduleDraft>, open: (section: string) => void }}
 *    SettingsContext */

/** Content of sections before their settings.
 *  @type {Record<string, (context: SettingsContext) => unknown>} */
const PAGES = {
  network: portsPage,
  filter: filterPage,
  limits: limitsInForce,
  schedule: schedulePage,
  watch: watchPage,
  categories: ({ app }) => categoriesPage(app),
  tags: ({ app }) => tagsPage(app),
  account: ({ app }) => accountPage(app),
  appearance: ({ app }) => appearancePage(app),
  about: ({ app }) => aboutPage(app),
  export: ({ store, app }) => exportPage(app, store),
};

/** Pages that have settings of the daemon as well. */
const WITH_SETTINGS = new Set(['network', 'filter', 'limits', 'watch']);

/** @param {App} app @returns {Node} */
export function settingsPage(app) {
  const store = createStore(app);
  const search = signal('');
  const words = computed(() => wordsOf(search.value));
  const groups = computed(() => groupsFor(store.settings.value ?? []));
  const section = computed(() => sectionOf(groups.value, app.section.value));
  /** @type {SettingsContext} */
  const context = {
    app, store, words, draft: createScheduleDraft(store, draftOf(app)),
    open(key) {
      search.value = '';
      app.goTo('settings', key);
    },
  };
  warnBeforeLoss(context);
  const isSearch = computed(() => words.value.length > 0);
  // On a phone the navigation is a page of its own.
  const isNav = () => app.isPhone.value && app.section.value === null && !isSearch.value;

  return html`<div class="p-page" class:p-page-nav=${isNav} class:p-page-search=${isSearch}>
    <nav class="p-nav" aria-label=${() => app.t('settings.title')}>
      <h1 class="p-nav-title">${() => app.t('settings.title')}</h1>
      ${searchField(app, search)}
      <div class="p-nav-list">${each(groups, ({ key }) => key, (group) => html`<div class="p-nav-group">
        <p class="p-nav-head" aria-hidden="true">${() => app.t(`settings.group.${group.value.key}`)}</p>
        <ul class="p-nav-items">${each(() => group.value.sections, ({ key }) => key, (item, key) =>
          navItem(context, item.peek().icon, key, () => !isSearch.value && section.value === key))}</ul>
      </div>`)}</div>
    </nav>
    <div class="p-main">${pendingNote(app, store.settings)}
      ${() => (isSearch.value ? untracked(() => found(context)) : opened(context, section.value))}</div>
  </div>`;
}

/** Lets the browser ask before the page is closed with changes that are not saved. @param {SettingsContext} context */
function warnBeforeLoss({ draft }) {
  /** @param {Event} event */
  const ask = (event) => event.preventDefault();
  effect(() => {
    if (!draft.isChanged.value) return;
    addEventListener('beforeunload', ask);
    onCleanup(() => removeEventListener('beforeunload', ask));
  });
}

/** @param {App} app @param {Signal<string>} search */
function searchField(app, search) {
  /** @type {HTMLInputElement} */
  const input = /** @type {HTMLInputElement} */ (html`<input class="k-input p-search-input" type="search" dir="auto"
    aria-label=${() => app.t('settings.search')} placeholder=${() => app.t('settings.search')} autocomplete="off"
    spellcheck="false" .value=${search} @input=${() => { search.value = input.value; }}
    @keydown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape' || input.value === '') return;
      event.stopPropagation();
      search.value = '';
    }}/>`);
  return html`<div class="p-search">${icon('search', { size: 18 })}${input}</div>`;
}

/** @param {SettingsContext} context @param {import('./sections.js').IconName} name @param {string} key
 *  @param {() => boolean} isCurrent */
function navItem({ app, draft, open }, name, key, isCurrent) {
  return html`<li><button type="button" class="p-nav-item" aria-current=${() => (isCurrent() ? 'page' : null)}
    @click=${() => open(key)}>${icon(name, { size: 18 })}<span class="p-nav-label">${() => sectionName(app, key)}</span>
    ${when(() => key === 'schedule' && draft.isChanged.value, () => html`<span class="p-dot" role="img"
      aria-label=${() => app.t('schedule.unsaved')}></span>`)}
    <span class="p-nav-more">${icon('chevron', { size: 16 })}</span></button></li>`;
}

/** @param {App} app @param {ReadonlySignal<readonly Setting[] | null>} settings */
function pendingNote(app, settings) {
  const count = computed(() => settings.value?.filter(({ is_pending }) => is_pending).length ?? 0);
  return when(() => count.value > 0, () => html`<p class="p-note p-note-warn" role="status">
    ${icon('warning', { size: 18 })}<span>${() => app.t('settings.pending', { count: count.value })}</span></p>`);
}

/** Section that is open. @param {SettingsContext} context @param {string} key */
function opened(context, key) {
  const { app, store } = context;
  return untracked(() => {
    const heading = /** @type {HTMLElement} */ (html`<h2 class="p-title" tabindex="-1">${() =>
      sectionName(app, key)}</h2>`);
    if (app.isPhone.peek() && app.section.peek() !== null) queueMicrotask(() => heading.focus());
    const own = () => (store.settings.value ?? []).filter((setting) =>
      setting.section === key && !isElsewhere(setting));
    const hasSettings = computed(() => own().length > 0);
    return html`<div class="p-section">
      ${when(app.isPhone, () => html`<h1 class="k-hidden">${() => app.t('settings.title')}</h1>`)}
      <div class="p-head">${when(app.isPhone, () => button({ label: () => app.t('settings.back'), icon: 'chevron',
        iconOnly: true, kind: 'ghost', onClick: () => app.goTo('settings') }))}${heading}</div>
      ${PAGES[key]?.(context)}
      ${when(hasSettings, () => html`<div class="p-rows">${rows(context, own)}</div>`)}
      ${key in PAGES && !WITH_SETTINGS.has(key) ? null : loading(context)}
    </div>`;
  });
}

/** True for settings that a page of their own shows. @param {Setting} setting */
const isElsewhere = ({ key }) => key === 'schedule';

/** @param {SettingsContext} context */
const loading = ({ app, store }) => [
  when(() => store.settings.value === null && store.error.value === null, () => html`<div role="status"
    aria-label=${() => app.t('settings.loading')}>${skeletonRows(6)}</div>`),
  when(() => store.settings.value === null && store.error.value !== null, () =>
    errorState({ app, error: store.error.peek(), retry: store.load })),
];

/** @param {SettingsContext} context @param {() => readonly Setting[]} settings */
const rows = (context, settings) => each(settings, ({ key }) => key, (setting) =>
  (setting.peek().key === 'schedule' ? scheduleLink(context, setting) : settingRow(context, setting)));

/** Texts that the search covers. @param {App} app @param {Setting} setting */
const textsOf = (app, { key, help, section }) => [key, help, settingName(app, key), sectionName(app, section)];

/** Settings that the search has found, by section. @param {SettingsContext} context */
function found(context) {
  const { app, store, words } = context;
  const all = computed(() => (store.settings.value ?? []).filter((setting) =>
    matches(words.value, textsOf(app, setting))));
  // A change must not take its row away, so sections are those of the search.
  const sections = computed(() => [...new Set(all.value.map((setting) => setting.section))]);
  const pages = computed(() => groupsFor([]).flatMap((group) => group.sections).filter(({ key }) =>
    matches(words.value, [sectionName(app, key)])));

  return html`<div class="p-section">
    <p class="p-found" role="status">${() => app.t('settings.found', { count: all.value.length })}</p>
    ${when(() => pages.value.length > 0, () => html`<ul class="p-pages">${each(pages, ({ key }) => key, (page, key) =>
      html`<li>${button({ label: () => sectionName(app, key), icon: page.peek().icon,
        onClick: () => context.open(key) })}</li>`)}</ul>`)}
    ${each(sections, (key) => key, (_, key) => html`<section class="p-found-section">
      <h2 class="p-found-title">${() => sectionName(app, key)}</h2>
      <div class="p-rows">${rows(context, () => all.value.filter((setting) => setting.section === key))}</div>
    </section>`)}
    ${when(() => all.value.length === 0 && pages.value.length === 0 && store.settings.value !== null, () => emptyState({
      icon: 'search', title: () => app.t('settings.no_match'), hint: () => app.t('settings.no_match_hint') }))}
    ${loading(context)}</div>`;
}
