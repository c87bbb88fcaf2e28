/** Sources of torrents in what is dropped or pasted. */

/** @import { AddInit } from './dialogs.js' */
/** @import { Texts } from './drop.js' */

import { linksOfMarkup, splitSources } from './sources.js';

/** Limits of what is read from folders that are dropped. */
const MAX_FILES = 1000, MAX_DEPTH = 8;

/** Returns the texts that can have links: the text, and the links of the markup. @param {Texts} texts */
export function textOf({ plain, list, markup }) {
  return [...new Set([plain || list, linksOfMarkup(markup)])].filter(Boolean).join('\n');
}

/** Returns what the add dialog begins with; null if there is nothing to add.
 *  @param {Texts} texts @param {readonly File[]} files @param {readonly (FileSystemEntry | null)[]} entries
 *  @returns {Promise<AddInit | null>} */
export async function sourcesIn(texts, files, entries) {
  const found = await filesIn(files, entries);
  const text = textOf(texts);
  if (found.length > 0) return { files: found, text: '' };
  return splitSources(text).links.length > 0 ? { files: [], text } : null;
}

/** Returns the files of a drop, with those in folders.
 *  @param {readonly File[]} files @param {readonly (FileSystemEntry | null)[]} entries @returns {Promise<File[]>} */
async function filesIn(files, entries) {
  if (!entries.some((entry) => entry?.isDirectory)) return [...files];
  /** @type {File[]} */
  const found = [];
  for (const [i, entry] of entries.entries()) {
    if (entry?.isDirectory) await readFolder(/** @type {FileSystemDirectoryEntry} */ (entry), found, MAX_DEPTH);
    else if (files[i]) found.push(files[i]);
  }
  return found.slice(0, MAX_FILES);
}

/** Collects the torrent files in a folder. @param {FileSystemDirectoryEntry} folder @param {File[]} found
 *  @param {number} depth */
async function readFolder(folder, found, depth) {
  const reader = folder.createReader();
  while (found.length < MAX_FILES) {
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (entry.isDirectory && depth > 0) {
        await readFolder(/** @type {FileSystemDirectoryEntry} */ (entry), found, depth - 1);
      } else if (/\.torrent$/i.test(entry.name) && found.length < MAX_FILES) {
        const file = await new Promise((resolve) =>
          /** @type {FileSystemFileEntry} */ (entry).file(resolve, () => resolve(null)));
        if (file) found.push(file);
      }
    }
  }
}
