/** Undo of a removal: torrents are added again with what the daemon knew of them. */

/** @import { App } from '../../app.js' */
/** @import { AddOptions, AddSource } from '../../types.js' */

import { inParallel } from '../add/batches.js';
import { readBase64 } from '../add/files.js';
import { tiersOf } from './changes.js';

/** @typedef {{ id: number, source: AddSource, options: AddOptions, tiers: string[][] }} Kept */

/** Number of torrents up to which a removal can be undone. */
export const MAX_KEPT = 20;

/** Returns all that is needed to add torrents again; null if a part cannot be read.
 *  @param {App} app @param {readonly number[]} ids @returns {Promise<Kept[] | null>} */
export async function keepTorrents(app, ids) {
  if (ids.length > MAX_KEPT) return null;
  /** @type {Kept[]} */
  const kept = [];
  try {
    await inParallel([...ids], 4, async (id) => { kept.push(await keep(app, id)); });
    // They come back in the order in which they were added.
    return kept.sort((a, b) => a.id - b.id);
  } catch {
    return null;
  }
}

/** @param {App} app @param {number} id @returns {Promise<Kept>} */
async function keep(app, id) {
  const [detail, trackers] = await Promise.all([app.api.detail(id), app.api.trackers(id, {}, true)]);
  const hasMetadata = detail.files !== null;
  const files = hasMetadata ? await app.api.files(id) : [];
  return {
    id,
    source: hasMetadata ? { torrent: await torrentFile(app, id) } : { magnet: detail.magnet },
    options: {
      dir: detail.dir, category: detail.category, tags: detail.tags, name: detail.name, limits: detail.limits,
      goals: detail.goals, paused: detail.state === 'paused' || detail.state === 'done',
      sequential: detail.is_sequential, ends_first: detail.is_ends_first,
      files: files.filter(({ priority }) => priority !== 'normal').map(({ index, priority }) => ({ index, priority })),
    },
    tiers: tiersOf(trackers),
  };
}

/** @param {App} app @param {number} id */
async function torrentFile(app, id) {
  const response = await fetch(app.api.torrentFileUrl(id), { credentials: 'same-origin', cache: 'no-store' });
  if (!response.ok) throw new Error(`cannot read the torrent file: the server answered with status ${response.status}`);
  return readBase64(await response.blob());
}

/** Adds torrents again. @param {App} app @param {readonly Kept[]} kept */
export async function restoreTorrents(app, kept) {
  let count = 0;
  try {
    for (const { source, options, tiers } of kept) {
      const { results: [result] } = await app.api.add({ sources: [source], options });
      if (result.result === 'failed') throw new Error(result.problem.detail);
      // The file has the trackers that it was made with; they may have been changed since.
      await app.api.act({ torrents: [`id:${result.id}`], action: { kind: 'edit_trackers', set: tiers } });
      count += 1;
    }
  } catch (error) {
    app.fail(error);
  }
  if (count > 0) app.toasts.show({ kind: 'success', text: app.t('remove.restored', { count }) });
  app.refreshLabels();
}
