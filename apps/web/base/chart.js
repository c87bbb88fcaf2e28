/**
 * Charts on a canvas: two rates over time, and a map of the pieces of a torrent.
 *
 * A chart is drawn when its data, its size or its theme changes. It is never animated, so that reduced motion needs no
 * second mode. The style sheet base.css places its parts. The colours are custom properties: `--chart-down`,
 * `--chart-up`, `--chart-grid`, `--chart-text`, `--surface` (behind texts), `--piece-have`, `--piece-active` and
 * `--piece-availability`.
 */

/** @import { ReadonlySignal } from './signal.js' */

import { html, mount, when } from './html.js';
import { effect, onCleanup, signal } from './signal.js';

/** @typedef {{ endMs: number, stepMs: number, down: ArrayLike<number>, up: ArrayLike<number> }} Rates
 *    Samples at equal distances, the last at `endMs` (Unix time). NaN is a gap. */
/** @typedef {{ count: number, states: ArrayLike<number>, availability?: ArrayLike<number> }} Pieces
 *    Number of pieces, and runs of equal pieces as pairs of length and value. States are 0 (missing), 1 (active) and
 *    2 (have); an availability is a number of peers. */
/** @typedef {{ context: CanvasRenderingContext2D, width: number, height: number, color: (name: string) => string }}
 *    Surface Empty canvas of a size in CSS pixels. `color` returns the value of a custom property. */
/** @template T @typedef {object} ChartOptions
 *  @property {HTMLElement} host element of definite size
 *  @property {ReadonlySignal<T>} data
 *  @property {(data: T) => string} describe text alternative
 *  @property {(data: T, index: number) => string} describeAt text for the sample or piece at the pointer
 *  @property {ReadonlySignal<unknown>} [theme] signal that changes with the colours */

/** Distances of ticks on a time axis: up to half an hour, up to a day, up to a year. */
const TIME_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
  ...[1, 2, 7, 14, 30, 90, 365].map((days) => days * 86_400)];
const AXIS_PX = 18;

/** Returns the smallest step of 1, 2 or 5 times a power of ten with which at most `maxTicks` steps reach `max`. The
 *  powers start again at each power of `base`. Steps that come near the next one are parts of it, so that 1024 gives
 *  round numbers of KiB and MiB.
 *  @param {number} max above 0 @param {number} maxTicks @param {number} base 1000 or 1024 */
export function niceStep(max, maxTicks, base) {
  const rough = max / maxTicks;
  const unit = base ** Math.floor(Math.log(rough) / Math.log(base));
  const decade = 10 ** Math.floor(Math.log10(rough / unit));
  const multiples = max > (base * unit) / 2 ? [base / 8, base / 4, base / 2] : [1, 2, 5, 10].map((n) => n * decade);
  return unit * (multiples.find((multiple) => multiple * unit >= rough && multiple <= base / 2) ?? base);
}

/** Returns round times of the local clock, at most `maxTicks` + 1 of them.
 *  @param {number} startMs @param {number} endMs @param {number} maxTicks
 *  @param {number} zoneMs local time minus UTC, in milliseconds */
export function timeTicks(startMs, endMs, maxTicks, zoneMs) {
  const roughS = (endMs - startMs) / 1000 / maxTicks;
  const stepMs = 1000 * (TIME_STEPS_S.find((step) => step >= roughS) ?? roughS);
  const first = Math.ceil((startMs + zoneMs) / stepMs) * stepMs - zoneMs;
  return Array.from({ length: Math.floor((endMs - first) / stepMs) + 1 }, (_, i) => first + i * stepMs);
}

/** Averages runs of pieces over each of `width` columns. A piece wider than a column extends over several.
 *  @param {ArrayLike<number>} runs pairs of length and value @param {number} count number of pieces
 *  @param {number} width @param {ArrayLike<number>} [weights] number to average for each value; else the value */
export function averageRuns(runs, count, width, weights) {
  const columns = new Float64Array(width);
  const scale = width / count;
  for (let i = 0, piece = 0, column = 0, from = 0; i + 1 < runs.length && piece < count; i += 2) {
    piece = Math.min(count, piece + runs[i]);
    const to = piece * scale;
    const weight = weights ? weights[runs[i + 1]] : runs[i + 1];
    for (; to > column + 1; column += 1) {
      columns[column] += weight * (column + 1 - from);
      from = column + 1;
    }
    columns[column] += weight * (to - from);
    from = to;
  }
  return columns;
}

/** Returns the opacity of a column. A mixed one looks neither complete nor empty, however small the difference.
 *  @param {number} share 0 to 1 */
export const shade = (share) => (share < 1e-9 ? 0 : share > 1 - 1e-9 ? 1 : 0.1 + 0.75 * share);

/** Creates a chart of two rates over time in the current scope.
 *  @param {ChartOptions<Rates> & { formatRate: (bytesPerS: number) => string, formatTime: (ms: number) => string,
 *    base?: 1000 | 1024 }} options */
export function lineChart({ formatRate, formatTime, base = 1024, ...options }) {
  createChart(options, ({ down }, share) => Math.round(share * (down.length - 1)), (data, surface) => {
    const { endMs, stepMs, down, up } = data, { context, width, height, color } = surface;
    const last = Math.max(1, down.length - 1);
    const bottom = height - AXIS_PX;
    const peak = Math.max(base, maxOf(down), maxOf(up));
    const step = niceStep(peak, Math.max(1, bottom / 40), base);
    const ticks = Math.ceil(peak / step), max = ticks * step;
    const x = (/** @type {number} */ i) => (width * i) / last;
    const y = (/** @type {number} */ rate) => bottom * (1 - rate / max);

    /** Draws a text that can be read above curves. @param {[text: string, x: number, y: number]} args */
    const label = (...args) => { context.strokeText(...args); context.fillText(...args); };

    context.fillStyle = color('--chart-grid');
    for (let i = 0; i <= ticks; i += 1) context.fillRect(0, y(i * step), width, 1);
    drawSeries(context, down, color('--chart-down'), x, y);
    drawSeries(context, up, color('--chart-up'), x, y);
    [context.fillStyle, context.strokeStyle] = [color('--chart-text'), color('--surface')];
    [context.font, context.lineWidth, context.lineJoin] = ['11px system-ui, sans-serif', 3, 'round'];
    for (let i = 1; i <= ticks; i += 1) label(formatRate(i * step), 4, y(i * step) + 12);
    context.textAlign = 'center';
    const zoneMs = new Date(endMs).getTimezoneOffset() * -60_000;
    for (const ms of timeTicks(endMs - last * stepMs, endMs, Math.max(1, width / 90), zoneMs)) {
      const text = formatTime(ms), half = context.measureText(text).width / 2, at = x(last - (endMs - ms) / stepMs);
      label(text, Math.min(Math.max(at, half), width - half), height - 5);
    }
  });
}

/** Creates a map of pieces in the current scope. Availability is a band at the bottom.
 *  @param {ChartOptions<Pieces>} options */
export function pieceMap(options) {
  createChart(options, ({ count }, share) => Math.min(count - 1, Math.floor(share * count)), (data, surface) => {
    const { count, states, availability } = data, { context, width, height, color } = surface;
    const columns = context.canvas.width;
    const split = availability ? Math.round(height * 0.75) : height;
    /** @param {Float64Array} shares @param {string} name @param {number} top @param {number} bottom */
    const drawBand = (shares, name, top, bottom) => {
      context.fillStyle = color(name);
      for (let from = 0, to = 0; from < columns; from = to) {
        while (to < columns && shares[to] === shares[from]) to += 1;
        context.globalAlpha = shade(shares[from]);
        context.fillRect((from * width) / columns, top, ((to - from) * width) / columns, bottom - top);
      }
    };
    drawBand(averageRuns(states, count, columns, [0, 0, 1]), '--piece-have', 0, split);
    drawBand(averageRuns(states, count, columns, [0, 1, 0]), '--piece-active', 0, split);
    if (!availability) return;
    const peers = averageRuns(availability, count, columns);
    const most = Math.max(1, maxOf(peers));
    drawBand(peers.map((n) => n / most), '--piece-availability', split, height);
  });
}

/** Draws a series as lines above tinted areas, one for each part between gaps.
 *  @param {CanvasRenderingContext2D} context @param {ArrayLike<number>} values @param {string} color
 *  @param {(i: number) => number} x @param {(value: number) => number} y */
function drawSeries(context, values, color, x, y) {
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = 1.5;
  for (let from = 0, to = 0; from < values.length; from = to + 1) {
    context.beginPath();
    for (to = from; to < values.length && !Number.isNaN(values[to]); to += 1) context.lineTo(x(to), y(values[to]));
    context.stroke();
    context.lineTo(x(to - 1), y(0));
    context.lineTo(x(from), y(0));
    context.globalAlpha = 0.15;
    context.fill();
    context.globalAlpha = 1;
  }
}

/** Returns the largest number, or 0. @param {ArrayLike<number>} values */
const maxOf = (values) => Array.from(values).reduce((max, value) => (value > max ? value : max), 0);

/** Creates a canvas that is painted at most once per frame, and a line with a text at the pointer.
 *  @template T @param {ChartOptions<T>} options @param {(data: T, share: number) => number} indexAt
 *  @param {(data: T, surface: Surface) => void} paint */
function createChart({ host, data, describe, describeAt, theme }, indexAt, paint) {
  const pointer = signal(NaN);
  const size = signal({ width: 0, height: 0 });
  let frame = 0;
  const canvas = /** @type {HTMLCanvasElement} */ (html`<canvas class="chart-canvas" role="img"
    aria-label=${() => describe(data.value)}
    @pointermove=${(/** @type {PointerEvent} */ event) => (pointer.value = event.offsetX / canvas.clientWidth)}
    @pointerleave=${() => (pointer.value = NaN)}></canvas>`);
  const tip = () => html`<div class="chart-tip" aria-hidden="true" class:before=${() => pointer.value > 0.5}
    style:left=${() => `${pointer.value * 100}%`}>${() =>
      describeAt(data.value, indexAt(data.value, pointer.value))}</div>`;
  onCleanup(mount(host, () => [canvas, when(() => !isNaN(pointer.value), tip)]));

  const draw = () => {
    frame = 0;
    const { width, height } = size.peek();
    const context = canvas.getContext('2d');
    if (!context || width * height === 0) return;
    canvas.width = Math.round(width * devicePixelRatio); // Also clears the canvas.
    canvas.height = Math.round(height * devicePixelRatio);
    context.scale(canvas.width / width, canvas.height / height);
    const color = (/** @type {string} */ name) => getComputedStyle(canvas).getPropertyValue(name);
    paint(data.peek(), { context, width, height, color });
  };
  const observer = new ResizeObserver(([{ contentRect }]) => (size.value = contentRect));
  observer.observe(host);
  effect(() => { [data.value, size.value, theme?.value]; frame ||= requestAnimationFrame(draw); });
  onCleanup(() => { observer.disconnect(); cancelAnimationFrame(frame); });
}
