/** A real daemon on the loopback interface, with its state in a folder for temporary files. */

import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, run } from './program.mjs';

export const USER = 'ztor', PASSWORD = 'test-password';
/** Program under test. */
export const ZTOR = process.env.ZTOR ?? new URL('../../target/debug/ztor', import.meta.url).pathname;
/** Folder of a web UI that is served in place of the built-in one. */
const WEB_DIR = process.env.ZTOR_WEB_DIR;

/** @type {string[]} */
const folders = [];
process.on('exit', () => { for (const dir of folders) rmSync(dir, { recursive: true, force: true, maxRetries: 3 }); });

/** Creates a folder that is removed at the end of this process. @param {string} name @returns {string} */
export function temporary(name) {
  const dir = mkdtempSync(join(tmpdir(), `ztor-web-${name}-`));
  folders.push(dir);
  return dir;
}

/** @typedef {Awaited<ReturnType<typeof startDaemon>>} Daemon */

/** Starts a daemon. @param {{ flags?: readonly string[], hasPassword?: boolean, limitMs?: number }} [options] */
export async function startDaemon({ flags = [], hasPassword = true, limitMs = 60_000 } = {}) {
  const dir = temporary('daemon');
  const [stateDir, downloadDir] = [join(dir, 'state'), join(dir, 'downloads')];
  await mkdir(downloadDir);
  await writeFile(join(dir, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
  const env = { ZTOR_STATE_DIR: stateDir, XDG_CONFIG_HOME: join(dir, 'config'), HOME: dir };
  let listen = '127.0.0.1:0';

  const start = async () => {
    const program = new Program(ZTOR, ['--json', 'daemon', '--listen', listen, '--bind', '127.0.0.1', '--port', '0',
      '--dht=false', '--local-discovery=false', '--download-dir', downloadDir, '--log-level', 'info',
      '--watch-settle', '1s', '--login-attempts', '50',
      ...(hasPassword ? ['--password-file', join(dir, 'password')] : []),
      ...(WEB_DIR ? ['--web-dir', WEB_DIR] : []), ...flags], { env });
    const event = await program.event(({ event }) => event === 'running', limitMs);
    listen = event.api[0];
    return { program, url: event.web, peer: event.peer_addr };
  };
  const daemon = {
    ...await start(), dir, stateDir, downloadDir,
    /** Runs a command of the CLI against this daemon. @param {...string} args */
    cli: (...args) => run(ZTOR, args, { env }),
    /** Sends a request to the API over the local socket, which asks for no password.
     *  @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
    api: (method, path, body) => request(join(stateDir, 'socket'), method, path, body),
    /** Torrents of the list. @returns {Promise<any[]>} */
    torrents: async () => (await daemon.api('GET', '/torrents')).torrents,
    /** One torrent of the list, by name. @param {string} name */
    torrent: async (name) => (await daemon.torrents()).find((torrent) => torrent.name === name),
    /** Link that logs in once. */
    link: async () => (await daemon.cli('web', '--print')).trim(),
    stop: () => daemon.program.stop(),
    /** Starts it again at the same address. */
    resume: async () => { Object.assign(daemon, await start()); },
    /** Removes all torrents with their data, and all labels, watched folders and changes of settings. */
    clear: async () => {
      const torrents = await daemon.torrents();
      if (torrents.length > 0) {
        await daemon.api('POST', '/torrents/actions', {
          torrents: ['all'], action: { kind: 'remove', data: 'delete' },
        });
      }
      for (const { path } of await daemon.api('GET', '/categories')) {
        if (!path.includes('/')) await daemon.api('DELETE', `/categories/by-path/${encodeURIComponent(path)}`);
      }
      for (const { name } of await daemon.api('GET', '/tags')) {
        await daemon.api('DELETE', `/tags/by-name/${encodeURIComponent(name)}`);
      }
      for (const { key, source } of await daemon.api('GET', '/settings')) {
        if (source.source === 'changed') await daemon.api('DELETE', `/settings/${key}`);
      }
      for (const { dir } of await daemon.api('GET', '/watch-folders')) {
        await daemon.api('DELETE', `/watch-folders?dir=${encodeURIComponent(dir)}`);
      }
    },
  };
  return daemon;
}

/** @param {string} socketPath @param {string} method @param {string} path @param {object} [body]
 *  @returns {Promise<any>} */
function request(socketPath, method, path, body) {
  return new Promise((resolve, reject) => {
    const message = http.request({
      socketPath, method, path: `/api/v1${path}`, timeout: 30_000, agent: false,
      headers: { Host: 'localhost', ...(body && { 'Content-Type': 'application/json' }) },
    }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
        const isGood = response.statusCode !== undefined && response.statusCode < 300;
        if (!isGood) return reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        resolve(text === '' ? null : JSON.parse(text));
      });
    });
    message.on('timeout', () => message.destroy(new Error(`${method} ${path}: no answer`)));
    message.on('error', reject);
    message.end(body && JSON.stringify(body));
  });
}
