/** Small graph of both rates, from which a larger one opens. */

/** @import { App } from '../app.js' */
/** @import { Signal } from '../base/signal.js' */

import { html } from '../base/html.js';
import { computed, effect, onCleanup, signal, untracked } from '../base/signal.js';
import { togglePopover } from '../ui/popover.js';
import { part } from './part.js';
import { pathOf, secondsOf, withSample } from './spark_path.js';

/** @typedef {{ down: readonly number[], up: readonly number[] }} Samples */

const HISTORY_S = 300, SAMPLES = 90, WIDTH = 108, HEIGHT = 22;

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
  let hasBegun = false;
  effect(() => {
    app.nowS.value;
    untracked(() => {
      const now = app.live.state.peek().kind === 'live' ? app.statistics.peek() : null;
      // The history leads up to the first sample.
      hasBegun ||= now !== null;
      if (!hasBegun) return;
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
      togglePopover(node, { label: () => app.t('status.graph'), content: (close) =>
        part(app, () => import('./rate_graph.js'), (module) => module.rateGraph(app, close)) })}>
    <svg viewBox="0 0 108 22" width="108" height="22" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path class="s-spark-up" d=${line('up')}/><path class="s-spark-down" d=${line('down')}/></svg></button>`);
  return node;
}
