/** Reading of dropped and chosen files: torrent files as base64, and texts with links. */

/** Maximum length of a torrent file in bytes, as the daemon takes it. */
export const MAX_TORRENT_BYTES = 64 * 2 ** 20;
/** Maximum length of a text with links, in bytes. */
export const MAX_LINKS_BYTES = 4 * 2 ** 20;
/** Bytes read at a time. A multiple of 3, so that the parts of the base64 text join without padding. */
const PART_BYTES = 3 * 2 ** 20;
/** Bytes converted at a time, as a call takes few arguments. */
const CHUNK_BYTES = 3 * 2 ** 13;

/** @typedef {'torrent' | 'links' | 'empty' | 'too_large' | 'unknown'} FileKind */

/** Returns the use of a file by its name and its first bytes. A torrent file is a dictionary: it begins with `d`.
 *  @param {File} file @returns {Promise<FileKind>} */
export async function kindOf(file) {
  if (file.size === 0) return 'empty';
  const start = new TextDecoder().decode(await file.slice(0, 64).arrayBuffer()).replace(/^\ufeff/, '');
  if (/^d(\d+:|e$)/.test(start)) return file.size > MAX_TORRENT_BYTES ? 'too_large' : 'torrent';
  const isText = /^\s*(magnet:|https?:|\[InternetShortcut\])/i.test(start)
    || /\.(txt|magnet|url|list|csv)$/i.test(file.name);
  if (isText) return file.size > MAX_LINKS_BYTES ? 'too_large' : 'links';
  // The daemon says what is wrong with a torrent file.
  if (/\.torrent$/i.test(file.name)) return file.size > MAX_TORRENT_BYTES ? 'too_large' : 'torrent';
  return 'unknown';
}

/** Reads a file as base64, a part at a time.
 *  @param {Blob} file @param {AbortSignal} [signal] @returns {Promise<string>} */
export async function readBase64(file, signal) {
  if (file.size > MAX_TORRENT_BYTES) throw new RangeError('cannot read the file: it is too large');
  const parts = [];
  for (let at = 0; at < file.size; at += PART_BYTES) {
    signal?.throwIfAborted();
    parts.push(base64Of(new Uint8Array(await file.slice(at, at + PART_BYTES).arrayBuffer())));
  }
  return parts.join('');
}

/** @param {Uint8Array} bytes */
function base64Of(bytes) {
  const texts = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    texts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES))));
  }
  return texts.join('');
}
