import assert from 'node:assert/strict';
import { flow } from '../flow.mjs';
import { becomes, gone, visible } from '../ui.mjs';

/** @import { Scene } from '../flow.mjs' */

/** Adds stopped torrents of different sizes, categories and tags. @param {Scene} scene */
async function fill({ daemon, swarm, ui }) {
  const all = /** @type {const} */ ([
    ['Alpha 2024.iso', 900_000, ['--category', 'linux/debian', '--tag', 'os,big']],
    ['Beta 2025.iso', 500_000, ['--category', 'linux', '--tag', 'os']],
    ['Gamma notes.txt', 20_000, ['--category', 'books']],
    ['Delta 2025.mkv', 700_000, ['--tag', 'big']],
  ]);
  for (const [name, files, flags] of all) {
    const made = await swarm.make(name, { files, isSeeded: false });
    await daemon.cli('add', '--paused', ...flags, made.path);
  }
  await becomes(async () => (await ui.names()).length, all.length, 'rows');
}

flow('list_filters_by_state_category_tag_and_folder_with_counts', async (scene) => {
  const { page, ui, axe } = scene;
  await fill(scene);
  await visible(ui.filter('Stopped 4'));
  await visible(ui.filter('linux 2'));
  await visible(ui.filter('os 2'));
  await axe('the list with filters');
  await ui.filter('linux 2').click();
  await becomes(async () => (await ui.names()).sort(), ['Alpha 2024.iso', 'Beta 2025.iso']);
  await ui.filter('big 2').click();
  await becomes(ui.names, ['Alpha 2024.iso']);
  await page.getByRole('radio', { name: 'Any filter' }).check({ force: true });
  await becomes(async () => (await ui.names()).sort(), ['Alpha 2024.iso', 'Beta 2025.iso', 'Delta 2025.mkv']);
  await axe('the list with combined filters');
  await ui.button('Clear filters').click();
  await becomes(async () => (await ui.names()).length, 4);
  await ui.filter('os 2').click();
  await ui.filter('big 2').click({ modifiers: ['ControlOrMeta'] });
  await becomes(async () => (await ui.names()).sort(), ['Alpha 2024.iso', 'Beta 2025.iso', 'Delta 2025.mkv']);
  await page.getByRole('group', { name: 'Of the tags' }).getByRole('radio', { name: 'All' }).check({ force: true });
  await becomes(ui.names, ['Alpha 2024.iso']);
});

flow('list_search_takes_words_and_regular_expressions', async (scene) => {
  const { page, ui, axe } = scene;
  await fill(scene);
  await page.keyboard.press('/');
  await page.keyboard.type('2025');
  await becomes(async () => (await ui.names()).sort(), ['Beta 2025.iso', 'Delta 2025.mkv']);
  await ui.button('Regular expression').click();
  await ui.search.fill('^(alpha|gamma).*(iso|txt)$');
  await becomes(async () => (await ui.names()).sort(), ['Alpha 2024.iso', 'Gamma notes.txt']);
  await ui.search.fill('(');
  await visible(page.getByText('This regular expression is not complete.'));
  await axe('the list with a search that is refused');
  await ui.search.fill('nothing like this');
  await visible(page.getByText('No torrent matches the filters'));
  await axe('the list without a match');
  await ui.button('Clear filters').first().click();
  await becomes(async () => (await ui.names()).length, 4);
});

flow('list_view_is_kept_in_the_address_saved_and_gone_back_to', async (scene) => {
  const { page, ui, axe } = scene;
  await fill(scene);
  await ui.filter('linux 2').click();
  await ui.header('Size').getByRole('button').click();
  await becomes(ui.names, ['Alpha 2024.iso', 'Beta 2025.iso']);
  const address = page.url();
  assert.match(address, /category=linux/);
  await page.reload();
  await becomes(ui.names, ['Alpha 2024.iso', 'Beta 2025.iso']);

  await ui.button('Save this view…').first().click();
  const dialog = ui.dialog('Save this view');
  await dialog.getByLabel('Name').fill('Distributions');
  await axe('the dialog that saves a view');
  await page.keyboard.press('Enter');
  await gone(dialog);
  await ui.button('Clear filters').click();
  await becomes(async () => (await ui.names()).length, 4);
  await page.getByRole('link', { name: 'Distributions' }).click();
  await becomes(ui.names, ['Alpha 2024.iso', 'Beta 2025.iso']);

  await ui.open('Beta 2025.iso', 'Trackers');
  await ui.button('Statistics').click();
  await visible(page.getByRole('heading', { name: 'Statistics', level: 1 }));
  await page.goBack();
  await visible(ui.details.getByRole('heading', { name: 'Beta 2025.iso' }));
  await visible(ui.details.getByRole('tabpanel', { name: 'Trackers' }));
  await page.goBack();
  await gone(ui.details);
  await page.goForward();
  await visible(ui.details.getByRole('heading', { name: 'Beta 2025.iso' }));
});

flow('list_columns_sort_resize_hide_and_reorder', async (scene) => {
  const { page, ui, axe } = scene;
  await fill(scene);
  const headers = () => ui.list.getByRole('columnheader').allTextContents()
    .then((texts) => texts.map((text) => text.replace(/\d*$/, '').trim()));
  await ui.header('Size').getByRole('button').click();
  await becomes(ui.names, ['Alpha 2024.iso', 'Delta 2025.mkv', 'Beta 2025.iso', 'Gamma notes.txt']);
  assert.equal(await ui.header('Size').getAttribute('aria-sort'), 'descending');
  await ui.header('Size').getByRole('button').click();
  await becomes(async () => (await ui.names())[0], 'Gamma notes.txt');
  await ui.header('Name').getByRole('button').click({ modifiers: ['Shift'] });
  await becomes(() => ui.header('Size').getAttribute('aria-sort'), 'ascending');

  const box = await ui.header('Name').boundingBox();
  assert.ok(box);
  const [edge, middle] = [box.x + box.width - 2, box.y + box.height / 2];
  await page.mouse.move(edge, middle);
  await page.mouse.down();
  await page.mouse.move(edge - 120, middle, { steps: 4 });
  await page.mouse.up();
  await becomes(async () => {
    const width = (await ui.header('Name').boundingBox())?.width ?? 0;
    return Math.abs(width - (box.width - 120)) < 6;
  }, true, 'the width of a column that was dragged');

  const before = await headers();
  await ui.header('Ratio').getByRole('button').click({ button: 'right' });
  await ui.item('Hide column').click();
  await becomes(headers, before.filter((text) => text !== 'Ratio'));
  const [size, name] = [await ui.header('Size').boundingBox(), await ui.header('Name').boundingBox()];
  assert.ok(size && name);
  await page.mouse.move(size.x + 20, middle);
  await page.mouse.down();
  await page.mouse.move(name.x + 40, middle, { steps: 6 });
  await page.mouse.up();
  await becomes(async () => (await headers())[0], 'Size');
  await becomes(() => ui.header('Size').getAttribute('aria-sort'), 'ascending', 'sort order after a drag');

  await ui.button('Columns and row height').click();
  await ui.item('Choose columns').click();
  const dialog = ui.dialog('Choose columns');
  await dialog.getByRole('checkbox', { name: 'Tags', exact: true }).check();
  await axe('the dialog of columns');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await visible(ui.header('Tags'));
  await visible(ui.cell('Alpha 2024.iso', /big/));
  await page.reload();
  await visible(ui.header('Tags'));
  assert.equal((await headers())[0], 'Size');
  await ui.button('Columns and row height').click();
  await ui.item('Reset columns').click();
  await becomes(headers, before);
});

flow('list_context_menu_acts_on_all_selected_torrents', async (scene) => {
  const { page, ui, daemon, axe } = scene;
  await fill(scene);
  await ui.select('Alpha 2024.iso');
  await ui.select('Delta 2025.mkv', { modifiers: ['ControlOrMeta'] });
  await visible(page.getByText(/2 of .4. selected/));
  await ui.choose('Delta 2025.mkv', 'Tags');
  await axe('the context menu with a submenu');
  await ui.item('os').click();
  await becomes(async () => (await daemon.torrent('Delta 2025.mkv')).tags.sort(), ['big', 'os']);
  await ui.choose('Delta 2025.mkv', 'Queue', 'To the top of the queue');
  await page.keyboard.press('ControlOrMeta+a');
  await visible(page.getByText(/4 of .4. selected/));
  await page.keyboard.press('Escape');
  await visible(page.getByText('4 torrents'));
});
