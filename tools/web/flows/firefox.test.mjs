import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { launchFirefox } from '../bidi.mjs';
import { outputDir } from '../browser.mjs';
import { PASSWORD, USER, startDaemon } from '../daemon.mjs';
import { until } from '../program.mjs';
import { sameContent, startSwarm } from '../swarm.mjs';

const ENTER = '\uE007', TAB = '\uE004', ESCAPE = '\uE00C';

test('firefox_logs_in_shows_the_list_and_details_and_adds_a_magnet', { timeout: 180_000 }, async () => {
  const [daemon, swarm, firefox] = await Promise.all([startDaemon(), startSwarm(), launchFirefox()]);
  try {
    const [first, second] = [await swarm.make('First.bin', { files: 200_000 }),
      await swarm.make('Second.bin', { files: 100_000 })];
    await daemon.cli('add', first.path);
    await firefox.goTo(daemon.url);
    await firefox.click('textbox', 'User name');
    // A field for passwords has no role by which it could be found.
    await firefox.type(USER + TAB + PASSWORD + ENTER);
    await firefox.find('rowheader', 'First.bin');
    await firefox.click('rowheader', 'First.bin', 2);
    await firefox.click('tab', 'Files');
    await firefox.find('treegrid', 'Files');
    await firefox.click('button', 'Close details');
    await firefox.click('button', 'Add torrents');
    await firefox.find('dialog', 'Add torrents');
    await firefox.type(second.magnet + ENTER);
    await firefox.click('button', 'Add 1 torrent');
    await firefox.find('rowheader', 'Second.bin');
    await until(async () => (await daemon.torrent('Second.bin'))?.progress === 1, 'the download');
    await sameContent(join(daemon.downloadDir, 'Second.bin'), second.data);
    await firefox.type(ESCAPE);
    assert.deepEqual(firefox.messages.filter((text) => /^(error|warn)/.test(text)), [], 'messages of the console');
  } catch (error) {
    const file = join(outputDir(), 'firefox.png');
    await firefox.screenshot().then((png) => writeFile(file, png)).catch(() => {});
    const lines = [`screenshot: ${file}`, ...firefox.messages.slice(-20), ...daemon.program.tail.slice(-20)];
    console.error(lines.join('\n'));
    throw error;
  } finally {
    await Promise.all([firefox.close(), daemon.stop(), swarm.stop()]);
  }
});
