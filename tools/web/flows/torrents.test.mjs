import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { flow } from '../flow.mjs';
import { sameContent } from '../swarm.mjs';
import { becomes, gone, isolated, visible } from '../ui.mjs';

const exists = (/** @type {string} */ path) => access(path).then(() => true, () => false);

flow('torrent_downloads_stops_and_starts_by_the_toolbar', async ({ page, ui, daemon, swarm }) => {
  const made = await swarm.make('Slow.bin', { files: 4_000_000, seedFlags: ['--limit-up', '600k'] });
  await daemon.cli('add', made.path);
  await visible(ui.cell('Slow.bin', 'Downloading'));
  await visible(ui.cell('Slow.bin', /KiB\/s|MiB\/s/));
  await ui.select('Slow.bin');
  await ui.button('Stop').click();
  await visible(ui.cell('Slow.bin', 'Stopped'));
  assert.equal((await daemon.torrent('Slow.bin')).state, 'paused');
  await page.keyboard.press('F3');
  await visible(ui.cell('Slow.bin', 'Downloading'));
  await visible(ui.cell('Slow.bin', '100%'), 60_000);
  await visible(ui.cell('Slow.bin', 'Seeding'));
  await sameContent(join(daemon.downloadDir, 'Slow.bin'), made.data);
});

flow('torrent_moves_its_files_and_an_undo_moves_them_back', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Moving', { files: { 'a.bin': 300_000, 'deep/b.bin': 200_000 } });
  await daemon.cli('add', made.path);
  await visible(ui.cell('Moving', '100%'));
  const target = join(daemon.dir, 'elsewhere');
  await ui.choose('Moving', 'Move files');
  const dialog = ui.dialog('Move the files of 1 torrent');
  const field = dialog.getByRole('combobox', { name: 'New folder' });
  await visible(field);
  await axe('the dialog that moves files');
  await field.fill('relative');
  await visible(dialog.getByText('Enter a path that begins with /.'));
  await field.fill(target);
  await page.keyboard.press('Tab');
  await dialog.getByRole('button', { name: 'Move', exact: true }).click();
  await gone(dialog);
  await becomes(async () => (await daemon.torrent('Moving')).dir, target, 'folder');
  await sameContent(join(target, 'Moving'), made.data);
  await becomes(() => exists(join(daemon.downloadDir, 'Moving', 'a.bin')), false, 'the file at its old place');
  await visible(ui.filter(/elsewhere/));
  await ui.note(/for 1 torrent/).getByRole('button', { name: 'Undo' }).click();
  await becomes(async () => (await daemon.torrent('Moving')).dir, daemon.downloadDir, 'folder after the undo');
  await sameContent(join(daemon.downloadDir, 'Moving'), made.data);
});

flow('torrent_is_renamed_in_the_list_and_its_file_on_disk', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Untitled', { files: { 'scan 1.png': 60_000, 'scan 2.png': 50_000 } });
  await daemon.cli('add', made.path);
  await visible(ui.cell('Untitled', '100%'));
  await ui.select('Untitled');
  await page.keyboard.press('F2');
  const dialog = ui.dialog('Rename the torrent');
  await visible(dialog.getByLabel('New name'));
  await axe('the dialog that renames');
  await dialog.getByLabel('New name').fill('Letters of 1912');
  await page.keyboard.press('Enter');
  await gone(dialog);
  await visible(ui.row('Letters of 1912'));
  assert.ok(await exists(join(daemon.downloadDir, 'Untitled', 'scan 1.png')));
  await ui.note('Done for 1 torrent').getByRole('button', { name: 'Undo' }).click();
  await visible(ui.row('Untitled'));

  await ui.open('Untitled', 'Files');
  await ui.details.getByRole('button', { name: `Actions for ${isolated('scan 1.png')}` }).click();
  await ui.item('Rename').click();
  await ui.details.getByRole('textbox', { name: 'New name' }).fill('page one.png');
  await page.keyboard.press('Enter');
  await visible(ui.details.getByText('page one.png').first());
  await becomes(() => exists(join(daemon.downloadDir, 'Untitled', 'page one.png')), true, 'the renamed file');
});

flow('file_priority_skip_leaves_a_file_out', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Season', {
    files: { 'episode 1.mkv': 600_000, 'episode 2.mkv': 600_000, 'extras/making of.mkv': 400_000 },
    flags: ['--piece-length', '16KiB'],
  });
  await daemon.cli('add', '--paused', made.path);
  await ui.open('Season', 'Files');
  const files = ui.details.getByRole('treegrid', { name: 'Files' });
  await visible(files.getByText('episode 2.mkv'));
  await axe('the files of a torrent');
  await files.getByRole('checkbox', { name: `Download ${isolated('episode 2.mkv')}` }).click();
  await visible(files.getByRole('button', { name: `Priority of ${isolated('episode 2.mkv')}: ${isolated('Skip')}` }));
  await files.getByRole('button', { name: `Priority of ${isolated('episode 1.mkv')}: ${isolated('Normal')}` }).click();
  await ui.item('High').click();
  await visible(files.getByRole('button', { name: `Priority of ${isolated('episode 1.mkv')}: ${isolated('High')}` }));
  const { id } = await daemon.torrent('Season');
  await becomes(async () => Object.fromEntries((await daemon.api('GET', `/torrents/${id}/files`))
    .map(({ path, priority }) => [String(path).split('/').at(-1), priority])),
  { 'episode 1.mkv': 'high', 'episode 2.mkv': 'skip', 'making of.mkv': 'normal' }, 'priorities');
  await page.getByRole('toolbar').getByRole('button', { name: 'Start' }).click();
  await visible(ui.cell('Season', '100%'));
  await sameContent(join(daemon.downloadDir, 'Season', 'episode 1.mkv'), join(made.data, 'episode 1.mkv'));
  // Pieces at the edges of the skipped file are loaded whole.
  assert.ok((await daemon.torrent('Season')).size_bytes < 1_100_000);
});

flow('labels_are_set_by_menu_and_dialogs_and_managed_in_the_settings', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Labelled.bin', { files: 50_000 });
  await daemon.cli('add', made.path);
  await visible(ui.row('Labelled.bin'));
  await ui.select('Labelled.bin');
  await page.keyboard.press('F7');
  const tags = ui.dialog('Tags of 1 torrent');
  await tags.getByLabel('Find or create a tag').fill('to read');
  await page.keyboard.press('Enter');
  await visible(tags.getByRole('checkbox', { name: 'to read' }));
  await axe('the dialog for tags');
  await tags.getByRole('button', { name: 'Save' }).click();
  await gone(tags);
  await visible(ui.filter(/^to read 1/));

  await ui.choose('Labelled.bin', 'Category', 'Other');
  const category = ui.dialog('Category of 1 torrent');
  await category.getByRole('combobox', { name: 'Category' }).fill('books/science');
  await axe('the dialog for the category');
  await category.getByRole('button', { name: 'Save' }).click();
  await gone(category);
  await visible(ui.filter(/^science 1/));
  assert.equal((await daemon.torrent('Labelled.bin')).category, 'books/science');

  await ui.button('Manage categories and tags').click();
  await visible(page.getByRole('heading', { name: 'Categories', level: 2 }).last());
  await ui.button('New category').first().click();
  const edit = page.getByRole('dialog');
  await edit.getByLabel('Path').fill('video');
  await axe('the dialog of a category');
  await edit.getByRole('button', { name: /^(Save|New category|Create)$/ }).click();
  await gone(edit);
  await becomes(async () => (await daemon.api('GET', '/categories')).map(({ path }) => path).sort(),
    ['books', 'books/science', 'video'], 'categories');
  await axe('the page of categories');
  await page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: 'Tags' }).click();
  await ui.button(`Remove the tag ${isolated('to read')}`).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await visible(page.getByText('No tags yet'));
  assert.deepEqual((await daemon.torrent('Labelled.bin')).tags, []);
});

flow('limits_of_a_torrent_and_of_the_daemon_take_effect', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Limited.bin', { files: 50_000 });
  await daemon.cli('add', made.path);
  await visible(ui.row('Limited.bin'));
  await ui.choose('Limited.bin', 'Set limits');
  const dialog = ui.dialog('Limits of 1 torrent');
  await visible(dialog.getByLabel('Download limit'));
  await axe('the dialog for limits');
  await dialog.getByLabel('Download limit').fill('many');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await visible(dialog.getByText('Enter a number, for example 4 MiB.'));
  await dialog.getByLabel('Download limit').fill('2 MiB/s');
  await dialog.getByLabel('Upload limit').fill('100k');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await gone(dialog);
  const limits = async () => (await daemon.torrent('Limited.bin')).limits;
  await becomes(limits, { down_per_s: 2_097_152, up_per_s: 102_400 }, 'limits');

  await page.getByRole('contentinfo').getByRole('button', { name: /^Download/ }).click();
  await ui.item(`1.00 MiB/s`).click();
  await visible(ui.note('Limit set to'));
  const setting = async () => (await daemon.api('GET', '/settings/limit_down')).value;
  await becomes(setting, 1_048_576, 'limit of the daemon');
  await ui.button('Alternative limits').click();
  await becomes(async () => (await daemon.api('GET', '/statistics')).alternative_limits, true, 'alternative limits');
  await becomes(() => ui.button('Alternative limits').getAttribute('aria-pressed'), 'true', 'state of the button');
  await page.keyboard.press('F8');
  await becomes(async () => (await daemon.api('GET', '/statistics')).alternative_limits, false, 'alternative limits');
});

flow('remove_keeps_the_files_and_is_undone_or_deletes_them_after_a_question', async (scene) => {
  const { page, ui, daemon, swarm, axe } = scene;
  const made = await swarm.make('Goes.bin', { files: 120_000 });
  await daemon.cli('add', '--tag', 'kept', made.path);
  await visible(ui.cell('Goes.bin', '100%'));
  await ui.select('Goes.bin');
  await page.keyboard.press('Delete');
  const dialog = ui.dialog('Remove 1 torrent?');
  await visible(dialog.getByRole('radio', { name: 'Keep the files' }));
  await axe('the dialog that removes');
  await dialog.getByRole('button', { name: 'Remove', exact: true }).click();
  await visible(page.getByText('No torrents yet'));
  assert.ok(await exists(join(daemon.downloadDir, 'Goes.bin')));
  await ui.note('1 torrent removed, its files stay').getByRole('button', { name: 'Undo' }).click();
  await visible(ui.cell('Goes.bin', '100%'));
  assert.deepEqual((await daemon.torrent('Goes.bin')).tags, ['kept']);

  await ui.select('Goes.bin');
  await ui.button('Remove…').click();
  await dialog.getByRole('radio', { name: 'Delete the files for good' }).check();
  await dialog.getByRole('button', { name: 'Delete files' }).click();
  const question = ui.dialog('Delete the files for good?');
  await visible(question);
  await axe('the question before files are deleted');
  await question.getByRole('button', { name: 'Delete files' }).click();
  await visible(page.getByText('No torrents yet'));
  await becomes(() => exists(join(daemon.downloadDir, 'Goes.bin')), false, 'the deleted file');
});
