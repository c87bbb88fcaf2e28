/** Paths of folders on the server as users type them. The server resolves them; this only completes them. */

/** Maximum length of a path that is sent, in characters. */
const MAX_PATH = 4096;

/** @param {string} text */
export const isAbsolute = (text) => text.startsWith('/') && text.length <= MAX_PATH && !text.includes('\0');

/** @param {string} text */
export const isBelowHome = (text) => /^~(\/|$)/.test(text) && text.length <= MAX_PATH && !text.includes('\0');

/** Removes spaces around a path, double slashes, and slashes at the end. @param {string} text */
export function tidyPath(text) {
  const path = text.trim().replace(/\/{2,}/g, '/');
  return path.length > 1 ? path.replace(/\/$/, '') : path;
}

/** Splits a path into the folder to list and the beginning of a name in it; null if the path is not absolute.
 *  @param {string} text */
export function splitPath(text) {
  const path = text.trimStart().replace(/\/{2,}/g, '/');
  if (!isAbsolute(path)) return null;
  const at = path.lastIndexOf('/');
  return { dir: path.slice(0, at) || '/', prefix: path.slice(at + 1) };
}

/** @param {string} dir @param {string} name */
export const joinPath = (dir, name) => `${dir === '/' ? '' : dir}/${name}`;

/** Returns the last part of a path. @param {string} path */
export const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1);

/** Returns the folder above; null for the root. @param {string} path */
export function parentOf(path) {
  const tidy = tidyPath(path);
  return tidy === '/' || !isAbsolute(tidy) ? null : tidy.slice(0, tidy.lastIndexOf('/')) || '/';
}

/** Returns the names for a prefix: first those that begin with it, then those that contain it. Hidden folders are shown
 *  only for a prefix with a dot. @param {readonly string[]} names @param {string} prefix @param {number} max */
export function completions(names, prefix, max = 50) {
  const wanted = prefix.toLowerCase();
  const shown = names.filter((name) => !name.startsWith('.') || prefix.startsWith('.'));
  const rank = (/** @type {string} */ name) => {
    const lower = name.toLowerCase();
    return lower.startsWith(wanted) ? 0 : lower.includes(wanted) ? 1 : 2;
  };
  return [0, 1].flatMap((wantedRank) => shown.filter((name) => rank(name) === wantedRank)).slice(0, max);
}

/** Returns the path and those of the folders above it, to look for one that exists. @param {string} path */
export function ancestors(path) {
  const all = [];
  for (let dir = /** @type {string | null} */ (tidyPath(path)); dir !== null && all.length < 64; dir = parentOf(dir)) {
    if (isAbsolute(dir)) all.push(dir);
  }
  return all;
}

/** Puts a path at the start of a list of recent ones. @param {readonly string[]} recent @param {string} path */
export function withRecent(recent, path, max = 8) {
  const tidy = tidyPath(path);
  return isAbsolute(tidy) ? [tidy, ...recent.filter((known) => known !== tidy)].slice(0, max) : recent;
}

/** Returns the valid entries of a stored list of paths. @param {unknown} stored @returns {string[]} */
export function validRecent(stored) {
  const paths = Array.isArray(stored) ? stored.filter((path) => typeof path === 'string' && isAbsolute(path)) : [];
  return [...new Set(paths)].slice(0, 8);
}
