/** Checks of the base of the web UI, which it has itself: they run on a page of their own, without a daemon. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { test } from 'node:test';
import { launch, openPage } from '../browser.mjs';

const ROOT = new URL('../../../apps/web/', import.meta.url);
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };
/** Time for all checks, some of which scroll for seconds. */
const CHECKS_MS = 120_000;

test('base passes its checks under the policy of its page', { timeout: 2 * CHECKS_MS }, async () => {
  const server = createServer(async ({ url = '/' }, answer) => {
    const file = new URL(`.${new URL(url, 'http://x').pathname}`, ROOT);
    const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(file.pathname))];
    try {
      if (!type || !file.href.startsWith(ROOT.href)) throw new Error('not served');
      answer.writeHead(200, { 'Content-Type': type }).end(await readFile(file));
    } catch { answer.writeHead(404).end(); }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(null)); });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const browser = await launch();
  try {
    const { page } = await openPage(browser);
    await page.goto(`http://127.0.0.1:${port}/base/browser.test.html`);
    await page.waitForFunction(() => /passed|failed/.test(document.title), null, { timeout: CHECKS_MS });
    const report = await page.locator('#report').textContent();
    assert.match(await page.title(), /passed$/, report ?? '');
  } finally {
    await browser.close();
    server.close();
  }
});
