/** Transmission's daemon and its web client, for comparison in the same run. */

import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { hollowTorrent } from './bencode.mjs';
import { Program, until } from './program.mjs';
import { temporary } from './daemon.mjs';

/** Returns a free port. @returns {Promise<number>} */
const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    server.close(() => resolve(port));
  });
});

/** Starts Transmission with stopped torrents. @param {number} count */
export async function startTransmission(count) {
  const dir = temporary('transmission');
  await mkdir(join(dir, 'torrents'), { recursive: true });
  for (let i = 0; i < count; i += 1) {
    const name = `Torrent ${String((i * 7919) % count).padStart(5, '0')}`;
    const content = hollowTorrent(name, 262_144 + (i * 31 + 17) % count, 'http://127.0.0.1:9/announce');
    await writeFile(join(dir, 'torrents', `${i}.torrent`), content);
  }
  const port = await freePort();
  const program = new Program('transmission-daemon', [
    '--foreground', '--config-dir', dir, '--download-dir', join(dir, 'data'), '--paused', '--no-auth',
    '--port', String(port), '--rpc-bind-address', '127.0.0.1', '--bind-address-ipv4', '127.0.0.1',
    '--peerport', String(await freePort()), '--no-dht', '--no-lpd', '--no-utp', '--no-portmap',
  ]);
  const url = `http://127.0.0.1:${port}/transmission/`;
  const loaded = async () => {
    if (!program.isRunning) throw new Error(`no Transmission:\n${program.tail.join('\n')}`);
    const answer = await fetch(`${url}rpc`, { method: 'POST', signal: AbortSignal.timeout(20_000) }).catch(() => null);
    const session = answer?.headers.get('X-Transmission-Session-Id');
    if (!session) return false;
    const statistics = await fetch(`${url}rpc`, {
      method: 'POST', body: JSON.stringify({ method: 'session-stats' }),
      headers: { 'X-Transmission-Session-Id': session },
    });
    return (await statistics.json()).arguments.torrentCount >= count;
  };
  await until(loaded, `Transmission has loaded ${count} torrents`, 300_000);
  return { url: `${url}web/`, stop: () => program.stop() };
}
