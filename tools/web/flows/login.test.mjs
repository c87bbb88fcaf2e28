import assert from 'node:assert/strict';
import { logIn } from '../browser.mjs';
import { flow } from '../flow.mjs';
import { gone, visible } from '../ui.mjs';

flow('login_with_a_wrong_password_says_so_and_the_right_one_shows_the_list', async ({ page, ui, allow, axe }) => {
  allow(/status of 401/);
  await visible(page.getByRole('heading', { name: 'Log in to ztor' }));
  await axe('the login page');
  await logIn(page, { password: 'wrong-password' });
  await visible(page.getByRole('alert').filter({ hasText: 'The user name or the password is wrong.' }));
  await axe('the login page after a failure');
  await logIn(page);
  await visible(page.getByText('No torrents yet'));
  await axe('the empty list');
  await page.reload();
  await visible(page.getByText('No torrents yet'));
  await ui.button('Menu').click();
  await ui.item('Log out').click();
  await visible(page.getByText('You are logged out.'));
  await page.reload();
  await visible(page.getByRole('heading', { name: 'Log in to ztor' }));
  assert.equal((await page.context().cookies()).filter(({ value }) => value !== '').length, 0);
}, { isLoggedIn: false });

flow('login_by_a_one_time_link_works_once_and_leaves_no_code_in_the_address', async (scene) => {
  const { page, daemon, allow, openPage } = scene;
  allow(/status of 401/);
  const link = await daemon.link();
  const linked = await openPage();
  linked.allow(/status of 401/);
  await linked.page.goto(link);
  await visible(linked.page.getByText('No torrents yet'));
  assert.equal(linked.page.url(), daemon.url);
  await page.goto(`${daemon.url}?again`);
  await page.goto(link);
  await visible(page.getByText('This one-time link is used or too old.'));
  assert.ok(!page.url().includes('code='));
}, { isLoggedIn: false });

flow('login_by_a_code_offers_to_set_a_password_if_there_is_none', async ({ page, ui, daemon, axe, allow }) => {
  allow(/status of 401/);
  await visible(page.getByRole('heading', { name: 'Log in to ztor' }));
  await ui.button('Use a one-time code').click();
  const code = new URLSearchParams(new URL(await daemon.link()).hash.slice(1)).get('code') ?? '';
  await page.getByLabel('One-time code').fill(code);
  await ui.button('Log in').click();
  const dialog = ui.dialog('Set a password');
  await visible(dialog);
  await axe('the dialog for the first password');
  await dialog.getByLabel('New password').fill('short');
  await dialog.getByRole('button', { name: 'Set a password' }).click();
  await visible(dialog.getByText('Use at least 8 characters.'));
  await dialog.getByLabel('New password').fill('long enough for all');
  await dialog.getByRole('button', { name: 'Set a password' }).click();
  await gone(dialog);
  await visible(ui.note('Password set'));
  await ui.button('Menu').click();
  await ui.item('Log out').click();
  await logIn(page, { password: 'long enough for all' });
  await visible(page.getByText('No torrents yet'));
}, { isLoggedIn: false, own: { hasPassword: false } });
