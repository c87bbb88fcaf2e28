/** Rates of the torrent over the last minutes. */

/** @import { Context } from './context.js' */
/** @import { createSamples } from './samples.js' */

import { lineChart } from '../../base/chart.js';
import { html } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { measuresOf } from './samples.js';

/** @param {Context} context @param {ReturnType<typeof createSamples>} samples */
export function speedView({ app, id }, samples) {
  const rates = computed(() => samples.rates(id, Math.floor(app.nowS.value)));
  /** @param {number} perS */
  const rateText = (perS) => app.f().rate(perS);
  /** @param {'down' | 'up'} name */
  const measures = (name) => computed(() => measuresOf(rates.value[name]));
  const [down, up] = [measures('down'), measures('up')];
  /** @param {typeof down} values */
  const peakText = (values) => rateText(values.value?.peak ?? 0);
  const host = /** @type {HTMLElement} */ (html`<div class="d-chart chart"></div>`);
  lineChart({
    host, data: rates,
    describe: () => app.t('details.speed_described', { down: peakText(down), up: peakText(up) }),
    describeAt: (data, i) => {
      const time = app.f().clock((data.endMs - (data.down.length - 1 - i) * data.stepMs) / 1000);
      if (Number.isNaN(data.down[i])) return `${time}\n${app.t('details.no_sample')}`;
      return `${time}\n↓ ${rateText(data.down[i])}\n↑ ${rateText(data.up[i])}`;
    },
    formatRate: rateText,
    formatTime: (ms) => app.f().clock(ms / 1000),
    theme: app.theme,
  });
  /** @param {'down' | 'up'} name @param {() => string} label @param {typeof down} values */
  const legend = (name, label, values) => {
    const now = () => {
      const series = rates.value[name];
      const last = series[series.length - 1];
      return rateText(Number.isNaN(last) ? series[series.length - 2] : last);
    };
    return html`<div class="d-rate"><span class="d-swatch" data-rate=${name}></span><span>${label}</span>
      <strong>${now}</strong><span class="d-rate-more">${() => app.t('details.average_peak', {
        average: rateText(values.value?.average ?? 0), peak: peakText(values) })}</span></div>`;
  };
  return html`<div class="d-tab d-speed"><div class="d-rates">
    ${legend('down', () => app.t('status.down'), down)}${legend('up', () => app.t('status.up'), up)}
    <span class="d-rate-more">${() => app.t('details.speed_hint')}</span></div>${host}</div>`;
}
