/** Texts of torrents for the clipboard, and their torrent files. */

/** @import { App } from '../../app.js' */
/** @import { Detail, Torrent } from '../../types.js' */

import { toQuery } from '../../query.js';
import { copyText } from '../../ui/clipboard.js';
import { download } from '../../ui/download.js';

/** Number of requests that are open at a time. */
const PARALLEL = 6;
/** Pause between downloads: browsers drop some of those that begin at the same time. */
const DOWNLOAD_PAUSE_MS = 300;

/** Copies a line of each torrent. @param {App} app @param {readonly number[]} ids
 *  @param {(torrent: Torrent) => string} lineOf */
export const copyLines = (app, ids, lineOf) =>
  copy(app, async () => (await torrentsOf(app, ids)).map(lineOf).join('\n'));

/** Copies a line of the details of each torrent. @param {App} app @param {readonly number[]} ids
 *  @param {(detail: Detail) => string} lineOf */
export const copyDetails = (app, ids, lineOf) => copy(app, async () => {
  /** @type {string[]} */
  const lines = new Array(ids.length);
  let next = 0;
  const work = async () => {
    for (let i = next++; i < ids.length; i = next++) lines[i] = lineOf(await app.api.detail(ids[i]));
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, ids.length) }, work));
  return lines.join('\n');
});

/** Saves the torrent files, one download each. @param {App} app @param {readonly number[]} ids */
export async function saveTorrentFiles(app, ids) {
  for (const [i, id] of ids.entries()) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, DOWNLOAD_PAUSE_MS));
    download(app.api.torrentFileUrl(id));
  }
}

/** Returns torrents by id. Those that are not loaded are fetched, all at once. @param {App} app
 *  @param {readonly number[]} ids @returns {Promise<Torrent[]>} */
async function torrentsOf(app, ids) {
  const loaded = ids.map((id) => app.live.row(id));
  if (loaded.every((row) => row !== undefined)) return /** @type {Torrent[]} */ (loaded);
  const { torrents } = await app.api.list(toQuery(app.view.peek()));
  const wanted = new Set(ids);
  return torrents.filter(({ id }) => wanted.has(id));
}

/** Copies a text that has to be read first. @param {App} app @param {() => Promise<string>} read */
async function copy(app, read) {
  try { await copyText(app, await read()); } catch (error) { app.fail(error); }
}
