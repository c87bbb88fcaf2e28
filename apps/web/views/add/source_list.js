/** List of the sources in the add dialog. */

/** @import { App } from '../../app.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { IconName } from '../../ui/icons.js' */
/** @import { Entries, Entry } from './entries.js' */

import { html } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { virtualList } from '../../base/list.js';
import { badge } from '../../ui/badge.js';
import { button } from '../../ui/button.js';
import { icon } from '../../ui/icons.js';
import { errorText } from '../../ui/texts.js';
import { uid } from '../../ui/values.js';

const ROW_PX = 52, MAX_ROWS_SHOWN = 5;
/** @type {Record<Entry['kind'], IconName>} */
const ICONS = { file: 'file', magnet: 'magnet', hash: 'magnet', url: 'link' };

/** Returns the state of a source in words. @param {App} app @param {Entry} entry */
export function entryText(app, { kind, state, info, known, error, isMerged }) {
  const isLink = kind === 'magnet' || kind === 'hash';
  if (state === 'loading') return app.t(isLink ? 'add.fetching' : 'add.reading');
  if (state === 'waiting') return app.t('add.no_preview');
  if (state === 'adding') return app.t('add.adding');
  if (state === 'error' || state === 'failed') return errorText(error);
  if (state === 'duplicate' && known?.id === null) return app.t('add.twin', { name: app.clean(known.name) });
  if (state === 'duplicate' && !isMerged) return app.t('add.left_out');
  const size = app.f().size(info?.total_bytes);
  return app.t('add.facts', { count: info?.files.length ?? 0, size });
}

/** @param {{ app: App, entries: Entries }} options */
export function sourceList({ app, entries }) {
  const listId = uid();
  const source = computed(() => ({ total: entries.entries.value.length, first: 0, rows: entries.entries.value }));
  const at = computed(() => entries.entries.value.findIndex(({ id }) => id === entries.current.value?.id));
  /** @param {number} index */
  const go = (index) => {
    const all = entries.entries.peek();
    const next = all[Math.min(Math.max(0, index), all.length - 1)];
    if (!next) return;
    entries.currentId.value = next.id;
    list.scrollToIndex(all.indexOf(next));
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.target !== scroller) return;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowDown: 1, ArrowUp: -1, PageDown: MAX_ROWS_SHOWN, PageUp: -MAX_ROWS_SHOWN, Home: -1e6, End: 1e6 });
    const current = entries.current.peek();
    if (Object.hasOwn(steps, event.key)) go(at.peek() + steps[event.key]);
    else if ((event.key === 'Delete' || event.key === 'Backspace') && current) entries.remove(current.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  /** @param {ReadonlySignal<Entry | undefined>} item @param {ReadonlySignal<number>} index */
  const render = (item, index) => sourceRow(app, entries, item, () => `${listId}-${index.value}`);
  const scroller = /** @type {HTMLElement} */ (html`<div class="a-sources" role="grid" tabindex="0"
    aria-label=${() => app.t('add.sources')}
    aria-activedescendant=${() => (at.value < 0 ? null : `${listId}-${at.value}`)}
    style:height=${() => `${Math.min(MAX_ROWS_SHOWN, source.value.total) * ROW_PX + 2}px`} @keydown=${onKey}></div>`);
  const list = virtualList({
    scroller, source, rowHeight: computed(() => ROW_PX), keyOf: ({ id }) => id, render, onWindow: () => {},
  });
  return scroller;
}

/** @param {App} app @param {Entries} entries @param {ReadonlySignal<Entry | undefined>} item
 *  @param {() => string} id */
function sourceRow(app, entries, item, id) {
  const kind = computed(() => item.value?.kind ?? 'magnet');
  const state = computed(() => item.value?.state ?? 'waiting');
  const label = computed(() => app.clean(item.value?.label ?? ''));
  const isPrivate = computed(() => item.value?.info?.is_private === true);
  const isCurrent = computed(() => item.value !== undefined && item.value.id === entries.current.value?.id);
  const isFault = computed(() => state.value === 'error' || state.value === 'failed');
  const isBusy = computed(() => state.value === 'loading' || state.value === 'adding');
  const text = () => (item.value ? entryText(app, item.value) : '');
  const select = () => { if (item.peek()) entries.currentId.value = item.peek()?.id ?? null; };
  /** @param {Event} event */
  const remove = (event) => {
    event.stopPropagation();
    const entry = item.peek();
    if (entry) entries.remove(entry.id);
  };
  return html`<div id=${id} class="a-source" class:a-source-current=${isCurrent}
    aria-selected=${() => String(isCurrent.value)}
    @click=${select}>
    <span class="a-source-icon" role="gridcell" class:a-source-fault=${isFault}>${() =>
      icon(isFault.value ? 'error' : ICONS[kind.value], { size: 20 })}</span>
    <span class="a-source-main" role="gridcell"><span class="a-source-name" dir="auto" title=${label}>${label}</span>
      <span class="a-source-text" class:a-source-fault=${isFault} class:a-source-busy=${isBusy}
        title=${text}>${text}</span></span>
    <span class="a-source-end" role="gridcell">
      ${() => (isPrivate.value ? badge({ text: app.t('add.private'), tone: 'info' }) : null)}
      ${() => (state.value === 'duplicate' ? badge({ text: app.t('add.known'), tone: 'warn' }) : null)}
      ${removeButton(app, label, remove)}</span></div>`;
}

/** @param {App} app @param {ReadonlySignal<string>} label @param {(event: Event) => void} remove */
function removeButton(app, label, remove) {
  const node = button({
    label: () => app.t('add.drop_source', { name: label.value }), icon: 'close', iconOnly: true, kind: 'ghost',
    onClick: remove,
  });
  // The keyboard removes with Delete, so that Tab passes a long list in one step.
  node.tabIndex = -1;
  return node;
}
