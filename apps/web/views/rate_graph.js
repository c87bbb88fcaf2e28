/** Graph of both rates over some spans of time, for the status bar. */

/** @import { App } from '../app.js' */
/** @import { Rates } from '../base/chart.js' */

import { lineChart } from '../base/chart.js';
import { html, when } from '../base/html.js';
import { computed, onCleanup, signal, untracked } from '../base/signal.js';
import { button } from '../ui/button.js';
import { poll } from '../ui/poll.js';
import { radioGroup } from '../ui/radio.js';
import { errorState, spinner } from '../ui/states.js';
import { toRates } from './spark_path.js';

/** Spans of the history in seconds, with the pause between requests. */
const SPANS = /** @type {const} */ ([['300', 'status.minutes', 2000], ['3600', 'status.hour', 15_000],
  ['86400', 'status.day', 60_000]]);

/** @param {App} app @param {() => void} close */
export function rateGraph(app, close) {
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
