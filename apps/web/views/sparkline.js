/** Small graph of both rates, and a larger one that opens from it. */

/** @import { App } from '../app.js' */
/** @import { Signal } from '../base/signal.js' */
/** @import { Rates } from '../base/chart.js' */

import { lineChart } from '../base/chart.js';
import { html, when } from '../base/html.js';
import { computed, effect, onCleanup, signal, untracked } from '../base/signal.js';
import { button } from '../ui/button.js';
import { radioGroup } from '../ui/fields.js';
import { poll } from '../ui/poll.js';
import { togglePopover } from '../ui/popover.js';
import { errorState, spinner } from '../ui/states.js';
import { pathOf, secondsOf, toRates, withSample } from './spark_path.js';

/** @typedef {{ down: readonly number[], up: readonly number[] }} Samples */

const HISTORY_S = 300, SAMPLES = 90, WIDTH = 108, HEIGHT = 22;
/** Spans of the history in seconds, with the pause between requests. */
const SPANS = /** @type {const} */ ([['300', 'status.minutes', 2000], ['3600', 'status.hour', 15_000],
  ['86400', 'status.day', 60_000]]);

/** Collects a sample of the rates each second while the page is visible. @param {App} app
 *  @returns {Signal<Samples>} */
export function collectSamples(app) {
  const samples = signal(/** @type {Samples} */ ({ down: [], up: [] }));
  const end = new AbortController();
  onCleanup(() => end.abort());
  // Without the history the line begins now.
  app.api.history(HISTORY_S, { signal: end.signal }).then((history) => {
    const before = secondsOf(history, SAMPLES);
    const { down, up } = samples.peek();
    samples.value = { down: [...before.down, ...down].slice(-SAMPLES), up: [...before.up, ...up].slice(-SAMPLES) };
  }).catch(() => {});
  effect(() => {
    app.nowS.value;
    untracked(() => {
      const now = app.live.state.peek().kind === 'live' ? app.statistics.peek() : null;
      samples.value = {
        down: withSample(samples.peek().down, now?.down_per_s ?? NaN, SAMPLES),
        up: withSample(samples.peek().up, now?.up_per_s ?? NaN, SAMPLES),
      };
    });
  });
  return samples;
}

/** @param {App} app */
export function sparkline(app) {
  const samples = collectSamples(app);
  const max = computed(() =>
    1.1 * Math.max(1024, ...[...samples.value.down, ...samples.value.up].filter((n) => !isNaN(n))));
  const label = () => {
    const now = app.statistics.value;
    const f = app.f();
    return `${app.t('status.graph')}: ${app.t('status.graph_now', {
      down: f.rate(now?.down_per_s), up: f.rate(now?.up_per_s) })}`;
  };
  /** @param {'down' | 'up'} name */
  const line = (name) => () => pathOf(samples.value[name], max.value, SAMPLES, WIDTH, HEIGHT);
  const node = /** @type {HTMLButtonElement} */ (html`<button type="button" class="s-spark" aria-haspopup="dialog"
    aria-expanded="false" aria-label=${label} title=${() => app.t('status.graph')} @click=${() =>
      togglePopover(node, { label: () => app.t('status.graph'), content: (close) => graph(app, close) })}>
    <svg viewBox="0 0 108 22" width="108" height="22" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path class="s-spark-up" d=${line('up')}/><path class="s-spark-down" d=${line('down')}/></svg></button>`);
  return node;
}

/** @param {App} app @param {() => void} close */
function graph(app, close) {
  const span = signal('300');
  return html`<div class="s-graph">
    <div class="s-graph-head"><h2 class="s-graph-title">${() => app.t('status.graph')}</h2>
      ${radioGroup({ label: () => app.t('status.graph'), hideLabel: true, segments: true, value: span,
        options: SPANS.map(([value, key]) => ({ value, label: app.t(key) })) })}</div>
    <div class="s-graph-body">${() => { const value = span.value; return untracked(() => history(app, value)); }}</div>
    <div class="s-graph-foot"><span class="s-key s-key-down">${() => app.t('status.down')}</span>
      <span class="s-key s-key-up">${() => app.t('status.up')}</span><span class="s-grow"></span>
      ${button({ label: () => app.t('status.more'), kind: 'ghost', icon: 'statistics',
        onClick: () => { close(); app.goTo('statistics'); } })}</div></div>`;
}

/** @param {App} app @param {string} spanText */
function history(app, spanText) {
  const span = Number(spanText);
  const pause = SPANS.find(([value]) => value === spanText)?.[2] ?? 60_000;
  const { data, error, refresh } = poll((end) => app.api.history(span, { signal: end }), pause);
  const rates = computed(() => toRates(data.value));
  return html`<div class="s-graph-fill">
    ${when(() => data.value !== null, () => chart(app, rates, span))}
    ${when(() => data.value === null && error.value !== null, () =>
      errorState({ app, error: error.peek(), retry: refresh }))}
    ${when(() => data.value === null && error.value === null, () => spinner(() => app.t('part.loading')))}</div>`;
}

/** @param {App} app @param {import('../base/signal.js').ReadonlySignal<Rates>} rates @param {number} span */
function chart(app, rates, span) {
  const host = /** @type {HTMLElement} */ (html`<div class="chart s-chart"></div>`);
  const f = app.f();
  /** @param {number} ms */
  const time = (ms) => (span <= 300 ? f.clock(ms / 1000)
    : new Intl.DateTimeFormat(f.locale, { hour: '2-digit', minute: '2-digit' }).format(ms));
  lineChart({
    host, data: rates, theme: app.theme, formatRate: f.rate, formatTime: time,
    describe: ({ down, up }) => app.t('status.graph_now', { down: f.rate(last(down)), up: f.rate(last(up)) }),
    describeAt: ({ down, up, endMs, stepMs }, i) => {
      const at = endMs - (down.length - 1 - i) * stepMs;
      return `${f.clock(at / 1000)}\n↓ ${f.rate(down[i])}\n↑ ${f.rate(up[i])}`;
    },
  });
  onCleanup(() => host.remove());
  return host;
}

/** @param {ArrayLike<number>} values */
const last = (values) => values[values.length - 1];
