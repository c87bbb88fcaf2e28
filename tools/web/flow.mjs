/**
 * Flows: tests that drive the UI. All of a process share a browser, a daemon and a tracker, which start with the first
 * flow; each flow has a page of its own and finds an empty daemon.
 */

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */
/** @import { AxeOptions, Watched } from './browser.mjs' */

import { join } from 'node:path';
import { after, test } from 'node:test';
import { PHONE, accessibilityFaults, launch, loggedIn, openPage, outputDir } from './browser.mjs';
import { startDaemon } from './daemon.mjs';
import { startSwarm } from './swarm.mjs';
import { createUi } from './ui.mjs';

/** Time for a whole flow, in milliseconds. */
const FLOW_MS = 120_000;
/** Time for what only reports a failure. */
const REPORT_MS = 10_000;

/** @typedef {Awaited<ReturnType<typeof createStage>>} Stage */
/** @typedef {object} Options
 *  @property {BrowserContextOptions} [context]
 *  @property {boolean} [isPhone]
 *  @property {boolean} [isLoggedIn] false to begin at the login page
 *  @property {string} [hash] of the first page
 *  @property {Parameters<typeof startDaemon>[0]} [own] starts a daemon for this flow alone */
/** @typedef {Omit<Stage, 'stop'> & { page: Page, ui: ReturnType<typeof createUi>, allow: Watched['allow'],
 *    axe: (where: string, options?: AxeOptions) => Promise<void>, note: (fault: string) => void,
 *    openPage: (options?: BrowserContextOptions) => Promise<Watched> }} Scene */

/** @type {Promise<Stage> | null} */
let stage = null;
after(async () => (await stage?.catch(() => null))?.stop());

async function createStage() {
  const [browser, daemon, swarm] = await Promise.all([launch(), startDaemon(), startSwarm()]);
  return {
    browser, daemon, swarm,
    stop: () => Promise.all([browser.close(), daemon.stop(), swarm.stop()]),
  };
}

/** Defines a flow. @param {string} name @param {(scene: Scene) => Promise<void>} run @param {Options} [options] */
export function flow(name, run, { context = {}, isPhone = false, isLoggedIn = true, hash = '', own } = {}) {
  test(name, { timeout: FLOW_MS }, async () => {
    const shared = await (stage ??= createStage());
    const daemon = own ? await startDaemon(own) : shared.daemon;
    const { browser, swarm } = shared;
    /** @type {Watched[]} */
    const pages = [];
    const open = async (more = {}) => {
      const watched = await openPage(browser, {
        ...(isLoggedIn && { storageState: await loggedIn(browser, daemon.url) }),
        ...(isPhone && { viewport: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }), ...context, ...more,
      });
      pages.push(watched);
      return watched;
    };
    try {
      if (!own) await daemon.clear();
      const watched = await open();
      const { page, allow } = watched;
      await page.goto(daemon.url + hash);
      /** Findings that do not hinder the flow, so that one run shows them all. @type {Set<string>} */
      const findings = new Set();
      /** @param {string} where @param {AxeOptions} [options] */
      const axe = async (where, options) => {
        const faults = await accessibilityFaults(page, options);
        for (const fault of faults) findings.add(fault);
        if (faults.length > 0) findings.add(`(at ${where})`);
      };
      await run({
        browser, daemon, swarm, page, ui: createUi(page), allow, axe, openPage: open,
        note: (fault) => findings.add(fault),
      });
      for (const { faults } of pages) faults().forEach((fault) => findings.add(fault));
      if (findings.size > 0) throw new Error(`findings:\n${[...findings].join('\n')}`);
    } catch (error) {
      await within(REPORT_MS, report(name, pages, daemon));
      throw error;
    } finally {
      await Promise.all(pages.map(({ close }) => close().catch(() => {})));
      if (own) await daemon.stop();
      await swarm.stopSeeds();
    }
  });
}

/** @param {string} name @param {readonly Watched[]} pages @param {Stage['daemon']} daemon */
async function report(name, pages, daemon) {
  const title = name.replaceAll(/[^a-z0-9]+/gi, '_').slice(0, 80);
  for (const [i, { page, messages, faults }] of pages.entries()) {
    const file = join(outputDir(), `${title}${i === 0 ? '' : `_${i}`}.png`);
    await page.screenshot({ path: file, timeout: REPORT_MS / 2 }).catch(() => {});
    const content = await page.locator('body').ariaSnapshot({ timeout: REPORT_MS / 2 }).catch(() => '');
    console.error([`screenshot: ${file}`, `address: ${page.url()}`, ...messages.slice(-20), ...faults().slice(-20),
      content.slice(0, 6000)].join('\n'));
  }
  console.error(`log of the daemon:\n${daemon.program.tail.slice(-25).join('\n')}`);
}

/** @param {number} limitMs @param {Promise<unknown>} work */
async function within(limitMs, work) {
  let timer;
  await Promise.race([work.catch(() => {}), new Promise((resolve) => { timer = setTimeout(resolve, limitMs); })]);
  clearTimeout(timer);
}
