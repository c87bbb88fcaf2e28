/** Requests in which sources are sent: few for many links, and none of more bytes than the daemon takes. */

/** Limits of one request. A URL is fetched while its request waits, so that it has one of its own. */
const MAX_LINKS = 50, MAX_FILES = 20, MAX_BYTES = 4 * 2 ** 20;

/** @typedef {{ kind: 'magnet' | 'hash' | 'url' | 'file', bytes: number, hasOwnFiles: boolean }} Item
 *    `hasOwnFiles` holds if the choice of files, an option of the request, is that of this source alone. */

/** Splits sources into requests, in order. @template {Item} T @param {readonly T[]} items @returns {T[][]} */
export function batchesOf(items) {
  /** @type {T[][]} */
  const batches = [];
  let links = /** @type {T[]} */ ([]), files = /** @type {T[]} */ ([]);
  let bytes = 0;
  for (const item of items) {
    if (item.hasOwnFiles || item.kind === 'url') batches.push([item]);
    else if (item.kind === 'file') {
      if (files.length > 0 && (files.length >= MAX_FILES || bytes + item.bytes > MAX_BYTES)) {
        batches.push(files);
        [files, bytes] = [[], 0];
      }
      files.push(item);
      bytes += item.bytes;
    } else {
      if (links.length >= MAX_LINKS) {
        batches.push(links);
        links = [];
      }
      links.push(item);
    }
  }
  return [...batches, ...[links, files].filter((batch) => batch.length > 0)];
}

/** Runs `work` for each item, at most `count` at a time.
 *  @template T @param {readonly T[]} items @param {number} count @param {(item: T) => Promise<void>} work */
export async function inParallel(items, count, work) {
  const rest = [...items];
  const next = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, next));
}

/** Creates a queue that runs at most `count` tasks at a time. A task that is aborted before its turn does not run.
 *  @param {number} count @returns {(task: () => Promise<void>, signal: AbortSignal) => void} */
export function taskQueue(count) {
  /** @type {{ task: () => Promise<void>, signal: AbortSignal }[]} */
  const waiting = [];
  let running = 0;
  const next = () => {
    while (running < count && waiting.length > 0) {
      const entry = waiting.shift();
      if (!entry || entry.signal.aborted) continue;
      running += 1;
      entry.task().finally(() => { running -= 1; next(); });
    }
  };
  return (task, signal) => { waiting.push({ task, signal }); next(); };
}
