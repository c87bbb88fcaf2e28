/** Requests to create torrents. */

/** @import { CreationFormat, CreationRequest } from '../../types.js' */

import { parseTiers } from '../dialogs/changes.js';

/** @typedef {object} Stored What is remembered for the next torrent. Trackers are not: they may have passkeys.
 *  @property {CreationFormat} format
 *  @property {boolean} isPrivate
 *  @property {boolean} isAdded
 *  @property {boolean} hasHidden
 *  @property {string} ignore */

/** @type {Stored} */
export const USUAL = { format: 'hybrid', isPrivate: false, isAdded: true, hasHidden: false, ignore: '' };
/** @type {readonly CreationFormat[]} */
export const FORMATS = ['hybrid', 'v1', 'v2'];
/** Piece sizes to choose from, in bytes: powers of two that other clients take. */
export const PIECE_SIZES = Array.from({ length: 13 }, (_, i) => 2 ** (14 + i));
const MAX_TEXT = 10_000;

/** @param {unknown} stored @returns {Stored} */
export function validStored(stored) {
  const { format, isPrivate, isAdded, hasHidden, ignore } = /** @type {Record<string, unknown>} */ (
    typeof stored === 'object' && stored !== null ? stored : {});
  return {
    format: FORMATS.find((known) => known === format) ?? 'hybrid', isPrivate: isPrivate === true,
    isAdded: isAdded !== false, hasHidden: hasHidden === true,
    ignore: typeof ignore === 'string' ? ignore.slice(0, MAX_TEXT) : '',
  };
}

/** Returns the lines of a text without spaces around them. @param {string} text */
export const linesOf = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

/** Returns the first URL that no web seed can have, or null. @param {string} text */
export const badWebSeed = (text) =>
  linesOf(text).find((url) => !/^https?:\/\//i.test(url) || !URL.canParse(url)) ?? null;

/** Returns a request of the API from the texts of the form.
 *  @param {{ path: string, format: string, pieceBytes: string, trackers: string, webSeeds: string, comment: string,
 *    source: string, ignore: string, category: string, isPrivate: boolean, hasHidden: boolean, isAdded: boolean }} form
 *  @returns {CreationRequest} */
export const requestOf = ({ path, format, pieceBytes, trackers, webSeeds, comment, source, ignore, category, isPrivate,
  hasHidden, isAdded }) => ({
  path, format: FORMATS.find((known) => known === format) ?? USUAL.format,
  piece_bytes: pieceBytes === '' ? null : Number(pieceBytes),
  trackers: parseTiers(trackers).tiers, web_seeds: linesOf(webSeeds), comment: comment.trim(), source: source.trim(),
  is_private: isPrivate, ignore: linesOf(ignore), include_hidden: hasHidden, add: isAdded,
  category: isAdded && category !== '' ? category : null,
});
