/** Page of the log: its last lines, filters, a view that follows new lines, and the whole text of a chosen line. */

/** @import { ReadonlySignal } from '../base/signal.js' */
/** @import { LogLine } from '../types.js' */
/** @import { Level } from './log_lines.js' */
/** @import { App } from '../app.js' */

import { html, when } from '../base/html.js';
import { virtualList } from '../base/list.js';
import { computed, effect, signal, untracked } from '../base/signal.js';
import { button } from '../ui/button.js';
import { copyText } from '../ui/clipboard.js';
import { saveFile } from '../ui/download.js';
import { icon } from '../ui/icons.js';
import { menuButton } from '../ui/menu.js';
import { poll } from '../ui/poll.js';
import { emptyState, errorState, spinner } from '../ui/states.js';
import { LEVELS, MAX_LINES, filtered, joined, lineText, sinceOf } from './log_lines.js';
import { wordsOf } from './settings/values.js';

/** @typedef {ReturnType<typeof createLog>} Log */

const POLL_MS = 2000;
const ROW_PX = 26, TOUCH_ROW_PX = 44;
/** Time after a gesture in which a scroll is the user's. */
const GESTURE_MS = 500;

/** @param {App} app @returns {Node} */
export function logPage(app) {
  const log = createLog(app);
  const isEmpty = () => log.lines.value.length === 0;
  return html`<div class="p-page p-page-wide p-log">
    <div class="p-log-head"><h1 class="p-title">${() => app.t('log.title')}</h1>${tools(app, log)}</div>
    ${when(() => log.error.value !== null && !isEmpty(), () => html`<div class="p-note p-note-warn" role="status">
      ${icon('offline', { size: 18 })}<span>${() => app.t('log.stale')}</span>
      ${button({ label: () => app.t('action.retry'), onClick: log.refresh })}</div>`)}
    ${when(isEmpty, () => html`<div class="p-log-empty">${() => {
      if (log.error.value) return errorState({ app, error: log.error.value, retry: log.refresh });
      return log.isLoaded.value ? emptyState({ icon: 'log', title: () => app.t('log.empty') })
        : spinner(() => app.t('log.loading'));
    }}</div>`, () => lineList(app, log))}
    ${when(() => log.chosen.value !== null, () => chosenLine(app, log))}</div>`;
}

/** Lines of the log in the current scope. @param {App} app */
function createLog(app) {
  const lines = signal(/** @type {readonly LogLine[]} */ ([]));
  const isLoaded = signal(false);
  const isPaused = signal(false);
  const follows = signal(true);
  const level = app.prefs.define('logLevel', /** @type {Level} */ ('trace'), (value) =>
    LEVELS.find((known) => known === value));
  const search = signal('');
  const words = computed(() => wordsOf(search.value));

  const { error, refresh } = poll(async (abort) => {
    if (isPaused.peek()) return;
    const known = lines.peek();
    const answer = await app.api.log({ since: sinceOf(known) }, { signal: abort });
    const { lines: next, isNewStart } = joined(known, answer);
    if (isNewStart) {
      const all = await app.api.log({}, { signal: abort });
      lines.value = [...known, startLine(app, all), ...all].slice(-MAX_LINES);
    } else lines.value = next;
    isLoaded.value = true;
  }, POLL_MS);

  return {
    lines, isLoaded, isPaused, follows, level, search, words, error, refresh,
    shown: computed(() => filtered(lines.value, level.value, words.value)),
    /** Line whose whole text is shown. */
    chosen: signal(/** @type {LogLine | null} */ (null)),
  };
}

/** Line of this page, that marks a start of the daemon. @param {App} app @param {readonly LogLine[]} after
 *  @returns {LogLine} */
const startLine = (app, after) => ({
  number: 0, unix_ms: after[0]?.unix_ms ?? Date.now(), level: 'warn', target: 'ztor', message: app.t('log.new_start'),
  torrent: null,
});

/** @param {App} app @param {Log} log */
function tools(app, log) {
  const copy = () => {
    const shown = log.shown.peek();
    return copyText(app, shown.map(lineText).join('\n'), app.t('log.copied', { count: shown.length }));
  };
  const iconOnly = app.isPhone.peek();
  const items = () => [
    { label: app.t('log.copy'), icon: /** @type {const} */ ('copy'), onSelect: copy },
    { label: app.t('log.save'), icon: /** @type {const} */ ('download'),
      onSelect: () => saveFile('ztor.log', log.shown.peek().map(lineText).join('\n')) },
    /** @type {const} */ ('separator'),
    { label: app.t('log.level_setting'), icon: /** @type {const} */ ('settings'),
      onSelect: () => app.goTo('settings', 'log') },
  ];
  /** @type {HTMLSelectElement} */
  const select = /** @type {HTMLSelectElement} */ (html`<select class="k-input k-select p-log-level"
    aria-label=${() => app.t('log.level')} @change=${() => {
      log.level.value = /** @type {Level} */ (select.value);
    }}>${LEVELS.map((level) => html`<option value=${level}>${() => app.t(`log.level.${level}`)}</option>`)}</select>`);
  effect(() => { select.value = log.level.value; });
  return html`<div class="p-log-tools" role="toolbar" aria-label=${() => app.t('log.title')}>
    ${select}
    <div class="p-search p-log-search">${icon('search', { size: 18 })}<input class="k-input p-search-input"
      type="search" dir="auto" autocomplete="off" spellcheck="false" aria-label=${() => app.t('log.search')}
      placeholder=${() => app.t('log.search')} .value=${log.search} @input=${(/** @type {Event} */ event) => {
        log.search.value = /** @type {HTMLInputElement} */ (event.target).value;
      }}/></div>
    <span class="p-meta p-log-count" role="status">${() => app.t('log.lines', { count: log.shown.value.length })}</span>
    ${button({ label: () => app.t('log.follow'), icon: 'bottom', iconOnly, pressed: log.follows,
      onClick: () => { log.follows.value = !log.follows.value; } })}
    ${button({ label: () => app.t(log.isPaused.value ? 'log.resume' : 'log.pause'), icon: 'pause',
      iconOnly, pressed: log.isPaused, onClick: () => {
        log.isPaused.value = !log.isPaused.value;
        if (!log.isPaused.value) log.refresh();
      } })}
    ${menuButton({ label: () => app.t('action.more'), icon: 'more', iconOnly: true, items })}</div>`;
}

/** @param {App} app @param {Log} log */
function lineList(app, log) {
  const scroller = /** @type {HTMLElement} */ (html`<div class="p-log-list" role="grid" tabindex="0" aria-colcount="4"
    aria-label=${() => app.t('log.title')} aria-activedescendant=${() => {
      const line = log.chosen.value;
      return line && idOf(line);
    }} @keydown=${(/** @type {KeyboardEvent} */ event) => onKey(event)}></div>`);
  const list = virtualList({
    scroller, rowHeight: signal(matchMedia('(pointer: coarse)').matches ? TOUCH_ROW_PX : ROW_PX), overscan: 12,
    source: computed(() => ({ total: log.shown.value.length, first: 0, rows: log.shown.value })),
    keyOf: idOf, onWindow: () => {}, render: (line) => lineRow(app, log, line),
  });
  followEnd(log, scroller, list.scrollToIndex);

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const shown = log.shown.peek(), chosen = log.chosen.peek();
    const at = chosen ? shown.indexOf(chosen) : shown.length;
    const page = Math.max(1, Math.floor(scroller.clientHeight / ROW_PX) - 1);
    const steps = /** @type {Record<string, number>} */ ({
      ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: shown.length - 1,
    });
    if (event.key === 'Escape' && chosen) log.chosen.value = null;
    else if (Object.hasOwn(steps, event.key) && shown.length > 0) {
      const next = Math.min(shown.length - 1, Math.max(0, steps[event.key]));
      log.chosen.value = shown[next];
      log.follows.value = next === shown.length - 1;
      list.scrollToIndex(next);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
  return html`<div class="p-log-frame">${scroller}
    ${when(() => log.shown.value.length === 0, () => html`<div class="p-log-none">${emptyState({ icon: 'search',
      title: () => app.t('log.no_match'), hint: () => app.t('log.no_match_hint') })}</div>`)}</div>`;
}

/** Keeps the last line in view until the user scrolls away from it.
 *  @param {Log} log @param {HTMLElement} scroller @param {(index: number) => void} scrollTo */
function followEnd(log, scroller, scrollTo) {
  let gestureMs = -Infinity;
  const onGesture = () => { gestureMs = performance.now(); };
  for (const name of ['wheel', 'touchmove', 'pointerdown', 'keydown']) {
    scroller.addEventListener(name, onGesture, { passive: true });
  }
  scroller.addEventListener('scroll', () => {
    const isAtEnd = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - ROW_PX;
    if (performance.now() - gestureMs < GESTURE_MS) log.follows.value = isAtEnd;
  }, { passive: true });
  effect(() => {
    const { length } = log.shown.value;
    if (log.follows.value && length > 0) untracked(() => scrollTo(length - 1));
  });
}

/** @param {LogLine} line */
const idOf = ({ number, unix_ms }) => `log-${unix_ms}-${number}`;

/** @param {App} app @param {Log} log @param {ReadonlySignal<LogLine | undefined>} line */
function lineRow(app, log, line) {
  const isChosen = () => line.value !== undefined && log.chosen.value === line.value;
  const choose = () => { log.chosen.value = log.chosen.peek() === line.peek() ? null : line.peek() ?? null; };
  const level = () => line.value?.level ?? null;
  return html`<div class="p-log-row" id=${() => line.value && idOf(line.value)} data-level=${level}
    class:p-log-chosen=${isChosen} aria-selected=${() => String(isChosen())} @click=${choose}>
    <span class="p-log-time" role="gridcell">${() => app.f().clock((line.value?.unix_ms ?? 0) / 1000)}</span>
    <span class="p-log-mark" role="gridcell">${() => level()?.toUpperCase()}</span>
    <span class="p-log-target" role="gridcell" dir="ltr">${() => app.clean(line.value?.target ?? '')}</span>
    <span class="p-log-message" role="gridcell" dir="auto">${() => app.clean(line.value?.message ?? '')}</span></div>`;
}

/** @param {App} app @param {Log} log */
function chosenLine(app, log) {
  const line = () => log.chosen.value;
  return html`<section class="p-log-detail" aria-label=${() => app.t('log.line')}>
    <div class="p-log-detail-head"><span class="p-log-mark" data-level=${() => line()?.level}>${() =>
      line()?.level.toUpperCase()}</span>
      <span class="p-meta-part">${() => app.f().dateTime((line()?.unix_ms ?? 0) / 1000)}</span>
      <bdi class="p-code" dir="ltr">${() => app.clean(line()?.target ?? '')}</bdi>
      <span class="p-log-detail-actions">
        ${when(() => typeof line()?.torrent === 'number', () => button({ label: () => app.t('log.show_torrent'),
          icon: 'external', kind: 'ghost', onClick: () => {
            const id = log.chosen.peek()?.torrent ?? null;
            app.goTo('torrents');
            app.opened.value = id;
          } }))}
        ${button({ label: () => app.t('copy.copy'), icon: 'copy', iconOnly: true, kind: 'ghost', onClick: () => {
          const chosen = log.chosen.peek();
          return chosen && copyText(app, lineText(chosen));
        } })}
        ${button({ label: () => app.t('dialog.close'), icon: 'close', iconOnly: true, kind: 'ghost',
          onClick: () => { log.chosen.value = null; } })}</span></div>
    <p class="p-log-text" dir="auto" tabindex="0">${() => app.clean(line()?.message ?? '')}</p></section>`;
}
