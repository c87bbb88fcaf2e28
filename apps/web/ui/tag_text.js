/** Names of tags and categories, by the rules of the daemon. */

/** Limits of the daemon: bytes of a name, tags of a torrent, levels of a category. */
const MAX_NAME = 255, MAX_TAGS = 100, MAX_DEPTH = 16;

/** @param {string} text */
const bytesOf = (text) => new TextEncoder().encode(text).length;

/** @param {string} name */
const isName = (name) => name !== '' && name !== '.' && name !== '..' && bytesOf(name) <= MAX_NAME;

/** @param {string} name */
export const isTag = (name) => isName(name) && !/[\p{Cc},]/u.test(name);

/** Adds the tags of a text, which commas separate, to a list.
 *  @param {readonly string[]} tags @param {string} text @returns {{ tags: string[], bad: string[] }} */
export function withTags(tags, text) {
  const names = text.split(',').map((name) => name.trim()).filter(Boolean);
  const all = [...new Set([...tags, ...names.filter(isTag)])];
  return { tags: all.slice(0, MAX_TAGS), bad: [...names.filter((name) => !isTag(name)), ...all.slice(MAX_TAGS)] };
}

/** Removes spaces and slashes around the path of a category. @param {string} text */
export const tidyCategory = (text) => text.trim().replace(/^\/+|\/+$/g, '');

/** @param {string} path without slashes around it */
export const isCategory = (path) => path.split('/').length <= MAX_DEPTH && path.split('/').every(isName)
  && !/[\p{Cc}\\]/u.test(path);
