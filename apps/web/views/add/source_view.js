/** Preview of a source in the add dialog: facts, state with the next step, and the choice of files. */

/** @import { App } from '../../app.js' */
/** @import { Entries, Entry } from './entries.js' */

import { html, when } from '../../base/html.js';
import { computed, effect, signal, untracked } from '../../base/signal.js';
import { badge } from '../../ui/badge.js';
import { button } from '../../ui/button.js';
import { checkbox } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { errorText } from '../../ui/texts.js';
import { fileChoice } from './file_choice.js';

/** @param {{ app: App, entries: Entries, freeBytes: () => number | null, onLeave: () => void }} options
 *  `onLeave` closes the dialog, to show a torrent that is known */
export function sourceView({ app, entries, freeBytes, onLeave }) {
  const current = entries.current;
  const id = computed(() => current.value?.id ?? null);
  const info = computed(() => current.value?.info ?? null);
  const state = computed(() => current.value?.state ?? null);
  const isOnly = computed(() => entries.entries.value.length === 1);
  /** A torrent of the list keeps its choice of files. */
  const isKnown = () => current.peek()?.known?.id != null;
  /** @template T @param {import('../../base/signal.js').ReadonlySignal<T>} source
   *  @param {(value: T) => unknown} render */
  const following = (source, render) => () => { const value = source.value; return untracked(() => render(value)); };

  return html`<section class="a-preview" aria-label=${() => app.t('add.preview')}>
    ${following(id, () => when(() => !isOnly.value, () => html`<h3 class="a-preview-name" dir="auto">${() =>
      app.clean(current.value?.label ?? '')}</h3>`))}
    ${following(state, () => {
      const entry = current.peek();
      return entry && stateNote({ app, entries, entry, onLeave });
    })}
    ${following(info, (value) => value && facts(app, value))}
    ${following(info, (value) => {
      const entryId = id.peek();
      return value && entryId !== null && !isKnown() ? fileChoice({ app, entries, id: entryId, freeBytes }) : null;
    })}</section>`;
}

/** Returns a text of several lines for display. @param {App} app @param {string} text */
const cleanLines = (app, text) => text.split(/\r?\n/).map(app.clean).join('\n');

/** @param {App} app @param {NonNullable<Entry['info']>} info */
function facts(app, info) {
  const hosts = new Set(info.trackers.map((url) => (URL.canParse(url) ? new URL(url).hostname : url)));
  const created = info.created_unix_s === null ? null
    : () => app.t('add.created', { date: app.f().date(info.created_unix_s) });
  return html`<div class="a-facts">
    <p class="a-facts-line">${info.is_private ? badge({ text: () => app.t('add.private'), tone: 'info' }) : null}
      <span>${() => app.t('add.facts', { count: info.files.length, size: app.f().size(info.total_bytes) })}</span>
      <span>${() => app.t('add.pieces', { count: info.pieces, size: app.f().size(info.piece_bytes) })}</span>
      <span>${() => app.t('add.trackers_of', { count: hosts.size })}</span>
      ${created && html`<span>${created}</span>`}</p>
    ${info.is_private ? html`<p class="a-note">${() => app.t('add.private_hint')}</p>` : null}
    ${info.comment && html`<p class="a-comment" dir="auto">${cleanLines(app, info.comment.slice(0, 1000))}</p>`}</div>`;
}

/** State of a source that is not simply ready, with what can be done.
 *  @param {{ app: App, entries: Entries, entry: Entry, onLeave: () => void }} options */
function stateNote({ app, entries, entry, onLeave }) {
  const { id, kind, state, known, error, canAdd } = entry;
  const isLink = kind === 'magnet' || kind === 'hash';
  const retry = () => entries.preview(id);
  if (state === 'waiting') {
    return html`<div class="a-state"><p>${() => app.t('add.waiting_hint')}</p>
      ${button({ label: () => app.t('add.show_preview'), icon: 'eye', onClick: retry })}</div>`;
  }
  if (state === 'loading') {
    return html`<div class="a-state" role="status">
      <p class="a-busy">${() => app.t(isLink ? 'add.fetching' : 'add.reading')}</p>
      ${isLink ? html`<p class="a-note">${() => app.t('add.fetching_hint')}</p>` : null}</div>`;
  }
  if (state === 'error' || state === 'failed') {
    const hint = canAdd && state === 'error' ? html`<p class="a-note">${() => app.t('add.error_hint')}</p>` : null;
    return html`<div class="a-state a-state-fault" role="alert"><p dir="auto">${icon('error', { size: 18 })}
      <span>${() => errorText(error)}</span></p>${hint}
      ${button({ label: () => app.t('action.retry'), icon: 'refresh', onClick: retry })}</div>`;
  }
  return state === 'duplicate' && known ? knownNote(app, entries, entry, onLeave) : null;
}

/** @param {App} app @param {Entries} entries @param {Entry} entry @param {() => void} onLeave */
function knownNote(app, entries, { id, known, info, isMerged }, onLeave) {
  const name = app.clean(known?.name ?? '');
  if (!known || known.id === null) {
    return html`<div class="a-state"><p dir="auto">${() => app.t('add.twin', { name })}</p></div>`;
  }
  const torrent = known.id;
  const merged = signal(isMerged);
  effect(() => { const on = merged.value; untracked(() => entries.setMerged(id, on)); });
  const show = () => { app.opened.value = torrent; onLeave(); };
  return html`<div class="a-state a-state-known"><p dir="auto">${icon('info', { size: 18 })}
    <span>${() => app.t('add.duplicate', { name })}</span></p>
    ${checkbox({
      label: () => app.t('add.merge'), checked: merged,
      help: () => app.t(info?.is_private ? 'add.merge_private' : 'add.merge_hint'),
    })}
    ${button({ label: () => app.t('add.show'), icon: 'external', kind: 'ghost', onClick: show })}</div>`;
}
