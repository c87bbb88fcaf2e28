import assert from 'node:assert/strict';
import { flow } from '../flow.mjs';
import { visible } from '../ui.mjs';

/** @import { Scene } from '../flow.mjs' */

/** Visits the pages in any language, and checks what can depend on the look. @param {Scene} scene
 *  @param {string} look @param {readonly string[]} rules */
async function visit({ page, daemon, swarm, axe, note }, look, rules) {
  const made = await swarm.make('Looks.bin', { files: { 'a.bin': 50_000, 'b/c.bin': 60_000 } });
  await daemon.cli('add', '--tag', 'seen', '--category', 'things/small', made.path);
  await visible(page.getByText('Looks.bin').first());
  const check = async (/** @type {string} */ where) => {
    await axe(`${where}, ${look}`, { rules });
    const overflowPx = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflowPx > 0) note(`${where} scrolls sideways by ${overflowPx} px, ${look}`);
  };
  await check('the list');
  await page.getByText('Looks.bin').first().dblclick();
  await visible(page.getByRole('tab').first());
  for (const tab of await page.getByRole('tab').all()) {
    await tab.click();
    await visible(page.getByRole('tabpanel'));
    await check(`tab ${await tab.textContent()}`);
  }
  for (const hash of ['#/statistics', '#/log', '#/settings/limits', '#/settings/schedule', '#/settings/appearance']) {
    await page.goto(daemon.url + hash);
    await visible(page.getByRole('main').getByRole('heading').first());
    await check(hash);
  }
  await page.goto(`${daemon.url}#`);
  await visible(page.getByRole('grid'));
  await page.keyboard.press('Insert');
  await visible(page.getByRole('dialog'));
  await check('the add dialog');
}

flow('arabic_is_written_from_right_to_left', async (scene) => {
  const { page } = scene;
  await visit(scene, 'Arabic', ['label', 'button-name', 'valid-lang', 'html-has-lang']);
  assert.equal(await page.evaluate(() => document.documentElement.dir), 'rtl');
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'ar');
  const [sidebar, main] = [await page.getByRole('complementary').first().boundingBox(),
    await page.getByRole('main').boundingBox()];
  assert.ok(sidebar && main && sidebar.x > main.x, 'the sidebar is at the right');
}, { context: { locale: 'ar-EG' } });

flow('dark_theme_follows_the_system', async (scene) => {
  await visit(scene, 'dark', ['color-contrast']);
  const light = await scene.page.evaluate(() => getComputedStyle(document.body).backgroundColor
    .match(/[\d.]+/g)?.slice(0, 3).reduce((sum, part) => sum + Number(part), 0));
  assert.ok(light !== undefined && light < 200, `background ${light}`);
}, { context: { colorScheme: 'dark' } });

flow('language_and_theme_are_chosen_in_the_menu_and_kept', async ({ page, ui }) => {
  await visible(page.getByText('No torrents yet'));
  await ui.button('Menu').click();
  await ui.item('Appearance').click();
  await ui.item('High contrast').click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'contrast');
  await ui.button('Menu').click();
  await ui.item('Language').click();
  await ui.item('Deutsch').click();
  await visible(page.getByText('Noch keine Torrents'));
  await page.reload();
  await visible(page.getByText('Noch keine Torrents'));
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'contrast');
});
