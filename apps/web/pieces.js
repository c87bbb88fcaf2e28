/**
 * Pieces of a torrent as the API sends them, decoded into the runs of equal pieces that the piece map draws.
 */

/** @import { Pieces as ApiPieces } from './types.js' */
/** @import { Pieces as MapPieces } from './base/chart.js' */

export const MISSING = 0, ACTIVE = 1, HAVE = 2;
/** Availability up to which a value is exact; the API counts no further. */
export const MOST_PEERS = 255;

/** @typedef {MapPieces & { bytes: Uint8Array, peers: Uint8Array }} Decoded
 *    Runs for the map, and the state and the number of peers of each piece. */

/** No pieces, as while the metadata is unknown. @type {Decoded} */
export const NO_PIECES = { count: 0, states: [], bytes: new Uint8Array(0), peers: new Uint8Array(0) };

/** Decodes base64. A text that is none yields no bytes. @param {string} text */
export function bytesOf(text) {
  let binary = '';
  try { binary = atob(text); } catch { /* The daemon sends no such text. */ }
  return Uint8Array.from({ length: binary.length }, (_, i) => binary.charCodeAt(i));
}

/** Returns the state of each piece. What the bit field does not reach is missing.
 *  @param {Uint8Array} bits highest bit of the first byte first @param {number} count
 *  @param {readonly number[]} active indexes of the pieces in progress */
export function statesOf(bits, count, active) {
  const states = new Uint8Array(count);
  const end = Math.min(count, bits.length * 8);
  for (let i = 0; i < end; i += 1) if (bits[i >> 3] & (128 >> (i & 7))) states[i] = HAVE;
  for (const i of active) if (i < count && states[i] === MISSING) states[i] = ACTIVE;
  return states;
}

/** Returns runs of equal values as pairs of length and value. @param {ArrayLike<number>} values */
export function runsOf(values) {
  /** @type {number[]} */
  const runs = [];
  for (let from = 0, to = 0; from < values.length; from = to) {
    while (to < values.length && values[to] === values[from]) to += 1;
    runs.push(to - from, values[from]);
  }
  return runs;
}

/** Decodes an answer of the API. Without a connected peer there is no availability to show.
 *  @param {ApiPieces} pieces @returns {Decoded} */
export function decodePieces({ count, have, availability, partial }) {
  const bytes = statesOf(bytesOf(have), count, partial);
  const peers = new Uint8Array(count);
  peers.set(bytesOf(availability).subarray(0, count));
  const states = runsOf(bytes);
  const hasPeers = peers.some((n) => n > 0);
  return { count, states, bytes, peers, ...(hasPeers && { availability: runsOf(peers) }) };
}

/** Returns numbers of pieces and peers for a text. The distributed copies are those of the rarest piece, with the part
 *  of the pieces that have more copies as the fraction.
 *  @param {Decoded} pieces */
export function summaryOf({ count, bytes, peers }) {
  let have = 0, active = 0, unavailable = 0, rarest = count > 0 ? MOST_PEERS : 0;
  for (let i = 0; i < count; i += 1) {
    if (bytes[i] === HAVE) have += 1;
    if (bytes[i] === ACTIVE) active += 1;
    if (bytes[i] !== HAVE && peers[i] === 0) unavailable += 1;
    if (peers[i] < rarest) rarest = peers[i];
  }
  let more = 0;
  for (const n of peers) if (n > rarest) more += 1;
  return { have, active, missing: count - have - active, unavailable, copies: count > 0 ? rarest + more / count : 0 };
}
