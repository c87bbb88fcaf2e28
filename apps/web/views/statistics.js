/** Page of the statistics: rates over time, totals, connection, and torrents by state. */

/** @import { Signal, ReadonlySignal } from '../base/signal.js' */
/** @import { Continued } from './statistics_rates.js' */
/** @import { App } from '../app.js' */

import { each, html, when } from '../base/html.js';
import { computed, effect, signal, untracked } from '../base/signal.js';
import { lineChart } from '../base/chart.js';
import { STATES } from '../query.js';
import { icon } from '../ui/icons.js';
import { poll } from '../ui/poll.js';
import { errorState, spinner } from '../ui/states.js';
import { uid } from '../ui/values.js';
import { peersHint } from './header.js';
import { SPANS_S, continued, fromHistory, summary } from './statistics_rates.js';
import { showTorrents } from './settings/labels.js';

/** Repair of what the live rates miss, such as the time in which the page was hidden. */
const POLL_MS = 60_000;
/** Spans up to which times on the axis are of one day. */
const CLOCK_S = 86_400;
/** Difference up to which the clocks of the server and the browser count as equal. */
const SKEW_MS = 5000;
/** States that overlap with others. */
const OVERLAPPING = new Set(['active', 'inactive', 'complete', 'incomplete', 'tracker_error']);

/** @typedef {(typeof SPANS_S)[number]} Span */

/** @param {App} app @returns {Node} */
export function statisticsPage(app) {
  const span = app.prefs.define('statisticsSpan', /** @type {Span} */ (300), (value) =>
    SPANS_S.find((known) => known === value));
  return html`<div class="p-page p-page-wide"><div class="p-main p-statistics">
    <h1 class="p-title">${() => app.t('statistics.title')}</h1>
    ${rateCard(app, span)}
    <div class="p-tiles">${totalsCard(app)}${connectionCard(app)}</div>
    ${statesCard(app)}</div></div>`;
}

/** @param {App} app @param {Signal<Span>} span */
function rateCard(app, span) {
  const name = uid();
  const id = uid();
  return html`<section class="p-card p-rates" aria-labelledby=${id}>
    <div class="p-card-head"><h2 class="p-card-title" id=${id}>${() => app.t('statistics.speed')}</h2>
      <fieldset class="k-radios k-segments p-spans"><legend class="k-hidden">${() => app.t('statistics.span')}</legend>
        <div class="k-radios-list">${SPANS_S.map((seconds) => html`<div class="k-radio">
          <input type="radio" name=${name} id=${`${name}-${seconds}`} .checked=${() => span.value === seconds}
            @change=${() => { span.value = seconds; }}/>
          <label for=${`${name}-${seconds}`}>${() => app.t(`statistics.span_${seconds}`)}</label></div>`)}</div>
      </fieldset></div>
    ${() => { const seconds = span.value; return untracked(() => rateGraph(app, seconds)); }}</section>`;
}

/** Graph of one span. @param {App} app @param {Span} span */
function rateGraph(app, span) {
  const state = signal(/** @type {Continued | null} */ (null));
  const { data, error, refresh } = poll((abort) => app.api.history(span, { signal: abort }), POLL_MS);
  let skewMs = 0;
  effect(() => {
    const history = data.value;
    if (!history) return;
    const aheadMs = history.end_unix_ms - Date.now();
    skewMs = aheadMs > SKEW_MS || aheadMs < -SKEW_MS - history.step_ms ? aheadMs : 0;
    state.value = fromHistory(history);
  });
  effect(() => {
    const now = app.statistics.value;
    const second = app.nowS.value;
    untracked(() => {
      const before = state.peek();
      if (!now || !before) return;
      state.value = continued(before, second * 1000 + skewMs, { down: now.down_per_s, up: now.up_per_s });
    });
  });
  // The chart is drawn for new rates only, not for each sample within a step.
  const rates = computed(() => state.value?.rates ?? null);
  return html`<div class="p-graph">
    ${when(() => rates.value !== null,
      () => graph(app, span, /** @type {ReadonlySignal<Continued['rates']>} */ (rates)),
      () => html`<div class="p-chart-empty">${() => (error.value
        ? errorState({ app, error: error.value, retry: refresh })
        : spinner(() => app.t('statistics.loading')))}</div>`)}</div>`;
}

/** @param {App} app @param {Span} span @param {ReadonlySignal<Continued['rates']>} rates */
function graph(app, span, rates) {
  const host = /** @type {HTMLElement} */ (html`<div class="chart p-chart" dir="ltr"></div>`);
  const format = () => app.f();
  /** @param {'down' | 'up'} name */
  const summaryText = (name) => {
    const values = summary(rates.value[name]);
    if (!values) return app.t('statistics.no_data');
    return app.t('statistics.mean_peak', { mean: format().rate(values.mean), peak: format().rate(values.peak) });
  };
  const time = (/** @type {number} */ ms) =>
    (span < CLOCK_S ? format().clock(ms / 1000) : format().dateTime(ms / 1000));
  lineChart({
    host, data: rates, theme: computed(() => [app.theme.value, format()]),
    formatRate: (rate) => format().rate(rate),
    formatTime: (ms) => axisTime(format().locale, span, ms),
    describe: () => app.t('statistics.chart', {
      span: app.t(`statistics.span_${span}`), down: summaryText('down'), up: summaryText('up'),
    }),
    describeAt({ endMs, stepMs, down, up }, i) {
      const at = time(endMs - (down.length - 1 - i) * stepMs);
      if (Number.isNaN(down[i])) return `${at}\n${app.t('statistics.no_data')}`;
      return `${at}\n↓ ${format().rate(down[i])}\n↑ ${format().rate(up[i])}`;
    },
  });
  /** @param {'down' | 'up'} name */
  const row = (name) => {
    const values = computed(() => summary(rates.value[name]));
    const now = () => {
      const statistics = app.statistics.value;
      return format().rate(name === 'down' ? statistics?.down_per_s : statistics?.up_per_s);
    };
    return html`<tr><th scope="row"><span class="p-line" data-series=${name}></span>${() =>
      app.t(`status.${name}`)}</th>
      <td class="p-number">${now}</td><td class="p-number">${() => format().rate(values.value?.mean)}</td>
      <td class="p-number">${() => format().rate(values.value?.peak)}</td></tr>`;
  };
  return html`<div>${host}<table class="p-rate-table"><thead><tr><td></td>
    ${/** @type {const} */ (['now', 'average', 'peak']).map((key) => html`<th scope="col">${() =>
      app.t(`statistics.${key}`)}</th>`)}</tr></thead><tbody>${row('down')}${row('up')}</tbody></table></div>`;
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const axisFormats = new Map();

/** Returns a short time for the axis. @param {string} locale @param {Span} span @param {number} ms */
function axisTime(locale, span, ms) {
  const kind = span <= 300 ? 'second' : span <= CLOCK_S ? 'minute' : 'day';
  const key = `${locale} ${kind}`;
  const options = /** @type {Record<string, Intl.DateTimeFormatOptions>} */ ({
    second: { timeStyle: 'medium' }, minute: { timeStyle: 'short' }, day: { day: 'numeric', month: 'short' },
  });
  const format = axisFormats.get(key) ?? new Intl.DateTimeFormat(locale, options[kind]);
  axisFormats.set(key, format);
  return format.format(ms);
}

/** Card with facts in a list of names and values. @param {() => string} title @param {unknown} facts @param {unknown}
 *  [after] */
function factsCard(title, facts, after) {
  const id = uid();
  return html`<section class="p-card" aria-labelledby=${id}><h2 class="p-card-title" id=${id}>${title}</h2>${after}
    <dl class="p-facts">${facts}</dl></section>`;
}

/** @param {() => string} name @param {() => unknown} value */
const fact = (name, value) => html`<div class="p-fact"><dt>${name}</dt><dd class="p-number">${value}</dd></div>`;

/** @param {App} app */
function totalsCard(app) {
  const now = () => app.statistics.value;
  const format = () => app.f();
  /** @param {number | undefined} up @param {number | undefined} down */
  const ratio = (up, down) => format().ratio(down ? (up ?? 0) / down : null);
  const id = uid();
  return html`<section class="p-card" aria-labelledby=${id}>
    <h2 class="p-card-title" id=${id}>${() => app.t('statistics.totals')}</h2>
    <table class="p-totals"><thead><tr><td></td><th scope="col">${() => app.t('statistics.session')}</th>
      <th scope="col">${() => app.t('statistics.all_time')}</th></tr></thead><tbody>
      <tr><th scope="row">${() => app.t('column.downloaded')}</th>
        <td class="p-number">${() => format().size(now()?.session_downloaded_bytes)}</td>
        <td class="p-number">${() => format().size(now()?.downloaded_bytes)}</td></tr>
      <tr><th scope="row">${() => app.t('column.uploaded')}</th>
        <td class="p-number">${() => format().size(now()?.session_uploaded_bytes)}</td>
        <td class="p-number">${() => format().size(now()?.uploaded_bytes)}</td></tr>
      <tr><th scope="row">${() => app.t('column.ratio')}</th>
        <td class="p-number">${() => ratio(now()?.session_uploaded_bytes, now()?.session_downloaded_bytes)}</td>
        <td class="p-number">${() => ratio(now()?.uploaded_bytes, now()?.downloaded_bytes)}</td></tr></tbody></table>
    <dl class="p-facts">${fact(() => app.t('about.uptime'), () => format().duration(now()?.uptime_s))}
      ${fact(() => app.t('statistics.free'), () => format().size(now()?.free_bytes))}</dl></section>`;
}

/** @param {App} app */
function connectionCard(app) {
  const now = () => app.statistics.value;
  const kind = computed(() => {
    const connectivity = now()?.connectivity ?? 'unknown';
    return connectivity === 'unknown' ? null : connectivity;
  });
  const tone = () => ({ incoming: 'ok', outgoing: 'warn', none: 'neutral' }[kind.value ?? 'none']);
  const dht = () => {
    const nodes = now()?.dht_nodes;
    return nodes === null ? app.t('statistics.dht_off') : app.f().count(nodes);
  };
  return factsCard(() => app.t('statistics.connection'), [
    fact(() => app.t('statistics.connections'), () => app.f().count(now()?.peers)),
    fact(() => app.t('statistics.dht'), dht),
    fact(() => app.t('statistics.port'), () => String(now()?.peer_port || app.f().count(null))),
    fact(() => app.t('statistics.external_port'), () => String(now()?.external_port ?? app.f().count(null))),
  ], when(() => kind.value !== null, () => html`<div class="p-connectivity" data-tone=${tone}>
    ${() => icon(kind.value === 'incoming' ? 'check' : kind.value === 'outgoing' ? 'warning' : 'offline')}
    <div><p class="p-connectivity-title">${() => app.t(`connection.peers_${kind.value ?? 'none'}`)}</p>
      ${when(() => peersHint(app) !== '', () => html`<p class="p-help">${() => peersHint(app)}</p>`)}</div></div>`));
}

/** Numbers of torrents, each with a way to them. @param {App} app */
function statesCard(app) {
  const id = uid();
  const states = computed(() => {
    const counts = app.live.counts.value;
    return STATES.filter((state) => !OVERLAPPING.has(state))
      .map((state) => ({ state, count: counts?.states[state] ?? 0 })).filter(({ count }) => count > 0);
  });
  return html`<section class="p-card" aria-labelledby=${id}>
    <div class="p-card-head"><h2 class="p-card-title" id=${id}>${() => app.t('statistics.torrents')}</h2>
      <span class="p-meta">${() => app.t('list.total', { count: app.statistics.value?.torrents ?? 0 })}</span></div>
    <ul class="p-states">${each(states, ({ state }) => state, (item, state) => html`<li>
      <button type="button" class="p-state" aria-label=${() => app.t('statistics.show_state', {
        name: `${app.t(`state.${state}`)}, ${app.f().count(item.value.count)}` })}
        @click=${() => showTorrents(app, 'state', state)}><span class="p-state-count">${() =>
        app.f().count(item.value.count)}</span><span class="p-state-name">${() => app.t(`state.${state}`)}</span>
      </button></li>`)}</ul>
    ${when(() => states.value.length === 0, () => html`<p class="p-empty">${() => app.t('list.empty')}</p>`)}
  </section>`;
}
