/** Changes of several torrents: groups with one action each, and the texts of trackers and peers. */

/** @import { Action, Limits } from '../../types.js' */

/** @typedef {{ ids: number[], action: Action }} Change */

/** Maximum length of an announce URL, in characters. */
const MAX_URL = 4096;

/** Returns one action on torrents. @param {readonly number[]} ids @param {Action} action @returns {Change} */
export const changeOf = (ids, action) => ({ ids: [...ids], action });

/** Groups torrents by the action that `actionOf` returns; null leaves a torrent out.
 *  @template {{ id: number }} T @param {readonly T[]} torrents @param {(torrent: T) => Action | null} actionOf
 *  @returns {Change[]} */
export function groupByAction(torrents, actionOf) {
  /** @type {Map<string, Change>} */
  const groups = new Map();
  for (const torrent of torrents) {
    const action = actionOf(torrent);
    if (action === null) continue;
    const key = JSON.stringify(action);
    const group = groups.get(key) ?? { ids: [], action };
    group.ids.push(torrent.id);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Returns the value that all items have, or undefined if they differ or there are none.
 *  @template T, V @param {readonly T[]} items @param {(item: T) => V} valueOf @returns {V | undefined} */
export function commonValue(items, valueOf) {
  if (items.length === 0) return undefined;
  const first = valueOf(items[0]);
  const text = JSON.stringify(first);
  return items.every((item) => JSON.stringify(valueOf(item)) === text) ? first : undefined;
}

/** Returns the limits of a torrent after a change of those that are not undefined.
 *  @param {Limits} old @param {{ down?: number | null, up?: number | null }} change @returns {Limits} */
export const changedLimits = (old, { down, up }) => ({
  down_per_s: down === undefined ? old.down_per_s : down,
  up_per_s: up === undefined ? old.up_per_s : up,
});

/** Counts how many of the torrents have each tag.
 *  @param {readonly { tags: readonly string[] }[]} torrents @returns {Map<string, number>} */
export function countTags(torrents) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { tags } of torrents) for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return counts;
}

/** @param {string} url */
export const isTrackerUrl = (url) => /^(https?|udp|wss?):\/\/[^\s/]/i.test(url) && url.length <= MAX_URL;

/** Reads announce URLs, one per line; an empty line begins a tier.
 *  @param {string} text @returns {{ tiers: string[][], bad: string[] }} */
export function parseTiers(text) {
  const blocks = text.split(/\r?\n\s*\r?\n/).map((block) => block.split(/[\s,]+/).filter(Boolean));
  const known = new Set();
  const bad = blocks.flat().filter((url) => !isTrackerUrl(url));
  const tiers = blocks.map((urls) => urls.filter((url) => isTrackerUrl(url) && !known.has(url) && known.add(url)));
  return { tiers: tiers.filter((urls) => urls.length > 0), bad };
}

/** @param {readonly { url: string, tier: number }[]} trackers @returns {string[][]} */
export function tiersOf(trackers) {
  /** @type {Map<number, string[]>} */
  const tiers = new Map();
  for (const { url, tier } of trackers) tiers.set(tier, [...(tiers.get(tier) ?? []), url]);
  return [...tiers].sort(([a], [b]) => a - b).map(([, urls]) => urls);
}

/** @param {readonly (readonly string[])[]} tiers */
export const tiersText = (tiers) => tiers.map((urls) => urls.join('\n')).join('\n\n');

/** @typedef {{ add: string[], remove: string[], replace: Record<string, string> }} TrackerEdit */

/** Returns the part of an edit that concerns a torrent with these trackers; null if nothing does. The daemon refuses
 *  to remove a tracker that a torrent does not have.
 *  @param {readonly string[]} urls @param {TrackerEdit} edit @returns {Action | null} */
export function trackerAction(urls, edit) {
  const known = new Set(urls);
  const add = edit.add.filter((url) => !known.has(url));
  const remove = edit.remove.filter((url) => known.has(url));
  const replace = Object.fromEntries(Object.entries(edit.replace).filter(([from]) => known.has(from)));
  if (add.length + remove.length + Object.keys(replace).length === 0) return null;
  return { kind: 'edit_trackers', add, remove, replace };
}

/** Reads addresses of peers, separated by white space or commas.
 *  @param {string} text @returns {{ peers: string[], bad: string[] }} */
export function parsePeers(text) {
  const words = [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
  return { peers: words.filter(isPeer), bad: words.filter((word) => !isPeer(word)) };
}

/** @param {string} text IPv4 address and port, or IPv6 address in brackets and port */
function isPeer(text) {
  const match = /^(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([0-9a-f:.]{2,45})\]):(\d{1,5})$/i.exec(text);
  if (!match || Number(match[3]) < 1 || Number(match[3]) > 65_535) return false;
  return match[1] ? match[1].split('.').every((part) => Number(part) <= 255) : URL.canParse(`http://[${match[2]}]/`);
}
