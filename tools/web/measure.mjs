/**
 * Measures the web UI with many torrents of which some change each second, beside Transmission's client and an empty
 * page in the same run. Prints a table and JSON. The exit code is 1 if a limit is missed.
 *
 * ZTOR=PATH node measure.mjs [--torrents 10000] [--minutes 10] [--no-transmission] [--json FILE]
 */

/** @import { Browser, BrowserContextOptions, CDPSession, Page } from 'playwright-core' */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { DESKTOP, launch, loggedIn } from './browser.mjs';
import { startDaemon } from './daemon.mjs';
import { until } from './program.mjs';
import { startTransmission } from './transmission.mjs';

const { values: options } = parseArgs({ options: {
  torrents: { type: 'string', default: '10000' }, minutes: { type: 'string', default: '10' },
  transmission: { type: 'boolean', default: true }, json: { type: 'string' },
}, allowNegative: true });
// Without it the flows run a debug build, of which figures say nothing.
if (!process.env.ZTOR) throw new Error('set ZTOR to the path of an optimised ztor');

const COUNT = Number(options.torrents), MINUTES = Number(options.minutes);
const LOADS = 5, SCROLL_MS = 10_000;
/** Time after the first row until the page has loaded what it loads unasked. */
const SETTLE_MS = 3000;
/** Time between two sorts. */
const PAUSE_MS = 1500;
const LIMITS = {
  firstRowMs: 700, domNodes: 3000, framesShare: 0.99, frameMs: 32, sortMs: 100, loadBytes: 150_000, heapGrowth: 0.1,
};
/** Growth of the heap that is noise, in bytes. */
const HEAP_NOISE = 1_000_000;

/** @typedef {object} Client
 *  @property {string} name
 *  @property {string} url
 *  @property {string} firstRow selector of the name in the first row
 *  @property {readonly string[]} [sorts] scripts, each of which changes the first row
 *  @property {BrowserContextOptions['storageState']} [storageState] */

/** Reports when the first row is there and how long frames take. It runs in the page before all else.
 *  @param {string} selector */
function watch(selector) {
  const text = () => [...document.querySelectorAll(selector)].find((element) => element.textContent)?.textContent ?? '';
  const state = { firstRowMs: 0, frames: /** @type {number[]} */ ([]), isScrolling: false };
  let last = 0;
  const onFrame = (/** @type {number} */ now) => {
    if (state.isScrolling && last > 0) state.frames.push(now - last);
    last = now;
    // After this frame is painted.
    if (state.firstRowMs === 0 && text() !== '') setTimeout(() => { state.firstRowMs ||= performance.now(); });
    requestAnimationFrame(onFrame);
  };
  requestAnimationFrame(onFrame);
  Object.assign(globalThis, { watched: state, firstText: text });
}

/** @param {Browser} browser @param {Client} client */
async function open(browser, { url, firstRow, storageState }) {
  const context = await browser.newContext({ viewport: DESKTOP, storageState, locale: 'en-GB' });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  /** @type {Map<string, { path: string, bytes: number, allBytes: number }>} */
  const loaded = new Map();
  session.on('Network.requestWillBeSent', ({ requestId, request }) =>
    loaded.set(requestId, { path: new URL(request.url).pathname, bytes: 0, allBytes: 0 }));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const entry = loaded.get(requestId);
    if (entry) entry.allBytes = encodedDataLength;
  });
  session.on('Network.responseReceived', ({ requestId, response }) => {
    const entry = loaded.get(requestId);
    const length = Object.entries(response.headers).find(([name]) => /^content-length$/i.test(name))?.[1];
    if (entry) entry.bytes = Number(length ?? NaN);
  });
  await session.send('Network.enable');
  await page.addInitScript(watch, firstRow);
  await page.goto(url, { waitUntil: 'commit' });
  await until(() => page.evaluate('watched.firstRowMs > 0'), `first row of ${url}`, 120_000);
  return {
    page, session, load: () => loadFacts([...loaded.values()]), close: () => context.close(),
    firstRowMs: Number(await page.evaluate('watched.firstRowMs')),
  };
}

/** Sizes of what was loaded: bodies as they were sent, of the app alone and with those of its API, and all with heads.
 *  @param {readonly { path: string, bytes: number, allBytes: number }[]} loaded */
function loadFacts(loaded) {
  const known = loaded.map((entry) => ({ ...entry, bytes: Number.isNaN(entry.bytes) ? entry.allBytes : entry.bytes }));
  const sum = (/** @type {readonly number[]} */ values) => values.reduce((total, value) => total + value, 0);
  const isApi = (/** @type {{ path: string }} */ { path }) => /\/(api|rpc)(\/|$)/.test(path);
  return {
    requests: known.length, appBytes: sum(known.filter((entry) => !isApi(entry)).map(({ bytes }) => bytes)),
    bodyBytes: sum(known.map(({ bytes }) => bytes)), allBytes: sum(known.map(({ allBytes }) => allBytes)),
    largest: known.toSorted((a, b) => b.bytes - a.bytes).slice(0, 20).map(({ path, bytes }) => `${bytes} ${path}`),
  };
}

/** All nodes of the document, texts and comments among them. @param {Page} page @returns {Promise<number>} */
const countNodes = (page) => page.evaluate(() => {
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
  let count = 0;
  while (walker.nextNode()) count += 1;
  return count;
});

/** Scrolls by the wheel. @param {Page} page @param {CDPSession} session @returns {Promise<number[]>} times of frames */
async function scroll(page, session) {
  await page.evaluate('watched.isScrolling = true');
  await session.send('Input.synthesizeScrollGesture', {
    x: 800, y: 500, yDistance: -Math.round(SCROLL_MS * 3), speed: 3000, gestureSourceType: 'mouse',
  });
  await page.evaluate('watched.isScrolling = false');
  return page.evaluate('watched.frames');
}

/** Sorts in several ways. Returns the times from each until the new first row is painted.
 *  @param {Page} page @param {readonly string[]} sorts scripts, each of which changes the first row */
async function sort(page, sorts) {
  await page.evaluate(() => { for (const element of document.querySelectorAll('*')) element.scrollTop = 0; });
  await page.waitForTimeout(PAUSE_MS);
  /** @type {number[]} */
  const times = [];
  for (const script of sorts) {
    const time = await page.evaluate(`(${timed})(() => { ${script} })`);
    if (time === null) throw new Error(`the first row has not changed after ${script}`);
    times.push(Number(time));
    await page.waitForTimeout(PAUSE_MS);
  }
  return times;
}

/** Runs in the page. @param {() => void} change */
function timed(change) {
  const { firstText } = /** @type {{ firstText: () => string }} */ (/** @type {unknown} */ (globalThis));
  const before = firstText();
  const start = performance.now();
  change();
  return new Promise((resolve) => {
    const check = () => {
      if (performance.now() - start > 30_000) return resolve(null);
      if (firstText() === before) return requestAnimationFrame(check);
      setTimeout(() => resolve(performance.now() - start));
    };
    requestAnimationFrame(check);
  });
}

/** @param {CDPSession} session */
async function heap(session) {
  await session.send('HeapProfiler.enable');
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

/** Heap at the start and after each minute. @param {CDPSession} session @param {Page} page @param {number} minutes */
async function heapOver(session, page, minutes) {
  const sizes = [await heap(session)];
  for (let i = 0; i < minutes; i += 1) {
    await page.waitForTimeout(60_000);
    sizes.push(await heap(session));
  }
  return sizes;
}

/** @param {number[]} values @param {number} part */
const quantile = (values, part) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))];
/** @param {number[]} frames */
const frameFacts = (frames) => ({
  frames: frames.length, p99Ms: quantile(frames, 0.99), worstMs: Math.max(...frames),
  share: frames.filter((ms) => ms <= LIMITS.frameMs).length / frames.length,
});

/** @param {Browser} browser @param {Client} client @param {number} minutes */
async function measure(browser, client, minutes) {
  console.error(`measuring ${client.name}`);
  const loads = /** @type {number[]} */ ([]);
  let load;
  for (let i = 0; i < LOADS; i += 1) {
    const opened = await open(browser, client);
    await opened.page.waitForTimeout(SETTLE_MS);
    loads.push(opened.firstRowMs);
    load = opened.load();
    await opened.close();
  }
  const { page, session, close } = await open(browser, client);
  await page.waitForTimeout(SETTLE_MS);
  const domNodes = await countNodes(page);
  const frames = frameFacts(await scroll(page, session));
  const scrolledNodes = await countNodes(page);
  const sorts = client.sorts ? await sort(page, client.sorts) : [];
  const heaps = await heapOver(session, page, minutes);
  await close();
  return {
    name: client.name, firstRowMs: quantile(loads, 0.5), firstRowsMs: loads,
    domNodes: Math.max(domNodes, scrolledNodes),
    ...frames, sortMs: sorts.length > 0 ? quantile(sorts, 0.5) : null, sortsMs: sorts, load,
    heaps, heapStart: heaps[0], heapEnd: heaps.at(-1) ?? heaps[0],
  };
}

/** Serves a page that only scrolls. */
async function startEmptyPage() {
  const body = '<!doctype html><title>empty</title><p>first</p>'
    + `<style>div { height: ${COUNT * 36}px }</style><div></div>`;
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(body));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/`, stop: () => { server.close(); server.closeAllConnections(); } };
}

const browser = await launch();
const results = [];
const empty = await startEmptyPage();
let ok = true;
try {
  results.push(await measure(browser, { name: 'empty page', url: empty.url, firstRow: 'p' }, 0));
  const daemon = await startDaemon({ flags: ['--demo-torrents', String(COUNT)], limitMs: 300_000 });
  try {
    const { url } = daemon;
    results.push(await measure(browser, {
      name: 'ztor', url, firstRow: '.t-name', storageState: await loggedIn(browser, url),
      sorts: ['name', 'name', 'size', 'size', 'name', 'name']
        .map((key) => `document.querySelector('.t-th[data-key=${key}] button').click()`),
    }, MINUTES));
  } finally { await daemon.stop(); }
  const transmission = options.transmission ? await startTransmission(COUNT).catch((error) => {
    console.error(`Transmission is not measured: ${error.message}`);
    return null;
  }) : null;
  if (transmission) {
    try {
      results.push(await measure(browser, {
        name: 'Transmission 3.00', url: transmission.url, firstRow: '.torrent_name',
        sorts: ['Direction("descending")', 'Method("size")', 'Direction("ascending")', 'Method("name")',
          'Direction("descending")', 'Direction("ascending")'].map((call) => `transmission.setSort${call}`),
      }, 0));
    } finally { await transmission.stop(); }
  }
} finally {
  empty.stop();
  await browser.close();
}

const ztor = results.find(({ name }) => name === 'ztor');
/** @param {number | null | undefined} value @param {number} digits */
const shown = (value, digits = 0) => (value === null || value === undefined ? '—' : value.toFixed(digits));
console.table(Object.fromEntries(results.map((result) => [result.name, {
  'first row, ms': shown(result.firstRowMs), 'DOM nodes': result.domNodes, 'frame p99, ms': shown(result.p99Ms, 1),
  'worst frame, ms': shown(result.worstMs, 1), [`frames ≤ ${LIMITS.frameMs} ms`]: `${shown(result.share * 100, 2)} %`,
  'sort, ms': shown(result.sortMs), 'first load, KB': shown((result.load?.appBytes ?? 0) / 1000),
  'with API and heads': shown((result.load?.allBytes ?? 0) / 1000),
  'heap at start, MB': shown(result.heapStart / 1e6, 2), 'heap at end, MB': shown(result.heapEnd / 1e6, 2),
}])));
const checks = ztor ? {
  'first row': ztor.firstRowMs <= LIMITS.firstRowMs,
  'DOM nodes': ztor.domNodes <= LIMITS.domNodes,
  frames: ztor.share >= LIMITS.framesShare,
  sort: ztor.sortMs !== null && ztor.sortMs <= LIMITS.sortMs,
  'first load': (ztor.load?.appBytes ?? Infinity) <= LIMITS.loadBytes,
  memory: ztor.heapEnd <= Math.max(ztor.heapStart * (1 + LIMITS.heapGrowth), ztor.heapStart + HEAP_NOISE),
} : {};
for (const [name, isMet] of Object.entries(checks)) {
  console.log(`${isMet ? 'met   ' : 'MISSED'} ${name}`);
  ok &&= isMet;
}
const report = JSON.stringify({ torrents: COUNT, minutes: MINUTES, limits: LIMITS, checks, results }, null, 2);
console.log(report);
if (options.json) writeFileSync(options.json, `${report}\n`);
process.exitCode = ok ? 0 : 1;
