/** Flags and order of peers. */

/** @import { Peer } from '../../types.js' */

/** @typedef {'download' | 'choked' | 'upload' | 'choking' | 'unused' | 'uninterested' | 'snubbed' | 'upload_only'
 *    | 'incoming'} Flag */
/** @typedef {'addr' | 'client' | 'flags' | 'progress' | 'down' | 'up' | 'downloaded' | 'uploaded' | 'transport'
 *    | 'encryption' | 'sources' | 'connected'} PeerKey */

/** Letters of the flags, as other clients have them. @type {Readonly<Record<Flag, string>>} */
export const FLAG_LETTERS = {
  download: 'D', choked: 'd', upload: 'U', choking: 'u', unused: 'K', uninterested: '?', snubbed: 'S', upload_only: 'O',
  incoming: 'I',
};

/** Returns the flags of a peer. @param {Peer} peer @returns {Flag[]} */
export function flagsOf(peer) {
  /** @type {[boolean, Flag][]} */
  const flags = [
    [peer.we_are_interested && !peer.chokes_us, 'download'],
    [peer.we_are_interested && peer.chokes_us, 'choked'],
    [peer.is_interested && !peer.we_choke, 'upload'],
    [peer.is_interested && peer.we_choke, 'choking'],
    [!peer.we_are_interested && !peer.chokes_us, 'unused'],
    [!peer.is_interested && !peer.we_choke, 'uninterested'],
    [peer.is_snubbed, 'snubbed'],
    [peer.is_upload_only, 'upload_only'],
    [peer.is_incoming, 'incoming'],
  ];
  return flags.filter(([holds]) => holds).map(([, flag]) => flag);
}

/** @param {Peer} peer */
export const lettersOf = (peer) => flagsOf(peer).map((flag) => FLAG_LETTERS[flag]).join('');

/** Returns an address without its port. @param {string} addr */
export const hostOf = (addr) => addr.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

/** Returns the parts of an address: those of IPv4 are numbers, and IPv6 follows. @param {string} addr */
function addressParts(addr) {
  const [, host, port] = /^(.*):(\d+)$/.exec(addr) ?? ['', addr, '0'];
  const isV4 = /^\d+(\.\d+){3}$/.test(host);
  return { order: isV4 ? host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : Infinity, host,
    port: Number(port) };
}

/** @param {string} a @param {string} b */
const compareTexts = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** @param {string} a @param {string} b */
export function compareAddresses(a, b) {
  const [x, y] = [addressParts(a), addressParts(b)];
  return (x.order === y.order ? 0 : x.order - y.order) || compareTexts(x.host, y.host) || x.port - y.port;
}

/** @type {Record<Exclude<PeerKey, 'addr'>, (peer: Peer) => number | string>} */
const VALUES = {
  client: (peer) => (peer.client ?? '').toLowerCase(),
  flags: lettersOf,
  progress: (peer) => peer.progress,
  down: (peer) => peer.down_per_s,
  up: (peer) => peer.up_per_s,
  downloaded: (peer) => peer.downloaded_bytes,
  uploaded: (peer) => peer.uploaded_bytes,
  transport: (peer) => peer.transport,
  encryption: (peer) => Number(peer.is_encrypted),
  sources: (peer) => peer.sources.join(' '),
  connected: (peer) => peer.connected_s,
};

/** Keys of which users look for the largest values first. @type {ReadonlySet<PeerKey>} */
export const LARGEST_FIRST = new Set(['progress', 'down', 'up', 'downloaded', 'uploaded', 'encryption', 'connected']);

/** Returns peers in order; by address where they are equal.
 *  @param {readonly Peer[]} peers @param {PeerKey} key @param {boolean} isDescending */
export function sortPeers(peers, key, isDescending) {
  const sign = isDescending ? -1 : 1;
  /** @param {Peer} a @param {Peer} b */
  const compare = (a, b) => {
    if (key === 'addr') return compareAddresses(a.addr, b.addr);
    const [x, y] = [VALUES[key](a), VALUES[key](b)];
    return typeof x === 'number' ? x - Number(y) : compareTexts(x, String(y));
  };
  return [...peers].sort((a, b) => sign * compare(a, b) || compareAddresses(a.addr, b.addr));
}
