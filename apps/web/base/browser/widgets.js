/** Checks and figures of the virtual list and the charts. */

/** @import { Rates, Pieces } from '../chart.js' */
/** @import { Snapshot } from '../list.js' */
/** @import { ReadonlySignal } from '../signal.js' */

import { averageRuns, lineChart, pieceMap } from '../chart.js';
import { html } from '../html.js';
import { virtualList } from '../list.js';
import { signal } from '../signal.js';
import { act, check, equal, figure, nextFrame, observerCount, settled, show } from './harness.js';

/** @typedef {{ id: number, name: string, rate: number }} Torrent */

const HEADER_PX = 30, VIEW_PX = 600 - HEADER_PX, ROW_PX = 24;
const NO_TORRENT = { id: -1, name: '', rate: 0 };

/** @param {number} id @returns {Torrent} */
const torrentOf = (id) => ({ id, name: `torrent ${id}`, rate: (id * 7919) % 1000 });

/** Shows a list whose rows come from `ids` like from a server: only the requested window is loaded.
 *  @param {number[] | number} ids ids in their order, or the number of rows with ids from 0 */
function showList(ids) {
  let order = ids;
  /** @type {{ first: number, count: number }[]} */
  const requests = [];
  const count = () => (typeof order === 'number' ? order : order.length);
  /** @param {number} first @param {number} length @returns {Snapshot<Torrent>} */
  const load = (first, length) => ({
    total: count(),
    first,
    rows: Array.from({ length: Math.max(0, Math.min(length, count() - first)) }, (_, i) =>
      torrentOf(typeof order === 'number' ? first + i : order[first + i])),
  });
  const source = signal(load(0, 0));
  const rowHeight = signal(ROW_PX);
  /** @type {{ scrollToIndex: (index: number) => void } | undefined} */
  let list;
  /** @param {ReadonlySignal<Torrent | undefined>} item @param {ReadonlySignal<number>} index */
  const render = (item, index) => {
    const torrent = () => item.value ?? NO_TORRENT;
    return html`<div class="demo-row" class:odd=${() => index.value % 2 === 1}><input type="checkbox">
      <span>${() => torrent().name}</span>${Array.from({ length: 10 }, (_, i) =>
      html`<span>${() => torrent().rate * i}</span>`)}</div>`;
  };
  const view = show(() => html`<div class="demo-list" role="grid" ref=${(/** @type {HTMLElement} */ scroller) => {
    list = virtualList({ scroller, source, rowHeight, keyOf: (item) => item.id, render, headerRows: 1,
      onWindow: (first, length) => {
        requests.push({ first, count: length });
        source.value = load(first, length);
      } });
  }}><div class="demo-header" role="row">header</div></div>`);
  const scroller = view.find('.demo-list');
  const rows = () => [...scroller.querySelectorAll('.virtual-row')];
  /** Rows that are visible, with their text and position. */
  const visible = () => {
    const upper = scroller.getBoundingClientRect().top + HEADER_PX;
    return rows().map((row) => ({
      row,
      name: row.querySelector('span')?.textContent,
      y: row.getBoundingClientRect().top - upper,
      index: Number(row.getAttribute('aria-rowindex')) - 2,
    })).filter(({ y, row }) => y + row.clientHeight > 0 && y < VIEW_PX);
  };
  return { ...view, scroller, rows, visible, source, rowHeight, requests,
    scrollToIndex: (/** @type {number} */ index) => list?.scrollToIndex(index),
    /** Changes the order at the server and sends the current window. @param {number[]} changed */
    reorder: (changed) => {
      order = changed;
      const { first, count: length } = requests[requests.length - 1];
      act(() => (source.value = load(first, length)));
    } };
}

check('list_of_10000_rows_renders_a_few_in_order', async () => {
  const { scroller, rows, visible, requests, dispose } = showList(10_000);
  await settled();
  equal(rows().length, Math.ceil(VIEW_PX / ROW_PX) + 8);
  equal(scroller.scrollHeight, 10_000 * ROW_PX + HEADER_PX);
  equal(scroller.getAttribute('aria-rowcount'), '10001');
  equal(rows().map((row) => row.getAttribute('aria-rowindex')), rows().map((_, i) => String(i + 2)));
  equal(rows().every((row) => row.getAttribute('role') === 'row'), true);
  equal(requests, [{ first: 0, count: 32 }]);
  scroller.scrollTop = 100_005;
  await settled();
  equal(visible()[0], { ...visible()[0], name: 'torrent 4166', index: 4166, y: 4166 * ROW_PX - 100_005 });
  equal(requests, [{ first: 0, count: 32 }, { first: 4158, count: 41 }]);
  equal(rows().map((row) => row.getAttribute('aria-rowindex')), rows().map((_, i) => String(4158 + i + 2)));
  dispose();
});

check('list_scrolled_through_uses_its_rows_again', async () => {
  const { scroller, rows, dispose } = showList(10_000);
  await settled();
  const seen = new Set(rows());
  for (let px = 0; px < 20_000; px += 331) {
    scroller.scrollTop = px;
    await nextFrame();
    for (const row of rows()) seen.add(row);
  }
  equal(seen.size <= 42, true, `${seen.size} row elements`);
  dispose();
});

check('list_scrolled_to_an_index_shows_the_whole_row', async () => {
  const { scrollToIndex, visible, dispose } = showList(10_000);
  for (const index of [9999, 0, 5000, 4999, 5020, 5021]) {
    scrollToIndex(index);
    await settled();
    const row = visible().find((candidate) => candidate.index === index);
    equal(row !== undefined && row.y >= 0 && row.y + ROW_PX <= VIEW_PX + 0.01, true, `row ${index} at ${row?.y}`);
    equal(row?.name, `torrent ${index}`);
  }
  dispose();
});

check('list_with_rows_inserted_above_keeps_its_position', async () => {
  const ids = Array.from({ length: 10_000 }, (_, i) => i);
  const { scroller, visible, reorder, requests, dispose } = showList(ids);
  await settled();
  scroller.scrollTop = 2405;
  await settled();
  const before = visible();
  reorder([...Array.from({ length: 5 }, (_, i) => 20_000 + i), ...ids]);
  await settled();
  const after = visible();
  equal(after.map(({ name, y }) => [name, y]), before.map(({ name, y }) => [name, y]));
  equal(after.every(({ row }, i) => row === before[i].row), true, 'same elements');
  equal(after[0].index, before[0].index + 5);
  equal(scroller.scrollTop, 2405 + 5 * ROW_PX);
  reorder(ids);
  await settled();
  equal(visible().map(({ name, y }) => [name, y]), before.map(({ name, y }) => [name, y]));
  equal(requests[requests.length - 1].first, 92);
  scroller.scrollTop = 0;
  await settled();
  reorder([30_000, ...ids]);
  await settled();
  equal(visible()[0].name, 'torrent 30000', 'new row at the very top');
  dispose();
});

check('list_with_another_row_height_keeps_the_row_at_the_top', async () => {
  const { scroller, visible, rowHeight, dispose } = showList(10_000);
  await settled();
  scroller.scrollTop = 4000 * ROW_PX;
  await settled();
  act(() => (rowHeight.value = 40));
  await settled();
  equal([visible()[0].index, visible()[0].row.clientHeight, scroller.scrollTop], [4000, 40, 160_000]);
  dispose();
});

check('list_that_shrinks_stays_within_its_rows', async () => {
  const { scroller, visible, reorder, rows, dispose } = showList(10_000);
  await settled();
  scroller.scrollTop = 200_000;
  await settled();
  reorder([7, 8, 9]);
  await settled();
  equal(visible().map(({ name }) => name), ['torrent 7', 'torrent 8', 'torrent 9']);
  equal([rows().length, scroller.getAttribute('aria-rowcount')], [3, '4']);
  reorder([]);
  await settled();
  equal(rows().length, 0);
  dispose();
});

check('list_row_with_the_focus_stays_in_the_document', async () => {
  const { scroller, visible, rows, dispose } = showList(10_000);
  await settled();
  const row = visible()[3].row;
  const input = /** @type {HTMLInputElement} */ (row.querySelector('input'));
  input.focus();
  scroller.scrollTop = 100_000;
  await settled();
  equal([document.activeElement === input, rows().indexOf(row), scroller.scrollTop], [true, 0, 100_000]);
  equal([row.getAttribute('aria-rowindex'), row.querySelector('span')?.textContent], ['5', 'torrent 3']);
  scroller.scrollTop = 0;
  await settled();
  equal([visible()[3].row === row, document.activeElement === input], [true, true]);
  dispose();
});

check('list_of_ten_million_rows_reaches_every_part', async () => {
  const { scroller, visible, scrollToIndex, dispose } = showList(10_000_000);
  await settled();
  equal(scroller.scrollHeight, 8_000_000 + HEADER_PX);
  for (const index of [9_999_999, 5_000_000, 5_000_001, 1, 0]) {
    scrollToIndex(index);
    await settled();
    const row = visible().find((candidate) => candidate.index === index);
    equal(row !== undefined && row.y > -ROW_PX && row.y < VIEW_PX, true, `row ${index} at ${row?.y}`);
  }
  scroller.scrollTop = 9_000_000;
  await settled();
  const last = visible().at(-1);
  equal([last?.index, Math.abs((last?.y ?? 0) + ROW_PX - VIEW_PX) < 1], [9_999_999, true]);
  scroller.scrollTop = 4_000_000;
  await settled();
  const rows = visible();
  equal(rows.every(({ y }, i) => i === 0 || Math.abs(y - rows[i - 1].y - ROW_PX) < 0.01), true, 'rows without gaps');
  dispose();
});

check('list_disposed_leaves_nothing', async () => {
  const { scroller, source, rowHeight, dispose } = showList(10_000);
  await settled();
  dispose();
  equal([source, rowHeight].map(observerCount), [0, 0]);
  scroller.dispatchEvent(new Event('scroll'));
  act(() => (source.value = { total: 3, first: 0, rows: [] }));
  await settled();
  equal(scroller.querySelectorAll('.virtual-row').length, 0);
});

// Figures

const channel = new MessageChannel();

/** Resolves after the next frame with its time, and that of its callbacks, style, layout and paint.
 *  @returns {Promise<{ atMs: number, workMs: number }>} */
const renderedFrame = () => new Promise((resolve) => requestAnimationFrame((atMs) => {
  const start = performance.now();
  // A message that is sent before rendering arrives after it.
  channel.port1.onmessage = () => resolve({ atMs, workMs: performance.now() - start });
  channel.port2.postMessage(null);
}));

/** Calls `step` after each frame for a time and reports the distance of frames and the work in them.
 *  @param {string} what @param {number} ms @param {(elapsedMs: number) => void} step */
async function measureFrames(what, ms, step) {
  const { atMs: start } = await renderedFrame();
  /** @type {number[]} */
  const distances = [];
  /** @type {number[]} */
  const works = [];
  for (let last = start; last - start < ms;) {
    step(last - start);
    const { atMs, workMs } = await renderedFrame();
    distances.push(atMs - last);
    works.push(workMs);
    last = atMs;
  }
  /** @param {number[]} numbers */
  const summary = (numbers) => {
    numbers.sort((a, b) => a - b);
    const [median, high] = [0.5, 0.99].map((share) => numbers[Math.floor(share * (numbers.length - 1))].toFixed(1));
    return `median ${median}, 99 % ${high}, worst ${numbers[numbers.length - 1].toFixed(1)} ms`;
  };
  figure(`${what}: ${works.length} frames in ${ms} ms\n    distance ${summary(distances)}\n    work ${summary(works)}`);
}

check('figures_of_scrolling_10000_rows', async () => {
  const start = performance.now();
  const { scroller, rows, source, requests, dispose } = showList(10_000);
  while (requests.length === 0 || !rows()[0]?.textContent?.includes('torrent')) await renderedFrame();
  figure(`10,000 rows, first rows after ${(performance.now() - start).toFixed(1)} ms`);
  const extent = scroller.scrollHeight - scroller.clientHeight;
  await measureFrames('10,000 rows, 3 rows a frame, first run', 4000, (ms) => (scroller.scrollTop = ms * 4.3));
  await measureFrames('10,000 rows, 3 rows a frame, second run', 4000, (ms) => (scroller.scrollTop = ms * 4.3));
  await measureFrames('10,000 rows, whole list in 4 s', 4000, (ms) => (scroller.scrollTop = (extent * ms) / 4000));
  await measureFrames('10,000 rows, jumps (all rows new each frame)', 4000,
    (ms) => (scroller.scrollTop = (ms * 7919 * 13) % extent));
  scroller.scrollTop = 50_000;
  await settled();
  await measureFrames('10,000 rows, every visible row changes 20 times a second', 4000, (ms) => {
    const { total, first, rows: items } = source.peek();
    if (Math.floor(ms / 50) === Math.floor((ms - 17) / 50)) return;
    source.value = { total, first, rows: items.map((item) => ({ ...item, rate: Math.round(item.rate + ms) })) };
  });
  figure(`DOM nodes of the list: ${scroller.querySelectorAll('*').length} elements, ${rows().length} rows`);
  dispose();
});

// Charts

/** @param {number} count @returns {Rates} */
const ratesOf = (count) => ({
  endMs: Date.UTC(2026, 7, 1, 12), stepMs: 1000,
  down: Array.from({ length: count }, (_, i) => (i < count / 2 ? 0 : 1_048_576)),
  up: Array.from({ length: count }, (_, i) => (i % 50 === 0 ? NaN : 524_288)),
});

/** Reads a pixel at a position in CSS pixels. @param {HTMLCanvasElement} canvas @param {number} x @param {number} y */
const pixelAt = (canvas, x, y) => [...(canvas.getContext('2d')?.getImageData(
  x * devicePixelRatio, y * devicePixelRatio, 1, 1).data ?? [])];

check('line_chart_draws_both_series_and_describes_them', async () => {
  const data = signal(ratesOf(300));
  const { find, dispose } = show(() => html`<div class="chart demo-chart" ref=${(/** @type {HTMLElement} */ host) =>
    lineChart({ host, data, formatRate: String, formatTime: String,
      describe: ({ down }) => `now ${down[down.length - 1]}`,
      describeAt: ({ down, up }, i) => `${i}: ${down[i]} ${up[i]}` })}></div>`);
  await settled();
  const canvas = /** @type {HTMLCanvasElement} */ (find('canvas'));
  equal([canvas.width, canvas.height], [800 * devicePixelRatio, 200 * devicePixelRatio]);
  equal([canvas.getAttribute('role'), canvas.getAttribute('aria-label')], ['img', 'now 1048576']);
  // Down is 0 in the left half, where the colour of up is alone; both tint the right half.
  const [left, right] = [pixelAt(canvas, 205, 150), pixelAt(canvas, 605, 150)];
  equal([left[3] > 20, left[2] > left[1], right[3] > left[3]], [true, true, true], `${left} ${right}`);
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + 600, clientY: box.top + 10 }));
  await settled();
  equal(find('.chart-tip').textContent, '224: 1048576 524288');
  canvas.dispatchEvent(new PointerEvent('pointerleave'));
  await settled();
  equal(find('.chart').children.length, 1);
  act(() => (data.value = { ...ratesOf(0) }));
  await settled();
  equal(canvas.getAttribute('aria-label'), 'now undefined');
  dispose();
  equal(observerCount(data), 0);
});

check('piece_map_shows_states_and_availability', async () => {
  const data = signal(/** @type {Pieces} */ ({ count: 8, states: [4, 2, 2, 1, 2, 0], availability: [4, 0, 4, 10] }));
  const { find, dispose } = show(() => html`<div class="chart demo-chart" ref=${(/** @type {HTMLElement} */ host) =>
    pieceMap({ host, data, describe: ({ count }) => `${count} pieces`, describeAt: (_, i) => `piece ${i}` })}></div>`);
  await settled();
  const canvas = /** @type {HTMLCanvasElement} */ (find('canvas'));
  equal(pixelAt(canvas, 100, 20), [0, 102, 204, 255], 'have');
  equal(pixelAt(canvas, 500, 20), [255, 170, 0, 255], 'active');
  equal(pixelAt(canvas, 700, 20), [0, 0, 0, 0], 'missing');
  equal(pixelAt(canvas, 100, 180), [0, 0, 0, 0], 'not available');
  equal(pixelAt(canvas, 700, 180), [170, 68, 204, 255], 'available');
  const box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + 799, clientY: box.top }));
  await settled();
  equal(find('.chart-tip').textContent, 'piece 7');
  dispose();
});

check('figures_of_charts', async () => {
  const count = 2_000_000;
  const typical = Uint32Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? 200 : [0, 2, 2, 1][(i >> 1) % 4]));
  const worst = Uint32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 1 : ((i >> 1) * 7) % 3));
  /** @type {[string, Uint32Array][]} */
  const cases = [['10,000 runs', typical], ['2,000,000 runs', worst]];
  for (const [what, states] of cases) {
    const times = Array.from({ length: 7 }, () => {
      const start = performance.now();
      averageRuns(states, count, 1600, [0, 0, 1]);
      return performance.now() - start;
    }).sort((a, b) => a - b);
    figure(`2,000,000 pieces in ${what}: ${times[3].toFixed(2)} ms to average over 1,600 columns`);
    const data = signal(/** @type {Pieces} */ ({ count, states }));
    const { dispose } = show(() => html`<div class="chart demo-chart" ref=${(/** @type {HTMLElement} */ host) =>
      pieceMap({ host, data, describe: () => 'pieces', describeAt: () => '' })}></div>`);
    await settled();
    await measureFrames(`piece map of 2,000,000 pieces in ${what}, drawn in each frame`, 1500,
      () => act(() => (data.value = { count, states })));
    dispose();
  }
  const rates = signal(ratesOf(3600));
  const { dispose } = show(() => html`<div class="chart demo-chart" ref=${(/** @type {HTMLElement} */ host) =>
    lineChart({ host, data: rates, formatRate: String, formatTime: String, describe: () => 'rates',
      describeAt: () => '' })}></div>`);
  await settled();
  await measureFrames('line chart of 2 × 3,600 samples, drawn in each frame', 1500,
    () => act(() => (rates.value = { ...rates.peek() })));
  dispose();
});
