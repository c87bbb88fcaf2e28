/** Trackers of the torrent by tier. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Tracker } from '../../types.js' */
/** @import { Context } from './context.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { textField } from '../../ui/fields.js';
import { menuButton } from '../../ui/menu.js';
import { poll } from '../../ui/poll.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';
import { part } from './context.js';
import { fullUrlOf, parseAnnounceUrls, tiersOf } from './tracker_facts.js';
import { webSeedsView } from './web_seeds.js';

/** @typedef {{ atS: number, trackers: readonly Tracker[] }} Fetched Time of the answer, from which waits count. */
/** @typedef {{ key: string, index: number, tracker: Tracker, atS: number }} Row */
/** @typedef {{ context: Context, fetched: ReadonlySignal<Fetched | null>, refresh: () => Promise<void>,
 *    edited: import('../../base/signal.js').Signal<{ key: string, url: string } | null> }} Model */

const TRACKERS_MS = 3000;
/** Text of a missing number, as the formatters have it. */
const MISSING = '\u2014';
/** @type {Readonly<Record<string, string>>} */
const TONES = { idle: 'neutral', announcing: 'info', working: 'ok', failing: 'danger' };

/** @param {Context} context */
export function trackersView(context) {
  const { app, id } = context;
  const { data, error, refresh } = poll(async (signal) => {
    const trackers = await app.api.trackers(id, { signal });
    return { atS: app.nowS.peek(), trackers };
  }, TRACKERS_MS);
  const isAdding = signal(false);
  /** @type {Model} */
  const model = { context, fetched: data, refresh, edited: signal(null) };
  const count = part(data, ({ trackers }) => trackers.length, 0);
  const none = () => emptyState({ icon: 'tracker', title: () => app.t('details.no_trackers'),
    hint: () => app.t(context.torrent.value?.is_private ? 'details.no_trackers_private'
      : 'details.no_trackers_hint') });
  const body = () => when(() => count.value > 0, () => trackerTable(model), none);
  return html`<div class="d-tab">
    <div class="d-toolbar"><span class="d-toolbar-text">${() => (data.value === null ? ''
      : app.t('details.tracker_count', { count: count.value }))}</span>
      ${button({ label: () => app.t('action.reannounce'), icon: 'announce', iconOnly: app.isPhone.peek(),
        onClick: async () => { await context.act({ kind: 'reannounce' }); await refresh(); } })}
      ${button({ label: () => app.t('details.add_trackers'), icon: 'plus', pressed: isAdding,
        onClick: () => { isAdding.value = !isAdding.peek(); } })}
      ${menuButton({ label: () => app.t('action.more'), icon: 'more', iconOnly: true, items: () => [
        { label: app.t('details.edit_trackers'), icon: 'edit', onSelect: () => app.dialogs.trackers([id]) } ] })}</div>
    ${when(isAdding, () => addForm(model, () => { isAdding.value = false; }))}
    ${when(() => data.value !== null, body, () => when(() => error.value !== null,
      () => errorState({ app, error: error.peek(), retry: refresh }), () => skeletonRows(3)))}
    ${webSeedsView(context)}</div>`;
}

/** @param {() => void} close @returns {(event: KeyboardEvent) => void} */
const onEscape = (close) => (event) => {
  if (event.key !== 'Escape') return;
  event.preventDefault();
  close();
};

/** @param {Model} model @param {() => void} close */
function addForm({ context, refresh }, close) {
  const { app } = context;
  const text = signal('');
  const isTried = signal(false);
  const fault = () => {
    const { wrong } = parseAnnounceUrls(text.value);
    return isTried.value && wrong.length > 0 ? app.t('details.bad_url', { url: app.clean(wrong[0]) }) : null;
  };
  const submit = async () => {
    isTried.value = true;
    const { urls, wrong } = parseAnnounceUrls(text.peek());
    if (wrong.length > 0 || urls.length === 0) return;
    if (await context.act({ kind: 'edit_trackers', add: urls }, {
      quiet: true, undo: { action: { kind: 'edit_trackers', remove: urls } } })) close();
    await refresh();
  };
  const form = /** @type {HTMLFormElement} */ (html`<form class="d-inline-form" novalidate
    @submit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(); }}
    @keydown=${onEscape(close)}>
    ${textField({ label: () => app.t('details.announce_urls'), value: text, error: fault, multiline: true, rows: 3,
      dir: 'ltr', autofocus: true })}
    <div class="d-form-buttons">${button({ label: () => app.t('dialog.cancel'), onClick: close })}
      ${button({ label: () => app.t('details.add_trackers'), kind: 'primary', type: 'submit' })}</div></form>`);
  queueMicrotask(() => form.querySelector('textarea')?.focus());
  return form;
}

/** @param {Model} model */
function trackerTable(model) {
  const { context: { app }, fetched } = model;
  const rows = computed(() => {
    const { trackers, atS } = fetched.value ?? { trackers: [], atS: 0 };
    return trackers.map((tracker, index) => ({ key: `${tracker.tier} ${index} ${tracker.url}`, index, tracker, atS }));
  });
  /** @param {() => string} text @param {boolean} [isNumber] */
  const head = (text, isNumber = false) => html`<div class="d-head" role="columnheader" class:d-num=${isNumber}>
    <span class="d-head-text">${text}</span></div>`;
  return html`<div class="d-grid d-tracker-grid" role="table" tabindex="0"
    aria-label=${() => app.t('details.trackers')}>
    <div class="d-grid-head" role="row">
      ${head(() => app.t('details.tier'))}${head(() => app.t('column.tracker'))}${head(() => app.t('column.state'))}
      ${head(() => app.t('details.next_announce'), true)}${head(() => app.t('column.seeds'), true)}
      ${head(() => app.t('details.leechers'), true)}${head(() => app.t('details.downloads'), true)}
      ${head(() => app.t('column.peers'), true)}${head(() => app.t('details.actions'), true)}</div>
    ${each(rows, ({ key }) => key, (row, key) => trackerRow(model, row, String(key)))}</div>`;
}

/** @param {Model} model @param {ReadonlySignal<Row>} row @param {string} key */
function trackerRow(model, row, key) {
  const { context: { app }, edited } = model;
  /** @param {(tracker: Tracker) => string} fn */
  const text = (fn) => computed(() => fn(row.value.tracker));
  /** @param {string} name @param {ReadonlySignal<string>} value
   *  @param {() => string} label shown above it on a phone */
  const number = (name, value, label) => html`<div class=${`d-cell d-num d-tracker-${name}`} role="cell"
    class:d-empty=${() => value.value === MISSING}><span class="d-cell-label">${label}</span>
    <bdi>${value}</bdi></div>`;
  const wait = computed(() => {
    const { tracker, atS } = row.value;
    if (tracker.announces_in_s === null) return MISSING;
    const left = Math.max(0, Math.round(tracker.announces_in_s - (app.nowS.value - atS)));
    return left === 0 ? app.t('details.now') : app.f().duration(left);
  });
  const isFailing = computed(() => row.value.tracker.state === 'failing');
  const message = text(({ message }) => app.clean(message ?? ''));
  const url = () => html`<span class="d-tracker-text" dir="ltr" title=${text(({ url }) => app.clean(url))}>${
    text(({ url }) => app.clean(url))}</span>`;
  return html`<div class="d-row d-tracker-row" role="row">
    <div class="d-cell d-tracker-tier" role="cell">${text(({ tier }) => app.f().count(tier + 1))}</div>
    <div class="d-cell d-tracker-url" role="cell">${when(() => edited.value?.key === key,
      () => editField(model, row), url)}
      ${when(() => message.value !== '', () => html`<span class="d-tracker-message" dir="auto"
        class:d-tracker-fault=${isFailing}>${message}</span>`)}</div>
    <div class="d-cell d-tracker-state" role="cell"><span class="d-dot" data-tone=${text(({ state }) => TONES[state]
      ?? 'neutral')}></span>${text((tracker) => stateOf(app, tracker))}</div>
    ${number('wait', wait, () => app.t('details.next_announce'))}
    ${number('seeds', text((tracker) => app.f().count(tracker.seeders)), () => app.t('column.seeds'))}
    ${number('leechers', text((tracker) => app.f().count(tracker.leechers)), () => app.t('details.leechers'))}
    ${number('downloads', text((tracker) => app.f().count(tracker.downloads)), () => app.t('details.downloads'))}
    ${number('peers', text((tracker) => app.f().count(tracker.peers)), () => app.t('column.peers'))}
    <div class="d-cell d-tracker-actions" role="cell">
      ${button({ label: () => app.t('details.edit_tracker'), icon: 'edit', iconOnly: true, kind: 'ghost',
        onClick: () => beginEdit(model, row.peek()) })}
      ${button({ label: () => app.t('details.remove_tracker'), icon: 'remove', iconOnly: true, kind: 'ghost',
        onClick: () => remove(model, row.peek()) })}</div></div>`;
}

/** @param {Context['app']} app @param {Tracker} tracker */
function stateOf(app, { state, fails }) {
  const text = app.t(/** @type {'details.tracker_idle'} */ (`details.tracker_${state}`));
  return fails > 1 ? `${text} (${app.f().count(fails)})` : text;
}

/** Requests the trackers with their secrets, which are not kept. Returns null after a failure, which is shown.
 *  @param {Model} model @param {Row} row */
async function withSecrets({ context: { app, id }, fetched, refresh }, row) {
  try {
    const full = await app.api.trackers(id, {}, true);
    const url = fullUrlOf(fetched.peek()?.trackers ?? [], full, row.index);
    if (url !== null) return { full, url };
    app.toasts.show({ text: app.t('details.trackers_changed'), kind: 'error' });
    await refresh();
  } catch (error) { app.fail(error); }
  return null;
}

/** @param {Model} model @param {Row} row */
async function remove(model, row) {
  const found = await withSecrets(model, row);
  if (!found) return;
  await model.context.act({ kind: 'edit_trackers', remove: [found.url] },
    { quiet: true, undo: { action: { kind: 'edit_trackers', set: tiersOf(found.full) } } });
  await model.refresh();
}

/** @param {Model} model @param {Row} row */
async function beginEdit(model, row) {
  const found = await withSecrets(model, row);
  if (found) model.edited.value = { key: row.key, url: found.url };
}

/** @param {Model} model @param {ReadonlySignal<Row>} row */
function editField(model, row) {
  const { context, edited, refresh } = model;
  const { app } = context;
  const old = edited.peek()?.url ?? '';
  const text = signal(old);
  const isTried = signal(false);
  const fault = () => (isTried.value && parseAnnounceUrls(text.value).urls.length !== 1
    ? app.t('details.bad_url', { url: app.clean(text.value) }) : null);
  const close = () => { edited.value = null; };
  const submit = async () => {
    const { urls } = parseAnnounceUrls(text.peek());
    isTried.value = true;
    if (urls.length !== 1) return;
    if (urls[0] === old) return close();
    if (await context.act({ kind: 'edit_trackers', replace: { [old]: urls[0] } }, {
      quiet: true, undo: { action: { kind: 'edit_trackers', replace: { [urls[0]]: old } } } })) close();
    await refresh();
  };
  const form = /** @type {HTMLFormElement} */ (html`<form class="d-edit-url" novalidate
    @submit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(); }}
    @keydown=${onEscape(close)}>
    ${textField({ label: () => app.t('details.announce_url_of', { name: row.value.tracker.url }), hideLabel: true,
      value: text, error: fault, dir: 'ltr' })}
    ${button({ label: () => app.t('dialog.save'), icon: 'check', iconOnly: true, kind: 'primary', type: 'submit' })}
    ${button({ label: () => app.t('dialog.cancel'), icon: 'close', iconOnly: true, onClick: close })}</form>`);
  queueMicrotask(() => form.querySelector('input')?.select());
  return form;
}
