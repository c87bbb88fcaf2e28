/** Sidebar: filters with their counts, saved views, and the way to the other pages. */

/** @import { App } from '../app.js' */
/** @import { FilterField } from '../query.js' */
/** @import { IconName } from '../ui/icons.js' */

import { each, html, when } from '../base/html.js';
import { computed, signal } from '../base/signal.js';
import { clearedFilters, isFiltered, toggleFilter } from '../query.js';
import { button } from '../ui/button.js';
import { radioGroup } from '../ui/radio.js';
import { icon } from '../ui/icons.js';
import { canSave, categoryTree, fieldCount, folderNames, isViewOf, shownStates, stateCount, valueList }
  from './filters_model.js';

/** Entries of a long section that are shown at first, and at most. */
const FEW = 8, MOST = 300;
const NO_COUNTS = Object.freeze({});

/** @typedef {{ app: App, isSeveral: import('../base/signal.js').Signal<boolean>, onChoose: () => void }} Context */

/** @param {App} app @param {{ onChoose?: () => void }} [options] `onChoose` is called after a choice of one filter */
export function filterPanel(app, { onChoose = () => {} } = {}) {
  /** @type {Context} */
  const context = { app, isSeveral: signal(false), onChoose };
  return html`<div class="s-filters" role="group" aria-label=${() => app.t('filter.label')}>
    ${modeRow(context)}
    ${section(app, {
      name: 'states', label: () => app.t('filter.states'), content: () => states(context), action: () => button({
        label: () => app.t('filter.several'), title: () => app.t('filter.several_hint'), icon: 'several',
        iconOnly: true, kind: 'ghost', pressed: context.isSeveral,
        onClick: () => { context.isSeveral.value = !context.isSeveral.peek(); } }),
    })}
    ${section(app, {
      name: 'views', label: () => app.t('filter.views'), content: () => savedViews(context), action: () => button({
        label: () => app.t('saved.save'), icon: 'plus', iconOnly: true, kind: 'ghost',
        disabled: () => !canSave(app.view.value), onClick: () => app.dialogs.saveView() }),
    })}
    ${section(app, {
      name: 'categories', label: () => app.t('filter.categories'), content: () => categories(context),
      action: () => button({ label: () => app.t('filter.manage'), icon: 'edit', iconOnly: true, kind: 'ghost',
        onClick: () => app.dialogs.categories() }),
    })}
    ${section(app, { name: 'tags', label: () => app.t('column.tags'), content: () => tags(context) })}
    ${section(app, { name: 'trackers', label: () => app.t('filter.trackers'), content: () => trackers(context) })}
    ${section(app, { name: 'dirs', label: () => app.t('filter.dirs'), content: () => dirs(context) })}
  </div>`;
}

/** How filters combine, and the way back to no filters. @param {Context} context */
function modeRow({ app }) {
  const { view } = app;
  const clear = () => app.setView(clearedFilters());
  const match = {
    get value() { return view.value.any ? 'any' : 'all'; },
    set value(next) { app.setView({ any: next === 'any' }); },
    peek: () => (view.peek().any ? 'any' : 'all'),
  };
  const tagsMatch = {
    get value() { return view.value.allTags ? 'all' : 'one'; },
    set value(next) { app.setView({ allTags: next === 'all' }); },
    peek: () => (view.peek().allTags ? 'all' : 'one'),
  };
  return html`<div class="s-mode">
    ${when(() => isFiltered(view.value), () => html`<button type="button" class="s-chip" @click=${clear}>
      ${icon('close', { size: 14 })}<span>${() => app.t('filter.clear')}</span></button>`)}
    ${when(() => fieldCount(view.value.filters) > 1 || view.value.any, () => radioGroup({
      label: () => app.t('filter.match'), value: match, segments: true,
      options: [{ value: 'all', label: app.t('filter.match_all') }, { value: 'any', label: app.t('filter.match_any') }],
    }))}
    ${when(() => view.value.filters.tag.length > 1, () => radioGroup({
      label: () => app.t('filter.tags_match'), value: tagsMatch, segments: true,
      options: [{ value: 'one', label: app.t('filter.tags_one') }, { value: 'all', label: app.t('filter.tags_all') }],
    }))}</div>`;
}

/** @param {App} app
 *  @param {{ name: string, label: () => string, content: () => unknown, action?: () => Node }} options */
function section(app, { name, label, content, action }) {
  const { closedSections } = app.prefs;
  const isOpen = computed(() => !closedSections.value.includes(name));
  /** @param {Event} event */
  const onToggle = (event) => {
    const details = /** @type {HTMLDetailsElement} */ (event.currentTarget);
    if (details.open === isOpen.peek()) return;
    const others = closedSections.peek().filter((other) => other !== name);
    closedSections.value = details.open ? others : [...others, name];
  };
  return html`<details class="s-section" ?open=${isOpen} @toggle=${onToggle}>
    <summary class="s-section-head"><span class="s-section-mark">${icon('chevron', { size: 14 })}</span>
      <h2 class="s-section-title">${label}</h2></summary>
    ${action && html`<div class="s-section-action">${action()}</div>`}
    ${when(isOpen, () => html`<ul class="s-section-list">${content()}</ul>`)}</details>`;
}

/** Entry of the sidebar. @param {Context} context
 *  @param {{ field: FilterField, value: string, label: () => string, count: () => number, icon?: IconName,
 *    tone?: string, depth?: number, lead?: Node | null, title?: () => string }} options */
function entry({ app, isSeveral, onChoose }, { field, value, label, count, icon: name, tone, depth = 0, lead, title }) {
  const isChosen = computed(() => app.view.value.filters[field].includes(value));
  /** @param {MouseEvent} event */
  const choose = (event) => {
    const { filters } = app.view.peek();
    const adds = isSeveral.peek() || event.ctrlKey || event.metaKey || event.shiftKey;
    const isOnly = isChosen.peek() && filters[field].length === 1;
    app.setView({
      filters: adds ? toggleFilter(filters, field, value) : { ...filters, [field]: isOnly ? [] : [value] },
    });
    if (app.page.peek() !== 'torrents') app.goTo('torrents');
    if (!adds) onChoose();
  };
  return html`<li class="s-entry-row" style:--depth=${String(depth)}>${lead}
    <button type="button" class="s-entry" aria-pressed=${() => String(isChosen.value)} data-tone=${tone}
      title=${title} @click=${choose}>
      ${name && icon(name, { size: 17 })}<span class="s-entry-label" dir="auto">${label}</span>${
      ' '}<span class="s-entry-count">${() => {
        const now = count();
        return now === 0 ? '' : app.f().count(now);
      }}</span></button></li>`;
}

/** @param {Context} context */
function states(context) {
  const { app } = context;
  const { counts } = app.live;
  const shown = computed(() => shownStates(counts.value, app.view.value.filters.state));
  return each(shown, ({ name }) => name, (item, name) => {
    const countOf = () => (counts.value ? stateCount(counts.value, name) : 0);
    const label = () => app.t(`state.${name}`);
    if (name === 'all') return allEntry(context, countOf);
    return entry(context, {
      field: 'state', value: name, label, count: countOf, icon: item.peek().icon,
      tone: name === 'error' || name === 'tracker_error' ? 'danger' : name,
    });
  });
}

/** Entry that ends the filter of states. @param {Context} context @param {() => number} count */
function allEntry({ app, onChoose }, count) {
  const isChosen = () => app.view.value.filters.state.length === 0;
  const choose = () => {
    app.setView({ filters: { ...app.view.peek().filters, state: [] } });
    app.goTo('torrents');
    onChoose();
  };
  return html`<li class="s-entry-row"><button type="button" class="s-entry" aria-pressed=${() => String(isChosen())}
    @click=${choose}>
    ${icon('category', { size: 17 })}<span class="s-entry-label">${() => app.t('state.all')}</span>${
    ' '}<span class="s-entry-count">${() => app.f().count(count())}</span></button></li>`;
}

/** @param {Context} context */
function savedViews({ app, onChoose }) {
  const { savedViews: views } = app.prefs;
  /** @param {string} name */
  const remove = (name) => {
    const before = views.peek();
    views.value = before.filter((view) => view.name !== name);
    app.toasts.show({
      topic: 'views', text: app.t('saved.removed', { name }),
      action: { label: app.t('action.undo'), run: () => { views.value = before; } },
    });
  };
  return [
    each(views, ({ name }) => name, (view, name) => html`<li class="s-entry-row">
      <a class="s-entry" href=${() => view.value.hash || '#'} @click=${onChoose}
        aria-current=${() => (isViewOf(app.view.value, view.value.hash) ? 'true' : null)}>
        ${icon('bookmark', { size: 17 })}<span class="s-entry-label" dir="auto">${name}</span></a>
      <span class="s-entry-end">${button({ label: () => app.t('saved.remove', { name }), icon: 'close', iconOnly: true,
        kind: 'ghost', onClick: () => remove(name) })}</span></li>`),
    when(() => views.value.length === 0, () => html`<li class="s-none">${() => (canSave(app.view.value)
      ? html`<button type="button" class="s-link" @click=${() => app.dialogs.saveView()}>${
        app.t('saved.save')}</button>`
      : app.t('filter.none_saved'))}</li>`),
  ];
}

/** @param {Context} context */
function categories(context) {
  const { app } = context;
  const { closedCategories } = app.prefs;
  const countMap = computed(() => app.live.counts.value?.categories ?? NO_COUNTS);
  const tree = computed(() =>
    categoryTree(app.categories.value, countMap.value, closedCategories.value, app.i18n.locale.value));
  const none = computed(() => /** @type {Record<string, number>} */ (countMap.value)[''] ?? 0);

  /** @param {string} path @param {() => boolean} hasChildren */
  const expander = (path, hasChildren) => {
    const isOpen = () => !closedCategories.value.includes(path);
    const toggle = () => {
      const others = closedCategories.peek().filter((other) => other !== path);
      closedCategories.value = isOpen() ? [...others, path] : others;
    };
    return html`<button type="button" class="s-expander" ?hidden=${() => !hasChildren()} @click=${toggle}
      aria-expanded=${() => String(isOpen())} aria-label=${() => app.t('filter.expand', { name: app.clean(path) })}>${
      icon('chevron', { size: 14 })}</button>`;
  };
  return [
    each(tree, ({ path }) => path, (item, path) => entry(context, {
      field: 'category', value: path, label: () => app.clean(item.value.name), count: () => item.value.count,
      icon: 'folder', depth: item.peek().depth, lead: expander(path, () => item.value.hasChildren),
    })),
    when(() => none.value > 0, () => entry(context, {
      field: 'category', value: '', label: () => app.t('filter.no_category'), count: () => none.value, tone: 'none',
      icon: 'folder',
    })),
  ];
}

/** @param {Context} context */
function tags(context) {
  const { app } = context;
  return values(context, {
    field: 'tag', icon: 'tag', none: () => app.t('filter.no_tag'),
    known: () => app.tags.value.map(({ name }) => name), counts: () => app.live.counts.value?.tags ?? NO_COUNTS,
  });
}

/** @param {Context} context */
function trackers(context) {
  const { app } = context;
  return values(context, {
    field: 'tracker', icon: 'globe', none: () => app.t('filter.no_tracker'),
    counts: () => app.live.counts.value?.trackers ?? NO_COUNTS,
  });
}

/** @param {Context} context */
function dirs(context) {
  const { app } = context;
  const counts = () => app.live.counts.value?.dirs ?? NO_COUNTS;
  const names = computed(() => folderNames(Object.keys(counts())));
  return values(context, {
    field: 'dir', icon: 'disk', none: () => app.t('filter.no_dir'), counts,
    nameOf: (dir) => names.value.get(dir) ?? dir,
  });
}

/** Entries of a section that may be long.
 *  @param {Context} context @param {{ field: FilterField, icon: IconName, none: () => string,
 *    counts: () => Readonly<Record<string, number>>, known?: () => string[], nameOf?: (value: string) => string }}
 *    options */
function values(context, { field, icon: name, none, counts, known = () => [], nameOf = (value) => value }) {
  const { app } = context;
  const isLong = signal(false);
  const all = computed(() => valueList(known(), counts(), app.view.value.filters[field], app.i18n.locale.value));
  const shown = computed(() => {
    const chosen = app.view.value.filters[field];
    const limit = isLong.value ? MOST : FEW;
    return all.value.length <= FEW + 1 ? all.value
      : all.value.filter(({ value }, i) => i < limit || chosen.includes(value));
  });
  const rest = () => all.value.length - shown.value.length;
  return [
    each(shown, ({ value }) => value, (item, value) => entry(context, {
      field, value, label: () => (value === '' ? none() : app.clean(nameOf(value))), count: () => item.value.count,
      icon: name, tone: value === '' ? 'none' : undefined, title: () => app.clean(value),
    })),
    when(() => rest() > 0 || isLong.value, () => html`<li class="s-entry-row"><button type="button"
      class="s-entry s-entry-more" aria-expanded=${() => String(isLong.value)}
      @click=${() => (isLong.value = !isLong.peek())}>${() => (isLong.value ? app.t('filter.less')
        : app.t('filter.more', { count: rest() }))}</button></li>`),
  ];
}
