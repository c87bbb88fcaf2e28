/** Web seeds of the torrent: HTTP servers that have its files. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { WebSeed } from '../../types.js' */
/** @import { Context } from './context.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { textField } from '../../ui/fields.js';
import { poll } from '../../ui/poll.js';
import { part } from './context.js';
import { parseWebSeeds } from './tracker_facts.js';

const WEB_SEEDS_MS = 3000;
/** @type {Readonly<Record<string, string>>} */
const TONES = { idle: 'neutral', fetching: 'ok', waiting: 'info', discarded: 'danger' };

/** @param {Context} context */
export function webSeedsView(context) {
  const { app, id } = context;
  const { data, refresh } = poll((signal) => app.api.webSeeds(id, { signal }), WEB_SEEDS_MS);
  const isAdding = signal(false);
  const count = part(data, (seeds) => seeds.length, 0);
  const rows = computed(() => (data.value ?? []).map((seed, index) => ({ key: `${index} ${seed.url}`, seed })));
  return html`<section class="d-web-seeds" aria-label=${() => app.t('details.web_seeds')}>
    <div class="d-toolbar"><span class="d-toolbar-text">${() => (data.value === null ? ''
      : app.t('details.web_seed_count', { count: count.value }))}</span>
      ${button({ label: () => app.t('details.add_web_seeds'), icon: 'plus', pressed: isAdding,
        onClick: () => { isAdding.value = !isAdding.peek(); } })}</div>
    ${when(isAdding, () => addForm(context, refresh, () => { isAdding.value = false; }))}
    ${when(() => count.value > 0, () => html`<ul class="d-web-seed-list">${each(rows, ({ key }) => key,
      (row) => webSeedRow(context, computed(() => row.value.seed), refresh))}</ul>`)}</section>`;
}

/** @param {Context} context @param {() => Promise<void>} refresh @param {() => void} close */
function addForm(context, refresh, close) {
  const { app } = context;
  const text = signal('');
  const isTried = signal(false);
  const fault = () => {
    const { wrong } = parseWebSeeds(text.value);
    return isTried.value && wrong.length > 0 ? app.t('details.bad_web_seed', { url: app.clean(wrong[0]) }) : null;
  };
  const submit = async () => {
    isTried.value = true;
    const { urls, wrong } = parseWebSeeds(text.peek());
    if (wrong.length > 0 || urls.length === 0) return;
    if (await context.act({ kind: 'edit_web_seeds', add: urls }, {
      quiet: true, undo: { action: { kind: 'edit_web_seeds', remove: urls } } })) close();
    await refresh();
  };
  const form = /** @type {HTMLFormElement} */ (html`<form class="d-inline-form" novalidate
    @submit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(); }}
    @keydown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      close();
    }}>
    ${textField({ label: () => app.t('details.web_seed_urls'), value: text, error: fault, multiline: true, rows: 3,
      dir: 'ltr', help: () => app.t('details.web_seed_hint') })}
    <div class="d-form-buttons">${button({ label: () => app.t('dialog.cancel'), onClick: close })}
      ${button({ label: () => app.t('details.add_web_seeds'), kind: 'primary', type: 'submit' })}</div></form>`);
  queueMicrotask(() => form.querySelector('textarea')?.focus());
  return form;
}

/** @param {Context} context @param {ReadonlySignal<WebSeed>} row @param {() => Promise<void>} refresh */
function webSeedRow(context, row, refresh) {
  const { app } = context;
  const url = computed(() => app.clean(row.value.url));
  const message = computed(() => app.clean(row.value.message ?? ''));
  const figures = computed(() => {
    const { down_per_s: rate, downloaded_bytes: bytes, missing_files: missing } = row.value;
    const parts = [app.f().size(bytes)];
    if (rate > 0) parts.push(app.f().rate(rate));
    if (missing > 0) parts.push(app.t('details.web_seed_missing', { count: missing }));
    return parts.join(' · ');
  });
  const remove = async () => {
    await context.act({ kind: 'edit_web_seeds', remove: [row.peek().url] }, { quiet: true });
    await refresh();
  };
  return html`<li class="d-web-seed">
    <span class="d-dot" data-tone=${() => TONES[row.value.state] ?? 'neutral'}></span>
    <span class="d-web-seed-text"><span class="d-tracker-text" dir="ltr" title=${url}>${url}</span>
      ${when(() => message.value !== '', () => html`<span class="d-tracker-message" dir="auto"
        class:d-tracker-fault=${() => row.value.state === 'discarded'}>${message}</span>`)}</span>
    <span class="d-web-seed-state">${() => app.t(/** @type {'details.web_seed_idle'} */ (
      `details.web_seed_${row.value.state}`))}</span>
    <bdi class="d-web-seed-figures">${figures}</bdi>
    ${button({ label: () => app.t('details.remove_web_seed'), icon: 'remove', iconOnly: true, kind: 'ghost',
      onClick: remove })}</li>`;
}
