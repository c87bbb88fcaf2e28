/** Undo of a removal: torrents are added again with what the daemon knew of them. */

/** @import { App } from '../../app.js' */
/** @import { Action, AddOptions, AddSource, File, Problem } from '../../types.js' */
/** @import { Paths } from './rename_steps.js' */

import { ApiError } from '../../api.js';
import { inParallel } from '../add/batches.js';
import { readBase64 } from '../add/files.js';
import { tiersOf } from './changes.js';
import { renameSteps } from './rename_steps.js';

/** @typedef {{ id: number, source: AddSource, options: AddOptions, tiers: string[][], paths: Paths,
 *    start: Action | null }} Kept `start` is null if it was stopped. */

/** Number of torrents up to which a removal can be undone. */
export const MAX_KEPT = 20;
/** Pause between requests for the paths of files that are renamed, and the number of requests. */
const PAUSE_MS = 2000, MAX_TRIES = 600;

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
      goals: detail.goals, sequential: detail.is_sequential, ends_first: detail.is_ends_first,
      super_seeding: detail.is_super_seeding,
      files: files.filter(({ priority }) => priority !== 'normal').map(({ index, priority }) => ({ index, priority })),
    },
    tiers: tiersOf(trackers), paths: pathsOf(files),
    start: detail.state === 'paused' || detail.state === 'done' ? null : { kind: 'start', force: detail.is_forced },
  };
}

/** @param {App} app @param {number} id */
async function torrentFile(app, id) {
  const response = await fetch(app.api.torrentFileUrl(id), { credentials: 'same-origin', cache: 'no-store' });
  if (!response.ok) throw new Error(`cannot read the torrent file: the server answered with status ${response.status}`);
  return readBase64(await response.blob());
}

/** Adds torrents again. Those that fail can be tried again. @param {App} app @param {readonly Kept[]} kept */
export async function restoreTorrents(app, kept) {
  /** @type {Kept[]} */
  const failed = [];
  let message = '';
  for (const torrent of kept) {
    try { await restore(app, torrent); } catch (error) {
      failed.push(torrent);
      message ||= app.clean(app.errorText(error));
    }
  }
  if (failed.length === 0) {
    app.toasts.show({ kind: 'success', text: app.t('remove.restored', { count: kept.length }) });
  } else {
    app.toasts.show({
      kind: 'error', text: app.t('remove.restore_failed', { count: failed.length, message }),
      action: { label: app.t('action.retry'), run: () => restoreTorrents(app, failed) },
    });
  }
  app.refreshLabels();
}

/** @param {App} app @param {Kept} kept */
async function restore(app, { source, options, tiers, paths, start }) {
  // It is stopped until its files have their names: it would create others beside them.
  const { results: [result] } = await app.api.add({ sources: [source], options: { ...options, paused: true } });
  if (result.result === 'failed') throw problemError(result.problem);
  const { id } = result;
  // The file has the trackers that it was made with; they may have been changed since.
  await act(app, id, { kind: 'edit_trackers', set: tiers });
  const steps = paths.size > 0 ? renameSteps(pathsOf(await app.api.files(id)), paths) : [];
  for (const step of steps) {
    const { under_way: [waits] } = await act(app, id, { kind: 'rename_path', ...step });
    if (waits !== undefined) await waitForPath(app, id, step.to);
  }
  if (steps.length > 0) await act(app, id, { kind: 'recheck' });
  if (start) await act(app, id, start);
}

/** @param {App} app @param {number} id @param {Action} action */
async function act(app, id, action) {
  const result = await app.api.act({ torrents: [`id:${id}`], action });
  const [failed] = result.failed;
  if (failed) throw problemError(failed.problem);
  return result;
}

/** Waits until a file or folder has a path: a check of the files comes first, and can take long.
 *  @param {App} app @param {number} id @param {string} path */
async function waitForPath(app, id, path) {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const files = await app.api.files(id);
    if (files.some((file) => file.path === path || file.path.startsWith(`${path}/`))) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** @param {Problem} problem */
const problemError = ({ type, status, detail }) => new ApiError(type, status, detail);

/** @param {readonly File[]} files */
const pathsOf = (files) => new Map(files.map(({ index, path }) => [index, path]));
