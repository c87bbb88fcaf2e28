import assert from 'node:assert/strict';
import { flow } from '../flow.mjs';
import { becomes, gone, visible } from '../ui.mjs';

/** @import { Locator, Page } from 'playwright-core' */
/** @import { Scene } from '../flow.mjs' */

/** Holds a finger on an element. @param {Page} page @param {Locator} locator */
async function hold(page, locator) {
  const box = await locator.boundingBox();
  assert.ok(box);
  const touch = await page.context().newCDPSession(page);
  const touchPoints = [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }];
  await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
  await visible(page.getByRole('toolbar', { name: 'Actions for selected torrents' }));
  await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

/** Controls that a finger may miss. @param {Page} page */
const smallTargets = (page) => page.evaluate(() => [...document.querySelectorAll('button, a[href], select, [role=tab]')]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('[inert], .k-hidden'))
  .map((element) => ({ element, box: element.getBoundingClientRect() }))
  .filter(({ box }) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
  .map(({ element, box }) => `${element.className} "${element.ariaLabel ?? element.textContent?.trim().slice(0, 30)}" `
    + `${Math.round(box.width)}×${Math.round(box.height)}`));

/** Notes what does not suit a finger or a narrow window. @param {Scene} scene @param {string} where */
async function checkLayout({ page, axe, note }, where) {
  await axe(where);
  const overflowPx = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflowPx > 0) note(`${where} scrolls sideways by ${overflowPx} px`);
  for (const target of await smallTargets(page)) note(`small target: ${target}`);
}

flow('phone_shows_cards_a_drawer_and_a_page_of_details', async (scene) => {
  const { page, ui, daemon, swarm } = scene;
  const name = 'A rather long name of a film that does not fit on one line of a phone 2160p.mkv';
  const made = await swarm.make(name, { files: 400_000 });
  await daemon.cli('add', '--tag', 'films', made.path);
  await daemon.cli('add', '--paused', (await swarm.make('Small.txt', { files: 1000, isSeeded: false })).path);
  const card = (/** @type {string} */ name) => ui.list.getByRole('row').filter({ hasText: name });
  await visible(card('Small.txt'));
  await visible(card(made.name));
  await checkLayout(scene, 'the cards');

  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Filters' }).tap();
  const drawer = ui.dialog('Filters');
  await visible(drawer.getByRole('button', { name: /^films/ }));
  await checkLayout(scene, 'the drawer');
  await drawer.getByRole('button', { name: /^films/ }).tap();
  await gone(drawer);
  await gone(card('Small.txt'));

  await card(made.name).tap();
  await visible(ui.details.getByRole('heading', { name: made.name }));
  for (const name of ['Files', 'Peers', 'Trackers', 'Speed', 'Log', 'Options', 'Overview']) {
    await ui.tab(name).tap();
    await visible(ui.details.getByRole('tabpanel', { name }));
    await checkLayout(scene, `${name} on a phone`);
  }
  await ui.button('Back to the list').tap();
  await visible(card(made.name));
  await page.goBack();
  await visible(ui.details.getByRole('heading', { name: made.name }));
  await page.goForward();
  await visible(card(made.name));
}, { isPhone: true });

flow('phone_long_press_selects_and_the_bar_acts', async (scene) => {
  const { page, ui, daemon, swarm } = scene;
  for (const name of ['First.bin', 'Second.bin']) {
    await daemon.cli('add', (await swarm.make(name, { files: 1000, isSeeded: false })).path);
  }
  const card = (/** @type {string} */ name) => ui.list.getByRole('row').filter({ hasText: name });
  await visible(card('Second.bin'));
  await hold(page, card('First.bin'));
  await visible(page.getByText('1 selected').first());
  await card('Second.bin').tap();
  await visible(page.getByText('2 selected').first());
  await checkLayout(scene, 'cards that are selected');
  const bar = page.getByRole('toolbar', { name: 'Actions for selected torrents' });
  await bar.getByRole('button', { name: 'Stop' }).tap();
  await becomes(async () => (await daemon.torrents()).map(({ state }) => state), ['paused', 'paused'], 'states');
  await bar.getByRole('button', { name: 'More actions' }).tap();
  await visible(ui.item('Set limits'));
  await checkLayout(scene, 'the menu on a phone');
  await page.keyboard.press('Escape');
  await bar.getByRole('button', { name: 'Clear selection' }).tap();
  await gone(bar);
}, { isPhone: true });

flow('phone_adds_by_the_bottom_bar_and_visits_all_pages', async (scene) => {
  const { page, ui, swarm } = scene;
  const made = await swarm.make('By touch.bin', { files: 50_000 });
  const bar = page.getByRole('navigation', { name: 'Pages' });
  await bar.getByRole('button', { name: 'Add' }).tap();
  const dialog = ui.dialog('Add torrents');
  const text = dialog.getByLabel('Magnet links, info-hashes or URLs, one per line');
  await text.fill(made.magnet);
  await text.press('Enter');
  await visible(dialog.getByText('in 1 file'), 60_000);
  await checkLayout(scene, 'the add dialog on a phone');
  await dialog.getByRole('button', { name: 'Add 1 torrent' }).tap();
  await visible(ui.list.getByRole('row').filter({ hasText: 'By touch.bin' }));
  for (const name of ['Statistics', 'Log', 'Settings']) {
    await bar.getByRole('button', { name: 'More' }).tap();
    await ui.item(name).tap();
    await visible(page.getByRole('heading', { name, level: 1 }));
    await checkLayout(scene, `${name} on a phone`);
  }
  await page.getByRole('button', { name: 'Queue' }).tap();
  await visible(page.getByLabel('Downloads at a time'));
  await checkLayout(scene, 'a section of the settings on a phone');
  await ui.button('All settings').tap();
  await visible(page.getByRole('button', { name: 'Queue' }));
  await bar.getByRole('button', { name: 'Torrents' }).tap();
  await visible(ui.list);
}, { isPhone: true });
