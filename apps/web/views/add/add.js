/** Dialog to add torrents from files, links and hashes. */

/** @import { App } from '../../app.js' */
/** @import { AddInit } from '../../dialogs.js' */
/** @import { Dialog } from '../../ui/dialog.js' */
/** @import { Entries, Outcome } from './entries.js' */
/** @import { Options } from './options.js' */

import { ApiError } from '../../api.js';
import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { textsIn } from '../../drop.js';
import { splitSources } from '../../sources.js';
import { button } from '../../ui/button.js';
import { formDialog } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { folderState, rememberFolder } from '../../ui/path.js';
import { textOf } from '../../transfer.js';
import { createEntries } from './entries.js';
import { registerHandlers } from './handlers.js';
import { createOptions } from './options.js';
import { optionsView } from './options_view.js';
import { sourceList } from './source_list.js';
import { sourceView } from './source_view.js';

/** @type {{ take: (init: AddInit) => void, closed: Promise<unknown> } | null} Dialog that is open. */
let opened = null;

/** Opens the dialog, or adds sources to the one that is open. Resolves when it is closed.
 *  @param {App} app @param {AddInit} [init] */
export async function openAdd(app, init = {}) {
  opened ??= create(app);
  // A page that was opened by a link, without a click or a key so far, may come from anyone.
  const isAsked = navigator.userActivation?.hasBeenActive ?? true;
  opened.take({ ...init, isPreviewed: isAsked && init.isPreviewed !== false });
  await opened.closed;
}

/** @param {App} app */
function create(app) {
  const entries = createEntries(app.api, { locale: app.i18n.locale.peek() });
  const text = signal('');
  /** @param {AddInit} init */
  const take = ({ files = [], text: more = '', isPreviewed = true }) => {
    if (more !== '') entries.takeText(more, { isPreviewed });
    if (files.length > 0) entries.takeFiles(files);
  };
  const options = { value: /** @type {Options | null} */ (null) };
  const { closed } = formDialog({
    title: () => app.t('add.title'), size: 'large',
    body: (dialog) => body({ app, entries, text, take, dialog, options: (options.value = createOptions(app)) }),
    submit: { label: () => submitLabel(app, entries) },
    aside: () => button({
      label: () => app.t('handlers.short'), icon: 'magnet', kind: 'ghost', onClick: () => registerHandlers(app) }),
    onSubmit: () => submit(app, entries, /** @type {Options} */ (options.value), text),
    onClose: () => {
      entries.end();
      opened = null;
    },
  });
  return { take, closed };
}

/** @param {App} app @param {Entries} entries */
function submitLabel(app, entries) {
  const all = entries.addable.value;
  const known = all.filter(({ state }) => state === 'duplicate').length;
  if (all.length === 0) return app.t('action.add');
  const isOnlyKnown = all.length === known;
  return isOnlyKnown ? app.t('add.submit_merge', { count: known }) : app.t('add.submit', { count: all.length });
}

/** Adds the sources. Returns false to stay open. @param {App} app @param {Entries} entries @param {Options} options
 *  @param {{ value: string, peek: () => string }} text what was typed and not taken yet */
async function submit(app, entries, options, text) {
  if (entries.takeText(text.peek())) text.value = '';
  if (entries.addable.peek().length === 0) throw new ApiError('empty', 0, app.t('add.nothing'));
  const outcome = await entries.submit(options.toRequest());
  if (outcome.added.length + outcome.duplicates > 0) {
    options.remember();
    rememberFolder(app, options.toRequest().dir ?? null);
    app.refreshLabels();
    report(app, outcome);
  }
  if (outcome.failed > 0) throw new ApiError('failed', 0, app.t('add.some_failed', { count: outcome.failed }));
  return entries.addable.peek().length === 0;
}

/** @param {App} app @param {Outcome} outcome */
function report(app, { added, duplicates }) {
  const parts = [];
  if (added.length > 0) parts.push(app.t('add.added', { count: added.length }));
  if (duplicates > 0) parts.push(app.t('add.merged', { count: duplicates }));
  const undo = () => app.act(added, { kind: 'remove', data: 'keep' });
  app.toasts.show({
    text: parts.join('. '), kind: 'success',
    ...(added.length > 0 && { action: { label: app.t('action.undo'), run: undo } }),
  });
}

/** @param {{ app: App, entries: Entries, text: import('../../base/signal.js').Signal<string>,
 *  take: (init: AddInit) => void, dialog: Dialog, options: Options }} config */
function body({ app, entries, text, take, dialog, options }) {
  const place = folderState(app, options.dir);
  const isEmpty = computed(() => entries.entries.value.length === 0);
  const hasList = computed(() => entries.entries.value.length > 1);
  const freeBytes = () => place.value.folder?.free_bytes ?? app.statistics.value?.free_bytes ?? null;
  return html`<div class="a-add" @paste=${(/** @type {ClipboardEvent} */ event) => onPaste(event, take)}>
    <div class="a-add-main">
      ${sourceInput({ app, entries, text, take, isEmpty })}
      ${unusedNote(app, entries)}
      ${when(hasList, () => sourceList({ app, entries }))}
      ${when(() => !isEmpty.value, () => [
        when(() => !hasList.value, () => onlySource(app, entries)),
        sourceView({ app, entries, freeBytes, onLeave: () => dialog.close() }),
      ].map((part) => html`${part}`))}</div>
    <div class="a-add-side">${optionsView({
      app, options, place, neededBytes: () => entries.wantedBytes.value,
      isSingle: () => entries.entries.value.length === 1,
    })}</div></div>`;
}

/** Heading for a single source, which needs no list. @param {App} app @param {Entries} entries */
function onlySource(app, entries) {
  const label = () => app.clean(entries.current.value?.label ?? '');
  const remove = () => { const entry = entries.current.peek(); if (entry) entries.remove(entry.id); };
  return html`<div class="a-only"><h3 class="a-only-name" dir="auto" title=${label}>${label}</h3>
    ${button({ label: () => app.t('add.drop_source', { name: label() }), icon: 'close', iconOnly: true, kind: 'ghost',
      onClick: remove })}</div>`;
}

/** Takes what is pasted if it has sources; any other text goes to the field as usual.
 *  @param {ClipboardEvent} event @param {(init: AddInit) => void} take */
function onPaste(event, take) {
  const target = /** @type {Element} */ (event.target);
  const isOtherField = target.closest('input, textarea') && !target.closest('.a-input');
  if (!event.clipboardData || isOtherField) return;
  const files = [...event.clipboardData.files];
  const text = textOf(textsIn(event.clipboardData));
  if (files.length === 0 && splitSources(text).links.length === 0) return;
  event.preventDefault();
  take({ files, text: files.length > 0 ? '' : text });
}

/** Field for links, and the button for files.
 *  @param {{ app: App, entries: Entries, text: import('../../base/signal.js').Signal<string>,
 *    take: (init: AddInit) => void, isEmpty: import('../../base/signal.js').ReadonlySignal<boolean> }} config */
function sourceInput({ app, entries, text, take, isEmpty }) {
  const chooser = /** @type {HTMLInputElement} */ (html`<input type="file" class="k-hidden" multiple tabindex="-1"
    aria-hidden="true" accept=".torrent,.magnet,.txt,application/x-bittorrent" @change=${() => {
      take({ files: [...(chooser.files ?? [])] });
      chooser.value = '';
    }}/>`);
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || text.peek().trim() === '') {
      event.preventDefault();
      /** @type {HTMLElement} */ (event.currentTarget).closest('form')?.requestSubmit();
    } else if (entries.takeText(text.peek())) {
      event.preventDefault();
      text.value = '';
    }
  };
  return html`<div class="a-input" class:a-input-empty=${isEmpty} @keydown=${onKey}>
    ${textField({
      label: () => app.t('add.links'), value: text, multiline: true, rows: 2, autofocus: true, dir: 'auto',
      placeholder: 'magnet:?xt=urn:btih:…',
    })}
    <div class="a-input-row"><span class="a-input-icon">${icon('download', { size: 28 })}</span>${button({
      label: () => app.t('add.choose_files'), icon: 'file', onClick: () => chooser.click() })}
      <span class="a-note a-drop-hint">${() => app.t('add.drop_hint')}</span></div>${chooser}</div>`;
}

/** Texts and files that cannot be used, with the reason. @param {App} app @param {Entries} entries */
function unusedNote(app, entries) {
  const notes = () => [
    ...(entries.repeated.value > 0 ? [app.t('add.repeated', { count: entries.repeated.value })] : []),
    ...(entries.isCut.value ? [app.t('add.cut')] : []),
  ];
  const isShown = () => entries.unused.value.length > 0 || notes().length > 0;
  const items = computed(() =>
    entries.unused.value.map((item, i) => ({ ...item, key: `${i} ${item.reason} ${item.text}` })));
  return html`<div class="a-live" aria-live="polite">${when(isShown, () => html`<div class="a-unused">
    <ul class="a-unused-list" tabindex="0" aria-label=${() => app.t('unused.label')}>${each(items, ({ key }) => key,
      (item) => html`<li>${icon('warning', { size: 16 })}
      <span class="a-unused-text" dir="auto">${() => app.clean(item.value.text)}</span>
      <span class="a-unused-reason">${() => app.t(`unused.${item.value.reason}`)}</span></li>`)}
      ${() => notes().map((note) => html`<li>${icon('info', { size: 16 })}<span>${note}</span></li>`)}</ul>
    ${button({ label: () => app.t('dialog.close'), icon: 'close', iconOnly: true, kind: 'ghost',
      onClick: entries.forgetUnused })}</div>`)}</div>`;
}
