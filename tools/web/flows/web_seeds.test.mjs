import http from 'node:http';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outputDir } from '../browser.mjs';
import { flow } from '../flow.mjs';
import { sameContent } from '../swarm.mjs';
import { gone, visible } from '../ui.mjs';

/** Serves one file at any path, in ranges. @param {string} path */
async function serve(path) {
  const content = await readFile(path);
  const server = http.createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const range = `bytes ${first}-${last}/${content.length}`;
    response.writeHead(206, { 'Content-Range': range, 'Content-Length': Number(last) - Number(first) + 1 });
    response.end(content.subarray(Number(first), Number(last) + 1));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(null)); });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/Served.bin`, close: () => { server.closeAllConnections(); server.close(); } };
}

flow('web_seed_is_added_in_the_details_and_completes_the_torrent', async ({ page, ui, daemon, swarm, axe }) => {
  const made = await swarm.make('Served.bin', { files: 3_000_000, isSeeded: false });
  const server = await serve(made.data);
  try {
    await daemon.cli('add', made.path);
    await ui.open('Served.bin', 'Trackers');
    const section = ui.details.getByRole('region', { name: 'Web seeds' });
    await visible(section.getByText('0 web seeds'));
    await section.getByRole('button', { name: 'Add web seeds' }).first().click();
    const field = section.getByRole('textbox', { name: /URLs of the file/ });
    await field.fill('ftp://no');
    await section.getByRole('button', { name: 'Add web seeds' }).last().click();
    await visible(section.getByText(/is no URL/));
    await axe('the form for web seeds');
    await field.fill(server.url);
    await section.getByRole('button', { name: 'Add web seeds' }).last().click();
    await gone(field);
    await visible(section.getByText(/Served\.bin/));
    await visible(ui.cell('Served.bin', '100%'));
    await sameContent(join(daemon.downloadDir, 'Served.bin'), made.data);
    await visible(section.getByText('2.86 MiB'));
    await axe('the list of web seeds');
    await page.screenshot({ path: join(outputDir(), 'web-seeds.png') });
    await ui.note('Done for 1 torrent').getByRole('button', { name: 'Close' }).click();
    await section.getByRole('button', { name: 'Remove web seed' }).click();
    await visible(section.getByText('0 web seeds'));
  } finally {
    server.close();
  }
});
