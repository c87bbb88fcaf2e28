/** Chromium, and pages that watch for errors. */

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { PASSWORD, USER } from './daemon.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Time for an element to appear or a page to load, in milliseconds. Machines may be slow. */
export const LIMIT_MS = 20_000;
export const DESKTOP = { width: 1440, height: 900 }, PHONE = { width: 390, height: 844 };

/** @param {readonly string[]} [flags] @returns {Promise<Browser>} */
export const launch = (flags = []) => chromium.launch({
  executablePath: CHROMIUM, timeout: 60_000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', ...flags],
});

/** Folder for screenshots of failures. */
export function outputDir() {
  const dir = process.env.ZTOR_WEB_OUTPUT ?? join(tmpdir(), 'ztor-web-failures');
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** @typedef {object} Watched
 *  @property {Page} page
 *  @property {string[]} messages all messages of the console
 *  @property {() => string[]} faults what must not have happened
 *  @property {(pattern: RegExp) => void} allow faults that a flow causes on purpose
 *  @property {() => Promise<void>} close */

/** Opens a page in a context of its own. @param {Browser} browser @param {BrowserContextOptions} [options]
 *  @returns {Promise<Watched>} */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, locale: 'en-GB', timezoneId: 'UTC',
    reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  /** @type {string[]} */
  const messages = [], found = [];
  /** @type {RegExp[]} */
  const allowed = [];
  page.on('console', (message) => {
    const text = `${message.type()}: ${message.text()} (${message.location().url})`;
    messages.push(text);
    if (['error', 'warning'].includes(message.type())) found.push(text);
  });
  page.on('pageerror', (error) => found.push(`exception: ${error.stack ?? error.message}`));
  page.on('crash', () => found.push('the page has crashed'));
  page.on('dialog', (dialog) => {
    found.push(`dialog of the browser: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  // The console reports violations of the policy too, but not those of a policy that only reports.
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) =>
    console.error(`violation of ${event.violatedDirective} by ${event.blockedURI} ${event.sample}`)));
  return {
    page, messages,
    faults: () => found.filter((text) => !allowed.some((pattern) => pattern.test(text))),
    allow: (pattern) => allowed.push(pattern),
    close: () => context.close(),
  };
}

/** Logs in on the login page. @param {Page} page @param {{ username?: string, password?: string }} [options] */
export async function logIn(page, { username = USER, password = PASSWORD } = {}) {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Logs in without a page, and returns the state of the browser for its contexts.
 *  @param {Browser} browser @param {string} url */
export async function loggedIn(browser, url) {
  const context = await browser.newContext();
  const answer = await context.request.post(new URL('api/v1/session', url).href, {
    data: { username: USER, password: PASSWORD }, headers: { Origin: new URL(url).origin },
  });
  if (!answer.ok()) throw new Error(`cannot log in: ${answer.status()} ${await answer.text()}`);
  const state = await context.storageState();
  await context.close();
  return state;
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Rules for whole pages, best practice among them. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** @typedef {{ within?: string, rules?: readonly string[] }} AxeOptions `within` is a selector of the part to check. */

/** Returns the serious findings of axe-core on a page as it is now.
 *  @param {Page} page @param {AxeOptions} [options] @returns {Promise<string[]>} */
export async function accessibilityFaults(page, { within, rules } = {}) {
  if (!await page.evaluate('Boolean(globalThis.axe)')) await page.evaluate(AXE);
  const runOnly = rules ? { type: 'rule', values: rules } : { type: 'tag', values: TAGS };
  const { violations } = await page.evaluate(({ within, runOnly }) => /** @type {any} */ (globalThis).axe.run(
    within ?? document, { resultTypes: ['violations'], runOnly }), { within, runOnly });
  const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  return serious.map(({ id, impact, help, nodes }) =>
    `${id} (${impact}): ${help}\n${nodes.slice(0, 4).map(({ html, any, all }) =>
      `    ${html.slice(0, 200)}\n      ${[...any, ...all][0]?.message ?? ''}`).join('\n')}`);
}
