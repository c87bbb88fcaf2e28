/**
 * Makes screenshots of every page and dialog in light, dark and on a phone.
 *
 * node screens.mjs FOLDER [--only PART_OF_A_NAME] [--look light|dark|phone|arabic|contrast]
 */

/** @import { Page } from 'playwright-core' */
/** @import { createUi } from './ui.mjs' */

import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DESKTOP, PHONE, launch, loggedIn, openPage } from './browser.mjs';
import { startDaemon } from './daemon.mjs';
import { SHOWN, TO_ADD, startDemo } from './demo.mjs';
import { createUi as uiOf, visible } from './ui.mjs';

const { values: options, positionals: [folder] } = parseArgs({
  allowPositionals: true, options: { only: { type: 'string', default: '' }, look: { type: 'string' } },
});
if (!folder) throw new Error('the folder for the screenshots is missing');

const LOOKS = {
  light: { viewport: DESKTOP },
  dark: { viewport: DESKTOP, colorScheme: /** @type {const} */ ('dark') },
  phone: { viewport: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  contrast: { viewport: DESKTOP, theme: 'contrast' },
  arabic: { viewport: DESKTOP, locale: 'ar-EG' },
};
/** Looks without `--look`. */
const USUAL = ['light', 'dark', 'phone'];
const SECTIONS = ['folders', 'new', 'queue', 'goals', 'watch', 'categories', 'tags', 'network', 'limits', 'schedule',
  'api', 'account', 'log', 'export', 'about', 'appearance'];
const TABS = ['overview', 'files', 'peers', 'trackers', 'speed', 'log', 'options'];

/** @typedef {object} Shot
 *  @property {string} name
 *  @property {string} [hash]
 *  @property {boolean} [opensDetails]
 *  @property {boolean} [onPhone] false if a phone has no such thing, true if only a phone has it
 *  @property {(page: Page, ui: ReturnType<typeof createUi>) => Promise<void>} [run] */

/** Opens a dialog from the menu of a torrent. @param {string} name @param {...string} path @returns {Shot} */
const menuDialog = (name, ...path) => ({ name, onPhone: false, run: async (page, ui) => {
  await ui.choose(SHOWN, ...path);
  await visible(page.getByRole('dialog'));
} });

/** @type {readonly Shot[]} */
const SHOTS = [
  { name: 'list', hash: '#sort=name' },
  { name: 'list_filtered', hash: '#tag=open+movie&sort=-size' },
  { name: 'list_no_match', hash: '#search=nothing+like+this' },
  { name: 'list_selected', onPhone: false, run: async (page, ui) => {
    await ui.row(SHOWN).click();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
  } },
  ...TABS.map((tab) => ({ name: `details_${tab}`, opensDetails: true, hash: `&tab=${tab}&sort=name`,
    // The graph has the time for which the page is open.
    run: (/** @type {Page} */ page) => page.waitForTimeout(tab === 'speed' ? 30_000 : 0) })),
  { name: 'context_menu', onPhone: false, run: (_, ui) => ui.choose(SHOWN, 'Category') },
  { name: 'column_menu', onPhone: false,
    run: (_, ui) => ui.header('Size').getByRole('button').click({ button: 'right' }) },
  { name: 'columns', onPhone: false, run: async (page, ui) => {
    await ui.button('Columns and row height').click();
    await ui.item('Choose columns').click();
    await visible(page.getByRole('dialog'));
  } },
  { name: 'drawer', onPhone: true, run: async (page, ui) => {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Filters' }).tap();
    await visible(ui.dialog('Filters'));
  } },
  { name: 'connection', run: async (_, ui) => { await ui.button(/^Show the connection/).click(); } },
  { name: 'speed', onPhone: false, run: async (_, ui) => { await ui.button(/^Speed graph/).click(); } },
  { name: 'menu', run: async (_, ui) => { await ui.button('Menu').click(); } },
  { name: 'help', onPhone: false, run: async (page) => {
    await page.keyboard.press('?');
    await visible(page.getByRole('dialog'));
  } },
  { name: 'add', run: async (_, ui) => { await openAdd(ui); } },
  { name: 'add_preview', run: async (page, ui) => {
    await openAdd(ui);
    await ui.drop([{ name: `${TO_ADD}.torrent`, content: torrentFile }]);
    await visible(ui.dialog().getByText('Charge.mkv'));
  } },
  { name: 'add_several', run: async (page, ui) => {
    await openAdd(ui);
    await ui.drop([{ name: `${TO_ADD}.torrent`, content: torrentFile }, { name: 'known.torrent', content: knownFile }]);
    await visible(ui.dialog().getByText('Charge.mkv'));
  } },
  { name: 'create', run: async (page, ui) => {
    await ui.button('Menu').click();
    await ui.item('Create a torrent').click();
    await visible(page.getByRole('dialog'));
  } },
  { name: 'save_view', hash: '#tag=open+movie', onPhone: false, run: async (page, ui) => {
    await ui.button('Save this view…').first().click();
    await visible(page.getByRole('dialog'));
  } },
  menuDialog('move', 'Move files'), menuDialog('rename', 'Rename'), menuDialog('limits', 'Set limits'),
  menuDialog('goals', 'Set goals'), menuDialog('remove', 'Remove'), menuDialog('category', 'Category', 'Other'),
  menuDialog('tags', 'Tags', 'Other'), menuDialog('trackers', 'Transfer', 'Edit trackers'),
  menuDialog('peers', 'Transfer', 'Add peers'),
  { name: 'statistics', hash: '#/statistics' },
  { name: 'log', hash: '#/log' },
  { name: 'settings', hash: '#/settings', onPhone: true },
  ...SECTIONS.map((section) => ({ name: `settings_${section}`, hash: `#/settings/${section}` })),
  { name: 'settings_search', hash: '#/settings/network', onPhone: false, run: async (page) => {
    await page.getByRole('searchbox', { name: 'Search settings' }).fill('limit');
  } },
];

/** @param {ReturnType<typeof createUi>} ui */
async function openAdd(ui) {
  await ui.button(/^Add( torrents)?$/).first().click();
  await visible(ui.dialog());
}

/** Waits for what is loaded later, and for two frames. @param {Page} page */
async function settle(page) {
  await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {});
  const waiting = page.locator('.k-spinner-sign, .k-skeleton').first();
  await waiting.waitFor({ state: 'hidden', timeout: 5000 }).catch(() => {});
  await page.evaluate(async () => {
    await document.fonts.ready;
    for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame);
  });
}

mkdirSync(folder, { recursive: true });
const looks = options.look ? [options.look] : USUAL;
const [browser, demo] = await Promise.all([launch(), startDemo()]);
const torrentFile = await readFile(demo.toAdd.path), knownFile = await readFile(demo.shown.path);
const failures = [];
let made = 0;
try {
  const { daemon } = demo;
  const { id } = await daemon.torrent(SHOWN);
  for (const look of looks) {
    const { theme, ...context } = /** @type {{ theme?: string }} */ (LOOKS[/** @type {'light'} */ (look)]);
    const isPhone = look === 'phone';
    /** @param {string} name @param {Page} page */
    const save = async (name, page) => {
      await settle(page);
      await page.screenshot({ path: join(folder, `${name}_${look}.png`) });
      made += 1;
    };
    const wants = (/** @type {string} */ name) => name.includes(options.only);
    /** Opens a page, and saves it. @param {string} url @param {Shot} shot @param {boolean} isIn */
    const shoot = async (url, { name, hash = '', opensDetails, run }, isIn) => {
      const { page, close } = await openPage(browser, {
        ...context, ...(isIn && { storageState: await loggedIn(browser, url) }),
      });
      try {
        await page.addInitScript((theme) => {
          if (theme) localStorage.setItem('ztor.theme', JSON.stringify(theme));
        }, theme);
        await page.goto(url + (opensDetails ? `#open=${id}${hash}` : hash));
        await settle(page);
        await run?.(page, uiOf(page));
        await save(name, page);
      } catch (error) {
        failures.push(`${name}_${look}: ${String(error).split('\n').slice(0, 4).join(' ')}`);
        await save(`FAILED_${name}`, page).catch(() => {});
      } finally { await close(); }
    };
    for (const shot of SHOTS) {
      if (wants(shot.name) && (shot.onPhone ?? isPhone) === isPhone) await shoot(daemon.url, shot, true);
    }
    if (wants('login')) await shoot(daemon.url, { name: 'login' }, false);
    if (wants('password')) {
      const fresh = await startDaemon({ hasPassword: false });
      await shoot(await fresh.link(), { name: 'password', run: (page) => visible(page.getByRole('dialog')) }, false);
      await fresh.stop();
    }
    if (!wants('empty') && !wants('offline')) continue;
    const empty = await startDaemon();
    try {
      if (wants('empty')) await shoot(empty.url, { name: 'empty' }, true);
      if (wants('offline')) {
        await shoot(empty.url, { name: 'offline', run: async (page) => {
          await empty.stop();
          await visible(page.getByText('The list may be out of date.').or(page.getByRole('alert')));
        } }, true);
      }
    } finally { await empty.stop(); }
  }
} finally { await Promise.all([browser.close(), demo.stop()]); }
console.log(`${made} screenshots in ${folder}`);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
