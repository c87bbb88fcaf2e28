/** Texts of torrents for the clipboard, and their torrent files. */

/** @import { App } from '../../app.js' */
/** @import { Detail, Torrent } from '../../types.js' */

import { toQuery } from '../../query.js';

/** Number of requests that are open at a time. */
const PARALLEL = 6;
/** Pause between downloads: browsers drop some of those that begin at the same time. */
const DOWNLOAD_PAUSE_MS = 300;

/** Copies a line of each torrent. @param {App} app @param {readonly number[]} ids
 *  @param {(torrent: Torrent) => string} lineOf */
export const copyText = (app, ids, lineOf) =>
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
    const link = document.createElement('a');
    link.href = app.api.torrentFileUrl(id);
    link.download = '';
    link.click();
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

/** Writes a text to the clipboard. @param {App} app @param {() => Promise<string>} read */
async function copy(app, read) {
  try {
    const text = await read();
    if (globalThis.navigator?.clipboard) await navigator.clipboard.writeText(text);
    else if (!copyBySelection(text)) throw new Error(app.t('table.no_clipboard'));
    app.toasts.show({ kind: 'success', text: app.t('action.copied') });
  } catch (error) { app.fail(error); }
}

/** Copies without the clipboard of secure pages. @param {string} text */
function copyBySelection(text) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.className = 't-offscreen';
  document.body.append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  before?.focus({ preventScroll: true });
  return isDone;
}
