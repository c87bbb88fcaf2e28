/** Torrent files without data, for lists. */

import { createHash } from 'node:crypto';

/** Encodes a value. @param {string | number | Buffer | Record<string, any>} value @returns {Buffer} */
function bencode(value) {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  const parts = Object.keys(value).sort().flatMap((key) => [bencode(key), bencode(value[key])]);
  return Buffer.concat([Buffer.from('d'), ...parts, Buffer.from('e')]);
}

/** Returns a torrent file with invented hashes. @param {string} name @param {number} bytes @param {string} announce */
export function hollowTorrent(name, bytes, announce) {
  const pieceBytes = 2 ** 22;
  const pieces = Array.from({ length: Math.ceil(bytes / pieceBytes) }, (_, i) =>
    createHash('sha1').update(`${name} ${i}`).digest());
  const info = { name, length: bytes, 'piece length': pieceBytes, pieces: Buffer.concat(pieces) };
  return bencode({ announce, info });
}
