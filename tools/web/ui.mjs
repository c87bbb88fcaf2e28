/** Elements of the UI by role and accessible name, as a user of a screen reader finds them. */

/** @import { Locator, Page } from 'playwright-core' */

import assert from 'node:assert/strict';
import { LIMIT_MS } from './browser.mjs';

/** @param {Page} page */
export function createUi(page) {
  const ui = {
    list: page.getByRole('grid', { name: 'Torrents' }),
    search: page.getByRole('searchbox', { name: 'Search torrents' }),
    /** Names of the rows in view, from the top. */
    names: () => page.getByRole('grid', { name: 'Torrents' }).getByRole('rowheader').allTextContents(),
    /** @param {string} name of a torrent */
    row: (name) => ui.list.getByRole('row').filter({
      has: page.getByRole('rowheader', { name, exact: true }),
    }),
    /** Cell of a row. @param {string} name @param {string | RegExp} text */
    cell: (name, text) => ui.row(name).getByRole('gridcell', { name: text }),
    /** @param {string | RegExp} name */
    header: (name) => ui.list.getByRole('columnheader', { name }),
    /** @param {string | RegExp} [name] */
    dialog: (name) => page.getByRole('dialog', { name }),
    /** @param {string | RegExp} name */
    button: (name) => page.getByRole('button', { name, exact: typeof name === 'string' }),
    /** Entry of the filters. @param {string | RegExp} name */
    filter: (name) => page.getByRole('group', { name: 'Filters' }).getByRole('button', { name }),
    /** Note at the edge of the window. @param {string | RegExp} text */
    note: (text) => page.locator('.k-toast').filter({ hasText: text }),
    details: page.getByRole('complementary', { name: 'Details' }),
    /** @param {string} name */
    tab: (name) => ui.details.getByRole('tab', { name, exact: true }),
    /** Entry of the menu that is open, whose name begins with a text. @param {string} text */
    item: (text) => page.getByRole('menuitem', { name: startOf(text) })
      .or(page.getByRole('menuitemcheckbox', { name: startOf(text) })),

    /** Selects a torrent. @param {string} name @param {Parameters<Locator['click']>[0]} [options] */
    select: (name, options) => ui.row(name).click({ position: { x: 60, y: 10 }, ...options }),
    /** Opens the menu of a torrent and chooses an entry, or one of a submenu.
     *  @param {string} name @param {...string} path */
    choose: async (name, ...path) => {
      await ui.row(name).click({ button: 'right', position: { x: 60, y: 10 } });
      for (const entry of path) await ui.item(entry).click();
    },
    /** Shows the details of a torrent. @param {string} name @param {string} [tab] */
    open: async (name, tab) => {
      await ui.row(name).dblclick({ position: { x: 60, y: 10 } });
      await visible(ui.details.getByRole('heading', { name, exact: true }));
      if (tab) await ui.tab(tab).click();
    },
    /** Drops files on the page. @param {readonly { name: string, content: Buffer }[]} files */
    drop: async (files) => {
      const data = await page.evaluateHandle((files) => {
        const data = new DataTransfer();
        for (const { name, base64 } of files) {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          data.items.add(new File([bytes], name, { type: 'application/x-bittorrent' }));
        }
        return data;
      }, files.map(({ name, content }) => ({ name, base64: content.toString('base64') })));
      for (const type of ['dragenter', 'dragover', 'drop']) {
        await page.dispatchEvent('#main', type, { dataTransfer: data });
      }
    },
    /** Pastes a text where the focus is. @param {string} text */
    paste: (text) => page.evaluate((text) => {
      const data = new DataTransfer();
      data.setData('text/plain', text);
      (document.activeElement ?? document.body).dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }, text),
    /** Name of the element that has the focus, with its role. */
    focused: () => page.evaluate(() => {
      const { role, ariaLabel, textContent, tagName, id } = /** @type {HTMLElement} */ (document.activeElement);
      return `${role ?? tagName.toLowerCase()} ${ariaLabel ?? (id || textContent?.trim().slice(0, 40))}`;
    }),
  };
  return ui;
}

/** Returns a text as the UI isolates it within others. @param {string} text */
export const isolated = (text) => `\u2068${text}\u2069`;

/** @param {string} text */
const startOf = (text) => new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);

/** Resolves when an element is visible. @param {Locator} locator @param {number} [limitMs] */
export const visible = (locator, limitMs = LIMIT_MS) => locator.first().waitFor({ state: 'visible', timeout: limitMs });

/** Resolves when no such element is there. @param {Locator} locator */
export const gone = (locator) => locator.first().waitFor({ state: 'hidden', timeout: LIMIT_MS });

/** Resolves when a value that is read again and again is the expected one.
 *  @param {() => Promise<unknown>} read @param {unknown} expected @param {string} [what] */
export async function becomes(read, expected, what = 'value') {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await read();
    try { return assert.deepEqual(value, expected, what); } catch (error) { if (Date.now() > end) throw error; }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
