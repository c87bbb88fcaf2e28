/** Announce URLs as users type them, and the trackers of a torrent by their full URLs. */

/** @import { Tracker } from '../../types.js' */

/** @typedef {{ urls: string[], wrong: string[] }} ParsedUrls */

/** Returns the announce URLs of a text, one per line, each once, and the lines that are none. @param {string} text
 *  @returns {ParsedUrls} */
export const parseAnnounceUrls = (text) => parseUrls(text, /^(https?|udp|wss?):\/\/[^/?#]/i);

/** Does the same with URLs of web seeds. @param {string} text @returns {ParsedUrls} */
export const parseWebSeeds = (text) => parseUrls(text, /^https?:\/\/[^/?#]/i);

/** @param {string} text @param {RegExp} start @returns {ParsedUrls} */
function parseUrls(text, start) {
  const lines = text.split(/\s+/).filter((line) => line !== '');
  const isUrl = (/** @type {string} */ line) => start.test(line) && URL.canParse(line);
  return { urls: [...new Set(lines.filter(isUrl))], wrong: lines.filter((line) => !isUrl(line)) };
}

/** Returns the full URL of a tracker that is shown without its secrets; null if the trackers have changed since.
 *  @param {readonly Tracker[]} shown @param {readonly Tracker[]} full @param {number} index */
export function fullUrlOf(shown, full, index) {
  const [before, now] = [shown[index], full[index]];
  if (!before || !now || shown.length !== full.length || before.tier !== now.tier) return null;
  return hostOf(before.url) === hostOf(now.url) ? now.url : null;
}

/** Returns the URLs tier by tier. @param {readonly Tracker[]} trackers */
export function tiersOf(trackers) {
  /** @type {Map<number, string[]>} */
  const tiers = new Map();
  for (const { tier, url } of trackers) tiers.set(tier, [...(tiers.get(tier) ?? []), url]);
  return [...tiers].sort(([a], [b]) => a - b).map(([, urls]) => urls);
}

/** Returns the host of an announce URL; the whole text if it is none. @param {string} url */
export function hostOf(url) {
  return /^[a-z]+:\/\/([^/?#]*)/i.exec(url)?.[1].replace(/^.*@/, '') ?? url;
}
