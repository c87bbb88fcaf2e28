import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { flow } from '../flow.mjs';
import { becomes, gone, visible } from '../ui.mjs';

const SECTIONS = ['Folders', 'New torrents', 'Queue', 'Seeding goals', 'Watched folders', 'Categories', 'Tags',
  'Network', 'Speed limits', 'Schedule', 'Web access', 'Account', 'Log settings', 'Export', 'About ztor', 'Appearance'];

flow('settings_change_is_saved_undone_reset_and_refused', async ({ page, ui, daemon, axe }) => {
  await ui.button('Settings').click();
  const sections = page.getByRole('navigation', { name: 'Settings' });
  await sections.getByRole('button', { name: 'Queue', exact: true }).click();
  const field = page.getByLabel('Downloads at a time');
  const value = async () => (await daemon.api('GET', '/settings/max_downloads')).value;
  const before = await value();
  await field.fill('7');
  await page.keyboard.press('Enter');
  await visible(page.getByText('Saved').first());
  await becomes(value, 7, 'value of the setting');
  await axe('a setting that was changed');
  await page.getByRole('button', { name: 'Reset Downloads at a time' }).or(
    page.getByRole('button', { name: 'Reset', exact: true })).first().click();
  await becomes(value, before, 'value after the reset');
  await field.fill('-3');
  await page.keyboard.press('Enter');
  await visible(page.getByText(/Enter a whole number from/));
  await axe('a setting with an error');
  await page.keyboard.press('Escape');
  assert.equal(await value(), before);

  await sections.getByRole('searchbox', { name: 'Search settings' }).fill('ratio');
  await visible(page.getByLabel('Share ratio'));
  await axe('the search of settings');
  await sections.getByRole('searchbox', { name: 'Search settings' }).fill('no such thing');
  await visible(page.getByText('No setting matches the search'));
});

flow('settings_sections_and_the_other_pages_are_accessible', async ({ page, ui, daemon, swarm, axe }) => {
  await daemon.cli('add', (await swarm.make('One.bin', { files: 300_000 })).path);
  await ui.button('Settings').click();
  const sections = page.getByRole('navigation', { name: 'Settings' });
  for (const name of SECTIONS) {
    await sections.getByRole('button', { name, exact: true }).click();
    await visible(page.getByRole('heading', { name, level: 2 }));
    await gone(page.getByRole('status', { name: /Loading/ }));
    await axe(`settings, ${name}`, { within: 'main' });
  }
  await ui.button('Statistics').click();
  await visible(page.getByRole('heading', { name: 'Statistics', level: 1 }));
  await visible(page.getByText('Transfer rates').first());
  await axe('the statistics');
  await ui.button('Log').click();
  await visible(page.getByText('torrent added').first());
  await axe('the log');
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('no such line');
  await visible(page.getByText('No line matches'));
  await ui.button('Torrents').click();
  await visible(ui.cell('One.bin', '100%'));
  for (const name of ['Overview', 'Files', 'Peers', 'Trackers', 'Speed', 'Log', 'Options']) {
    await ui.open('One.bin', name);
    await visible(ui.details.getByRole('tabpanel', { name }));
    await axe(`details, ${name}`, { within: '.s-details' });
  }
  await ui.button(/^Show the connection/).click();
  await visible(page.getByText('Port').first());
  await axe('the sign of the connection');
});

flow('dialogs_and_menus_are_accessible', async ({ page, ui, daemon, swarm, axe }) => {
  await daemon.cli('add', (await swarm.make('Dialogs.bin', { files: 20_000 })).path);
  await visible(ui.row('Dialogs.bin'));
  for (const path of [['Set goals'], ['Transfer', 'Edit trackers'], ['Transfer', 'Add peers']]) {
    await ui.choose('Dialogs.bin', ...path);
    const dialog = page.getByRole('dialog');
    await visible(dialog.getByRole('button', { name: 'Cancel' }));
    await gone(dialog.getByText('Loading'));
    await axe(`the dialog ${path.join(', ')}`);
    await page.keyboard.press('Escape');
    await gone(dialog);
  }
  await ui.button('Menu').click();
  await axe('the menu');
  await page.keyboard.press('Escape');
  await ui.header('Size').getByRole('button').click({ button: 'right' });
  await axe('the menu of a column');
  await page.keyboard.press('Escape');
  await ui.button(/^Speed graph/).click();
  await axe('the speed graph');
  await page.keyboard.press('Escape');
  const sections = page.getByRole('navigation', { name: 'Settings' });
  await ui.button('Settings').click();
  await sections.getByRole('button', { name: 'Schedule' }).click();
  await ui.button('Add a period').click();
  await visible(page.getByRole('dialog'));
  await axe('the dialog for a period of the schedule');
  await page.keyboard.press('Escape');
  await sections.getByRole('button', { name: 'Account' }).click();
  await ui.button('Create a link').click();
  await visible(page.getByText(/Valid for/));
  await page.getByLabel('Name of the token').fill('script');
  await ui.button('Create a token').click();
  await visible(page.getByText(/it is not shown again/));
  await axe('the account with a link and a token');
  await sections.getByRole('button', { name: 'Appearance' }).click();
  await ui.button('Set up…').click();
  await visible(page.getByRole('dialog'));
  await axe('the dialog for links and files');
});

flow('details_change_limits_and_trackers_of_a_torrent', async ({ page, ui, daemon, swarm }) => {
  await daemon.cli('add', (await swarm.make('Detailed.bin', { files: 30_000 })).path);
  await ui.open('Detailed.bin', 'Options');
  await ui.details.getByLabel('Upload limit').fill('50 KiB/s');
  await ui.details.getByRole('button', { name: 'Save' }).first().click();
  await becomes(async () => (await daemon.torrent('Detailed.bin')).limits.up_per_s, 51_200);
  await ui.details.getByRole('switch', { name: 'Download in order' }).check();
  await becomes(async () => (await daemon.torrent('Detailed.bin')).is_sequential, true);
  await ui.tab('Trackers').click();
  await ui.details.getByRole('button', { name: 'Add trackers' }).click();
  await ui.details.getByLabel('Announce URLs, one per line').fill('http://127.0.0.1:9/second/announce');
  await ui.details.getByRole('button', { name: 'Add trackers' }).last().click();
  const { id } = await daemon.torrent('Detailed.bin');
  await becomes(async () => (await daemon.api('GET', `/torrents/${id}/trackers`)).length, 2, 'trackers');
  await visible(ui.details.getByRole('row').filter({ hasText: '127.0.0.1:9' }));
});

flow('details_show_a_folder_of_many_files', async ({ ui, daemon, swarm }) => {
  const files = Object.fromEntries(Array.from({ length: 1500 }, (_, i) =>
    [`part ${String(i % 15).padStart(2, '0')}/file ${String(i).padStart(4, '0')}.txt`, 10 + i % 7]));
  const made = await swarm.make('Archive', { files, isSeeded: false });
  await daemon.cli('add', '--paused', made.path);
  await ui.open('Archive', 'Files');
  const grid = ui.details.getByRole('treegrid', { name: 'Files' });
  await visible(grid.getByText('part 00'));
  await visible(ui.details.getByText(/1,500 files/));
  await ui.details.getByRole('searchbox', { name: 'Filter files' }).fill('file 0777');
  await visible(grid.getByText('file 0777.txt'));
  await ui.details.getByRole('searchbox', { name: 'Filter files' }).fill('');
  await visible(grid.getByText('part 01'));
  await ui.details.getByRole('tabpanel').getByRole('button', { name: 'More actions' }).click();
  await ui.item('Open all folders').click();
  await visible(grid.getByText('file 0000.txt'));
  const rows = await grid.getByRole('row').count();
  assert.ok(rows < 120, `${rows} rows are rendered`);
});

flow('daemon_restart_shows_a_banner_and_catches_up', async ({ page, ui, daemon, swarm, allow, axe }) => {
  allow(/WebSocket|ERR_CONNECTION_REFUSED|Failed to load resource/);
  await daemon.cli('add', '--paused', (await swarm.make('Before.bin', { files: 1000, isSeeded: false })).path);
  await visible(ui.row('Before.bin'));
  await daemon.stop();
  const banner = page.getByRole('region', { name: 'No connection to the server' });
  await visible(banner.getByText('The list may be out of date.'));
  await axe('the offline banner');
  assert.deepEqual(await ui.names(), ['Before.bin'], 'the list stays');
  await daemon.resume();
  await daemon.cli('add', '--paused', (await swarm.make('After.bin', { files: 1000, isSeeded: false })).path);
  // The login outlives the daemon.
  await gone(banner);
  await visible(ui.row('After.bin'));
  await ui.select('Before.bin');
  await page.keyboard.press('F3');
  await becomes(async () => (await daemon.torrent('Before.bin')).state !== 'paused', true);
}, { own: {} });

const HOSTILE = '<img src=x onerror=alert(1)>';
flow('names_of_others_are_shown_as_text', async ({ page, ui, daemon, swarm }) => {
  const made = await swarm.make(HOSTILE, {
    files: { '<b onclick=alert(2)>.txt': 1000, '"><script>alert(3)<&.html': 2000 },
  });
  await ui.drop([{ name: `${HOSTILE}.torrent`, content: await readFile(made.path) }]);
  const dialog = ui.dialog('Add torrents');
  await visible(dialog.getByText('<b onclick=alert(2)>.txt'));
  await dialog.getByRole('combobox', { name: 'Category' }).fill(HOSTILE.replaceAll('/', ''));
  await dialog.getByRole('combobox', { name: 'Tags' }).fill('<i>tag</i>'.replaceAll('/', ''));
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Add 1 torrent' }).click();
  await visible(ui.row(HOSTILE));
  await visible(ui.filter(`${HOSTILE} 1`).first());
  for (const name of ['Overview', 'Files', 'Log', 'Options']) {
    await ui.open(HOSTILE, name);
    await visible(ui.details.getByRole('tabpanel', { name }));
  }
  await ui.tab('Files').click();
  await visible(ui.details.getByText('"><script>alert(3)<&.html'));
  for (const entry of ['Rename', 'Move files', 'Set limits', 'Remove']) {
    await ui.choose(HOSTILE, entry);
    await visible(page.getByRole('dialog').getByRole('button', { name: 'Cancel' }));
    await gone(page.getByRole('dialog').getByText('Loading'));
    await page.keyboard.press('Escape');
    await gone(page.getByRole('dialog'));
  }
  await ui.button('Log').click();
  await visible(page.getByText(HOSTILE).first());
  assert.equal(await page.locator('img, b, i, script:not([src])').count(), 0, 'markup of names became elements');
});
