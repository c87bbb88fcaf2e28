import assert from 'node:assert/strict';
import { flow } from '../flow.mjs';
import { becomes, gone, visible } from '../ui.mjs';

/** @import { Page } from 'playwright-core' */

/** True if the element with the focus shows it. @param {Page} page */
const isFocusSeen = (page) => page.evaluate(() => {
  const element = /** @type {HTMLElement} */ (document.activeElement);
  if (!element.matches(':focus-visible')) return false;
  // The focus may be shown by the frame around a field, or by the row at which the cursor is.
  const shown = [element, element.parentElement, element.querySelector('.t-active'),
    document.getElementById(element.getAttribute('aria-activedescendant') ?? '')];
  return shown.some((part) => {
    if (!part) return false;
    return ['', '::before', '::after'].some((pseudo) => {
      const style = getComputedStyle(part, pseudo || null);
      return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    });
  });
});

flow('keyboard_alone_adds_opens_and_removes_a_torrent', async ({ page, ui, daemon, swarm }) => {
  const made = await swarm.make('Typed.bin', { files: 200_000 });
  await visible(page.getByText('No torrents yet'));
  await page.keyboard.press('Insert');
  await visible(ui.dialog('Add torrents'));
  await page.keyboard.type(made.magnet);
  await page.keyboard.press('Enter');
  await visible(ui.dialog('Add torrents').getByText('in 1 file'), 60_000);
  assert.ok(await isFocusSeen(page), 'focus in the add dialog');
  await page.keyboard.press('ControlOrMeta+Enter');
  await gone(ui.dialog('Add torrents'));
  await visible(ui.cell('Typed.bin', '100%'));

  // From the start of the page to the list.
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  for (let i = 0; i < 12 && !(await ui.focused()).startsWith('grid'); i += 1) {
    await page.keyboard.press('Tab');
    assert.ok(await isFocusSeen(page), `focus on ${await ui.focused()}`);
  }
  assert.match(await ui.focused(), /^grid Torrents/);
  await page.keyboard.press('Home');
  await becomes(() => ui.row('Typed.bin').getAttribute('aria-selected'), 'true', 'selection');
  await page.keyboard.press('Enter');
  await visible(ui.details.getByRole('heading', { name: 'Typed.bin' }));

  await page.keyboard.press('Shift+F10');
  await visible(ui.item('Rename'));
  await page.keyboard.press('Escape');
  await gone(page.getByRole('menu'));
  assert.match(await ui.focused(), /^grid Torrents/);
  await page.keyboard.press('Escape');
  await gone(ui.details);
  await page.keyboard.press('Delete');
  await visible(ui.dialog('Remove 1 torrent?').getByRole('radio', { name: 'Keep the files' }));
  await page.keyboard.press('Escape');
  await gone(ui.dialog('Remove 1 torrent?'));
  assert.match(await ui.focused(), /^grid Torrents/, 'focus is back in the list');
  await page.keyboard.press('Delete');
  await visible(ui.dialog('Remove 1 torrent?').getByRole('radio', { name: 'Keep the files' }));
  await page.keyboard.press('Enter');
  await visible(page.getByText('No torrents yet'));
  assert.equal((await daemon.torrents()).length, 0);
});

flow('keyboard_sheet_shows_the_keys_and_gives_the_focus_back', async ({ page, ui, axe }) => {
  await visible(page.getByText('No torrents yet'));
  await page.getByRole('button', { name: 'Statistics' }).focus();
  await page.keyboard.press('?');
  const sheet = ui.dialog('Keyboard shortcuts');
  await visible(sheet.getByText('Search torrents'));
  await axe('the sheet of keys');
  await page.keyboard.press('Escape');
  await gone(sheet);
  assert.match(await ui.focused(), /Statistics/);
  await page.keyboard.press('/');
  assert.match(await ui.focused(), /Search torrents/);
  await page.keyboard.type('?');
  assert.equal(await ui.search.inputValue(), '?', 'a key in a field is a letter');
});

flow('keyboard_moves_and_resizes_columns_and_selects_ranges', async ({ page, ui, daemon, swarm }) => {
  for (const name of ['One', 'Two', 'Three']) {
    await daemon.cli('add', '--paused', (await swarm.make(name, { files: 1000, isSeeded: false })).path);
  }
  await becomes(async () => (await ui.names()).length, 3);
  await ui.header('Name').getByRole('button').focus();
  await page.keyboard.press('Enter');
  await becomes(ui.names, ['One', 'Three', 'Two']);
  const width = async () => Math.round((await ui.header('Progress').boundingBox())?.width ?? 0);
  await page.keyboard.press('ArrowRight');
  assert.match(await ui.focused(), /Progress/);
  const before = await width();
  await page.keyboard.press('Shift+ArrowRight');
  await becomes(width, before + 16, 'width');
  await page.keyboard.press('ControlOrMeta+ArrowRight');
  await becomes(async () => (await ui.list.getByRole('columnheader').allTextContents()).map((text) => text.trim())
    .indexOf('Progress'), 2, 'place of the column');
  await page.keyboard.press('ArrowDown');
  assert.match(await ui.focused(), /^grid Torrents/);
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  await visible(page.getByText(/3 of .3. selected/));
  await page.keyboard.press('F4');
  await page.keyboard.press('F9');
  await visible(page.getByRole('heading', { name: 'Settings', level: 1 }));
});
