import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { flow } from '../flow.mjs';
import { until } from '../program.mjs';
import { sameContent, serveFiles } from '../swarm.mjs';
import { becomes, gone, isolated, visible } from '../ui.mjs';

/** @import { Made } from '../swarm.mjs' */

/** @param {Made} made */
const asFile = async ({ name, path }) => ({ name: `${name}.torrent`, content: await readFile(path) });

flow('add_by_drop_previews_the_files_and_downloads_the_chosen_ones', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Album', {
    files: { '01 first.flac': 700_000, '02 second.flac': 800_000, 'art/cover.png': 30_000 },
    flags: ['--piece-length', '16KiB'],
  });
  await ui.drop([await asFile(made)]);
  const dialog = ui.dialog('Add torrents');
  const files = dialog.getByRole('treegrid', { name: 'Files to download' });
  await visible(files.getByRole('checkbox', { name: '02 second.flac' }));
  await axe('the add dialog with a preview');
  await files.getByRole('checkbox', { name: '02 second.flac' }).click();
  await visible(dialog.getByText(`2 of ${isolated('3')} files`));
  await dialog.getByRole('combobox', { name: 'Category' }).fill('music/live');
  await dialog.getByRole('combobox', { name: 'Tags' }).fill('lossless');
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Add 1 torrent' }).click();
  await gone(dialog);
  await visible(ui.note('1 torrent added'));
  await visible(ui.cell('Album', '100%'));
  const torrent = await daemon.torrent('Album');
  assert.deepEqual([torrent.category, torrent.tags], ['music/live', ['lossless']]);
  await sameContent(join(torrent.dir, 'Album', '01 first.flac'), join(made.data, '01 first.flac'));
  const wanted = await daemon.api('GET', `/torrents/${torrent.id}/files`);
  assert.equal(wanted.find(({ path }) => path.includes('second'))?.priority, 'skip');
  // An undo takes it back, as nothing is lost.
  await visible(ui.filter(/^music/));
  await ui.note('1 torrent added').getByRole('button', { name: 'Undo' }).click();
  await visible(page.getByText('No torrents yet'));
});

flow('add_by_paste_of_a_magnet_fetches_the_metadata_and_downloads', async ({ page, ui, daemon, swarm }) => {
  const made = await swarm.make('Harbour at night.mkv', { files: 3_000_000 });
  await visible(page.getByText('No torrents yet'));
  await ui.paste(made.magnet);
  const dialog = ui.dialog('Add torrents');
  await visible(dialog.getByText('in 1 file'), 60_000);
  await dialog.getByRole('button', { name: 'Add 1 torrent' }).click();
  await visible(ui.cell('Harbour at night.mkv', '100%'));
  await sameContent(join((await daemon.torrent(made.name)).dir, made.name), made.data);
});

flow('add_by_url_and_several_at_once_from_the_text_field', async ({ page, ui, daemon, swarm, axe }) => {
  const [one, two, modern] = await Promise.all([
    swarm.make('Report.pdf', { files: 200_000, flags: ['--private'] }),
    swarm.make('Slides.odp', { files: 300_000 }),
    swarm.make('Only v2.bin', { files: 400_000, flags: ['--format', 'v2'] }),
  ]);
  const server = await serveFiles({ '/report.torrent': one.path, '/v2.torrent': modern.path });
  try {
    await ui.button('Add torrents').first().click();
    const dialog = ui.dialog('Add torrents');
    await visible(dialog);
    await axe('the empty add dialog');
    await dialog.getByLabel('Magnet links, info-hashes or URLs, one per line').fill(
      [`${server.url}/report.torrent`, `${server.url}/v2.torrent`, two.hash, 'nonsense'].join('\n'));
    await page.keyboard.press('Enter');
    await visible(dialog.getByText('Report.pdf'));
    await visible(dialog.getByText('This is not a link, an info-hash or a URL.'));
    await axe('the add dialog with several sources');
    await dialog.getByRole('button', { name: 'Add 3 torrents' }).click();
    await gone(dialog);
    await visible(ui.cell('Report.pdf', '100%'));
    await visible(ui.cell('Only v2.bin', '100%'));
    const torrent = await daemon.torrent('Report.pdf');
    assert.equal(torrent.is_private, true);
    await sameContent(join(torrent.dir, 'Report.pdf'), one.data);
    await sameContent(join(torrent.dir, 'Only v2.bin'), modern.data);
    assert.equal((await daemon.torrents()).length, 3);
  } finally { await server.stop(); }
});

flow('add_of_a_duplicate_merges_its_trackers', async ({ page, ui, daemon, swarm }) => {
  const made = await swarm.make('Twice.bin', { files: 100_000 });
  await daemon.cli('add', made.path);
  await visible(ui.row('Twice.bin'));
  const other = 'http://127.0.0.1:9/other/announce';
  await ui.paste(`${made.magnet}&tr=${encodeURIComponent(other)}`);
  const dialog = ui.dialog('Add torrents');
  await visible(dialog.getByText('In the list').first());
  await dialog.getByRole('button', { name: 'Merge into 1 torrent' }).click();
  await gone(dialog);
  await visible(ui.note('its trackers and tags are merged'));
  const { id } = await daemon.torrent('Twice.bin');
  const urls = (await daemon.api('GET', `/torrents/${id}/trackers?secrets=true`)).map(({ url }) => url);
  assert.ok(urls.includes(other), urls.join());
  assert.equal((await daemon.torrents()).length, 1);
  await ui.open('Twice.bin', 'Trackers');
  await visible(ui.details.getByText('http://127.0.0.1:9'));
});

flow('add_from_a_watched_folder_that_the_settings_page_defines', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Watched.bin', { files: 150_000 });
  const dir = join(daemon.dir, 'watched');
  await mkdir(dir, { recursive: true });
  await ui.button('Settings').click();
  await page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: 'Watched folders' }).click();
  await visible(page.getByText('No folder is watched'));
  await axe('the page of watched folders');
  await ui.button('Watch a folder').first().click();
  const dialog = ui.dialog('Watch a folder');
  await dialog.getByRole('combobox', { name: 'Folder to watch' }).fill(dir);
  await axe('the dialog for a watched folder');
  await dialog.getByRole('button', { name: /^(Watch a folder|Save)$/ }).click();
  await gone(dialog);
  await visible(page.getByText(dir).first());
  await copyFile(made.path, join(dir, 'new.torrent'));
  await until(() => daemon.torrent('Watched.bin'), 'the torrent of the watched folder');
  await ui.button('Torrents').click();
  await visible(ui.cell('Watched.bin', '100%'));
});

flow('create_makes_a_torrent_of_a_folder_on_the_server_and_seeds_it', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Holiday', { files: { 'a.jpg': 200_000, 'b/c.jpg': 100_000 }, isSeeded: false });
  await ui.button('Menu').click();
  await ui.item('Create a torrent').click();
  const dialog = ui.dialog('Create a torrent');
  await visible(dialog);
  await axe('the dialog that creates torrents');
  await dialog.getByRole('combobox', { name: 'File or folder on the server' }).fill(made.data);
  await dialog.getByLabel('Announce URLs of trackers').fill(swarm.announce);
  await dialog.getByRole('radio', { name: 'v1 alone' }).check();
  const add = dialog.getByRole('checkbox', { name: 'Add it to the list and seed it' });
  if (!await add.isChecked()) await add.check();
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await visible(dialog.getByText('Created and added to the list'));
  await axe('the dialog with a created torrent');
  const [download] = await Promise.all([
    page.waitForEvent('download'), dialog.getByText('Save the torrent file').or(
      dialog.getByRole('link', { name: 'Save the torrent file' })).first().click()]);
  assert.ok((await readFile(await download.path())).includes('announce'));
  await page.keyboard.press('Escape');
  await visible(ui.cell('Holiday', '100%'));
  await becomes(async () => (await daemon.torrent('Holiday')).state, 'seeding');
});
