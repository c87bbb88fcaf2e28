/** Real swarms: a tracker, and seeds of torrents that are made from generated files. */

import { createCipheriv, createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { basename, dirname, join, relative } from 'node:path';
import { Program, run, until } from './program.mjs';
import { ZTOR, temporary } from './daemon.mjs';

/** @typedef {Record<string, number> | number} Files Sizes by path within the folder, or that of a single file. */
/** @typedef {object} Made
 *  @property {string} name
 *  @property {string} path of the torrent file
 *  @property {string} data path of its file or folder
 *  @property {string} magnet
 *  @property {string} hash */

/** Returns the same bytes each time, which differ between names. @param {string} name @param {number} size */
export function bytesOf(name, size) {
  const key = createHash('sha256').update(name).digest();
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(size));
}

/** Starts a tracker. Torrents and their seeds are added one by one. */
export async function startSwarm() {
  const dir = temporary('swarm');
  const env = { HOME: dir, XDG_STATE_HOME: join(dir, 'state') };
  const flags = ['--bind', '127.0.0.1', '--http-port', '0', '--interval', '5s'];
  const tracker = new Program(ZTOR, ['--json', 'tracker', ...flags], { env });
  const { http: announce } = await tracker.event(({ event }) => event === 'tracker');
  const programs = [tracker];
  let count = 0;

  /** Makes a torrent, and seeds it until the end.
   *  @param {string} name
   *  @param {{ files: Files, flags?: readonly string[], seedFlags?: readonly string[], isSeeded?: boolean }} options
   *  @returns {Promise<Made>} */
  const make = async (name, { files, flags = [], seedFlags = [], isSeeded = true }) => {
    const home = join(dir, String(count += 1));
    const data = join(home, name);
    const all = typeof files === 'number' ? { [name]: files }
      : Object.fromEntries(Object.entries(files).map(([path, size]) => [join(name, path), size]));
    for (const [path, size] of Object.entries(all)) {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), bytesOf(path, size));
    }
    const path = join(home, 'made.torrent');
    await run(ZTOR, ['create', data, '--output', path, '--tracker', announce, ...flags], { env });
    const { hash, magnet } = await facts(path, env);
    const made = { name, path, data, hash, magnet };
    if (isSeeded) await seed(made, seedFlags);
    return made;
  };
  /** Seeds a torrent. @param {Made} made @param {readonly string[]} [flags] */
  const seed = async ({ path, data }, flags = []) => {
    const state = join(dir, `seed-${count += 1}`);
    const place = flags.includes('--bind') ? [] : ['--bind', '127.0.0.1'];
    const program = new Program(ZTOR, ['--json', 'seed', path, data, ...place, '--port', '0', '--no-dht', ...flags],
      { env: { ...env, XDG_STATE_HOME: state } });
    programs.push(program);
    await program.event(({ event }) => event === 'seeding');
    return program;
  };
  return {
    announce, make, seed, dir,
    /** Ends the seeds that run. */
    stopSeeds: async () => { await Promise.all(programs.splice(1).map((program) => program.stop())); },
    stop: async () => { await Promise.all(programs.splice(0).map((program) => program.stop())); },
  };
}

/** @param {string} path @param {Record<string, string>} env */
async function facts(path, env) {
  const shown = JSON.parse((await run(ZTOR, ['--json', 'show', path], { env })).split('\n')[0]);
  return { hash: /urn:bt[im]h:(?:1220)?([0-9a-f]+)/.exec(shown.magnet)?.[1] ?? '', magnet: shown.magnet };
}

/** Resolves when the files below a folder have the content of those that are seeded.
 *  @param {string} copy @param {string} original file or folder */
export async function sameContent(copy, original) {
  const files = await filesBelow(original);
  const isSame = async () => {
    for (const file of files) {
      const place = file === original ? copy : join(copy, relative(original, file));
      const [a, b] = await Promise.all([readFile(place).catch(() => null), readFile(file)]);
      if (!a?.equals(b)) return false;
    }
    return true;
  };
  await until(isSame, `content of ${basename(original)} in ${copy}`);
}

/** @param {string} path @returns {Promise<string[]>} */
async function filesBelow(path) {
  try {
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOTDIR') return [path];
    throw error;
  }
}

/** Serves torrent files by HTTP on a free port. @param {Record<string, string>} paths files by path of the URL */
export async function serveFiles(paths) {
  const server = http.createServer(async (message, response) => {
    const path = paths[decodeURIComponent(message.url ?? '')];
    if (!path) return response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': 'application/x-bittorrent' }).end(await readFile(path));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
  };
}
