/**
 * Sources of torrents in a text that users paste or drop: magnet links, info-hashes and URLs of torrent files.
 *
 * Texts come from anywhere: a list of links, a chat, a web page. Every text gives a result of bounded size. What cannot
 * be used is returned with the reason, and words around a link are skipped. Two sources with one info-hash become one
 * that has the trackers of both.
 */

/** @import { AddSource } from './types.js' */

/** @typedef {'magnet' | 'hash' | 'url'} LinkKind */
/** @typedef {object} Link
 *  @property {LinkKind} kind
 *  @property {string} value magnet link, info-hash or URL, as the API takes it
 *  @property {readonly string[]} keys info-hashes in lower-case hexadecimal, or the URL
 *  @property {string | null} name unfiltered
 *  @property {readonly string[]} trackers announce URLs of a magnet link */
/** @typedef {'text' | 'page' | 'scheme' | 'local' | 'no_hash' | 'bad_hash' | 'bad_url' | 'too_long'} Reason */
/** @typedef {{ text: string, reason: Reason }} Refused Beginning of a text that cannot be used. */
/** @typedef {{ links: Link[], refused: Refused[], repeated: number, isCut: boolean }} Split
 *    Number of sources that occurred again; `isCut` if the text or the list was too long. */

/** Maximum number of sources in one request of the API. */
export const MAX_SOURCES = 1000;
/** Maximum number of texts returned with a reason. */
export const MAX_REFUSED = 50;
/** Limits in characters: text, magnet link, URL, and shown text. */
const MAX_TEXT = 4_000_000, MAX_MAGNET = 262_144, MAX_URL = 4096, MAX_SHOWN = 160;

const V1_HEX = /^[0-9a-f]{40}$/i, V2_HEX = /^(1220)?[0-9a-f]{64}$/i, BASE32 = /^[a-z2-7]{32}$/i;
const START = /magnet:|https?:\/\//i;
const ESCAPED_MAGNET = /magnet%3a(?:%3f|\?)[^&#\s"'<>]*/i;
const BASE32_DIGITS = 'abcdefghijklmnopqrstuvwxyz234567';

/** Splits a text into sources. @param {string} text @returns {Split} */
export function splitSources(text) {
  const collected = collector();
  for (const line of text.slice(0, MAX_TEXT).split(/[\r\n\0]+/)) {
    if (collected.isFull()) break;
    if (line.trim() !== '' && !/^\s*#/.test(line)) readLine(line, collected);
  }
  const result = collected.result();
  return { ...result, isCut: result.isCut || text.length > MAX_TEXT };
}

/** Returns the links of an HTML text that lead to torrents: magnet links, and URLs that look like torrent files. Reads
 *  the text without parsing it into a document. @param {string} markup @returns {string} one link per line */
export function linksOfMarkup(markup) {
  const matches = markup.slice(0, MAX_TEXT).matchAll(/\shref\s*=\s*(?:"([^"]*)"|'([^']*)')/gi);
  const links = [...matches].map((match) => unescapeMarkup(match[1] ?? match[2] ?? '').trim());
  return links.filter((link) => /^magnet:/i.test(link) || (/^https?:/i.test(link) && isTorrentUrl(link)))
    .slice(0, MAX_SOURCES).join('\n');
}

/** Returns the source for a request of the API. @param {Link} link @returns {AddSource} */
export const toAddSource = ({ kind, value }) => (kind === 'url' ? { url: value } : { magnet: value });

/** Returns a text for a list: the name, or the hash, or the host and the last part of the path. The query of a URL can
 *  hold a passkey. @param {Link} link */
export function labelOf({ kind, value, keys, name }) {
  if (name) return name;
  if (kind !== 'url') return keys[0] ?? value;
  const { host, pathname } = new URL(value);
  return unescapePart(pathname.split('/').filter(Boolean).at(-1) ?? '') || host;
}

/** Returns the ranges of wanted files that a magnet link names with `so` (BEP 53); null for all files.
 *  @param {string} magnet @returns {[number, number][] | null} */
export function wantedOf(magnet) {
  const parts = paramsOf(magnet).filter(([key]) => key === 'so').flatMap(([, value]) => value.split(','));
  const ranges = parts.flatMap((part) => {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    return match ? [/** @type {[number, number]} */ ([Number(match[1]), Number(match[2] ?? match[1])])] : [];
  });
  return ranges.length > 0 ? ranges : null;
}

/** Adds the trackers of `more` to a link with the same info-hash.
 *  @param {Link} link @param {Link} more @returns {Link} */
export function mergeLinks(link, more) {
  const [base, other] = link.kind === 'hash' ? [more, link] : [link, more];
  const keys = [...new Set([...base.keys, ...other.keys])];
  const added = other.trackers.filter((url) => !base.trackers.includes(url));
  const value = base.value + added.map((url) => `&tr=${encodeURIComponent(url)}`).join('');
  if (value.length > MAX_MAGNET) return { ...base, keys };
  return { ...base, value, keys, name: base.name ?? other.name, trackers: [...base.trackers, ...added] };
}

/** Returns a list of links without repetitions, and how many there were. @param {readonly Link[]} links */
export function mergeAll(links) {
  const collected = collector();
  links.forEach((link) => collected.add(link));
  return collected.result();
}

/** Collects links by their keys, with limits. */
function collector() {
  /** @type {Map<string, number>} */
  const indexes = new Map();
  /** @type {Link[]} */
  const links = [];
  /** @type {Refused[]} */
  const refused = [];
  let repeated = 0, isCut = false;
  return {
    /** @param {Link} link */
    add: (link) => {
      const known = link.keys.map((key) => indexes.get(key)).find((index) => index !== undefined);
      if (known === undefined && links.length >= MAX_SOURCES) return void (isCut = true);
      if (known !== undefined) repeated += 1;
      const index = known ?? links.length;
      links[index] = known === undefined || link.kind === 'url' ? link : mergeLinks(links[known], link);
      for (const key of links[index].keys) indexes.set(key, index);
    },
    /** @param {string} text @param {Reason} reason */
    refuse: (text, reason) => {
      if (refused.length < MAX_REFUSED) refused.push({ text: text.trim().slice(0, MAX_SHOWN), reason });
    },
    isFull: () => isCut,
    result: () => ({ links, refused, repeated, isCut }),
  };
}

/** Reads a line. Words beside a source are skipped; a line without any is refused as a whole.
 *  @param {string} line @param {ReturnType<typeof collector>} collected */
function readLine(line, collected) {
  const pieces = piecesOf(line);
  const read = pieces.map(({ text, isAlone }) => readPiece(text, isAlone));
  for (const result of read) if (result !== null && 'kind' in result) collected.add(result);
  const faults = read.filter((result) => result !== null && 'reason' in result);
  for (const fault of faults) if (fault && 'reason' in fault) collected.refuse(fault.text, fault.reason);
  if (!read.some((result) => result !== null)) collected.refuse(line, reasonOf(line));
}

/** Splits a line at white space and before each scheme. A magnet link goes on behind a space if parameters follow, as
 *  names in links are not always escaped. @param {string} line @returns {{ text: string, isAlone: boolean }[]} */
function piecesOf(line) {
  const spaced = line.replace(/(?<=\S)(?=magnet:\?)/gi, ' ').replace(/([,;|])(?=https?:\/\/)/gi, '$1 ');
  const tokens = spaced.split(/\s+/).filter(Boolean).flatMap((token) =>
    (START.test(token) || ESCAPED_MAGNET.test(token) ? [token] : token.split(/[,;|]+/).filter(Boolean)));
  const starts = tokens.flatMap((token, i) => (isStart(token) ? [i] : []));
  const words = tokens.filter((token) => /[\p{L}\p{N}]/u.test(token)).length;
  return starts.map((start, i) => {
    const rest = tokens.slice(start + 1, starts[i + 1] ?? tokens.length);
    const isMagnet = /magnet:\?/i.test(tokens[start]);
    const last = isMagnet ? rest.findLastIndex((token) => /&(?:amp;)?[a-z.]+(?:\.\d+)?=/i.test(token)) : -1;
    return { text: [tokens[start], ...rest.slice(0, last + 1)].join(' '), isAlone: words === starts.length };
  });
}

/** @param {string} token */
const isStart = (token) =>
  START.test(token) || ESCAPED_MAGNET.test(token) || hashOf(bareHash(token)) !== null || isAlmostHash(bareHash(token));

/** Reads a source. Returns null for a URL in a sentence that does not look like one of a torrent.
 *  @param {string} piece @param {boolean} isAlone @returns {Link | Refused | null} */
function readPiece(piece, isAlone) {
  const escaped = ESCAPED_MAGNET.exec(piece);
  if (escaped && !/magnet:\?/i.test(piece)) return readMagnet(unescapePart(escaped[0]));
  const at = piece.search(START);
  if (at < 0) return readHash(bareHash(piece));
  const text = trimmed(piece.slice(at));
  if (/^magnet:/i.test(text)) return readMagnet(text);
  return isAlone || isTorrentUrl(text) ? readUrl(text) : null;
}

/** @param {string} text @returns {Link | Refused} */
function readMagnet(text) {
  if (text.length > MAX_MAGNET) return { text, reason: 'too_long' };
  const value = text.replace(/&amp;/gi, '&').replace(/ /g, '%20');
  const params = paramsOf(value);
  const topics = params.flatMap(([key, topic]) => (key === 'xt' ? [/^urn:bt([im])h:(.*)$/is.exec(topic)] : []));
  const hashes = topics.flatMap((match) => (match ? [hashOf(match[2].trim())] : []));
  const keys = hashes.filter((hash) => hash !== null);
  if (keys.length === 0) return { text, reason: hashes.length > 0 ? 'bad_hash' : 'no_hash' };
  const name = params.find(([key, text]) => key === 'dn' && text.trim() !== '')?.[1].trim() ?? null;
  const trackers = [...new Set(params.flatMap(([key, url]) => (key === 'tr' && url !== '' ? [url] : [])))];
  return { kind: 'magnet', value, keys: [...new Set(keys)], name: name?.slice(0, 500) ?? null, trackers };
}

/** @param {string} text @returns {Link | Refused} */
function readHash(text) {
  const hash = hashOf(text);
  return hash === null ? { text, reason: 'bad_hash' }
    : { kind: 'hash', value: hash, keys: [hash], name: null, trackers: [] };
}

/** @param {string} text @returns {Link | Refused} */
function readUrl(text) {
  if (text.length > MAX_URL) return { text, reason: 'too_long' };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url?.hostname) return { text, reason: 'bad_url' };
  url.hash = '';
  return { kind: 'url', value: url.href, keys: [url.href], name: null, trackers: [] };
}

/** Returns the reason why a line without a source cannot be used. @param {string} line @returns {Reason} */
function reasonOf(line) {
  const text = line.trim();
  if (/https?:\/\//i.test(text)) return 'page';
  if (/^file:|^([a-z]:\\|\/)\S/i.test(text)) return 'local';
  return /^[a-z][a-z0-9+.-]*:\/\/|^(ed2k|thunder|mailto|javascript|data|blob):/i.test(text) ? 'scheme' : 'text';
}

/** Returns the info-hash in lower-case hexadecimal, or null. @param {string} text */
function hashOf(text) {
  if (V1_HEX.test(text)) return text.toLowerCase();
  if (V2_HEX.test(text)) return text.slice(-64).toLowerCase();
  // A word of 32 letters is no hash, unless it has the capitals in which base32 is written.
  const isBase32 = BASE32.test(text) && (/[2-7]/.test(text) || text === text.toUpperCase());
  return isBase32 && !/^[0-9a-f]+$/.test(text) ? hexOfBase32(text) : null;
}

/** @param {string} text of 32 digits */
function hexOfBase32(text) {
  const values = [...text.toLowerCase()].map((digit) => BASE32_DIGITS.indexOf(digit));
  const bits = values.map((value) => value.toString(2).padStart(5, '0')).join('');
  return (bits.match(/.{4}/g) ?? []).map((nibble) => Number.parseInt(nibble, 2).toString(16)).join('');
}

/** Hexadecimal text that is too long for anything but a hash, but has the wrong length. @param {string} text */
const isAlmostHash = (text) => /^[0-9a-f]{30,80}$/i.test(text) && /\d/.test(text);

/** Returns the text behind a label such as `urn:btih:`. @param {string} token */
const bareHash = (token) => trimmed(token).split(/[:=]/).at(-1) ?? '';

/** Removes brackets, quotes and punctuation around a source. @param {string} token @returns {string} */
function trimmed(token) {
  const text = token.replace(/^[\s<("'[{\u00ab\u201c\u201e\u2018`]+/, '')
    .replace(/[\s>"'\]}\u00bb\u201d\u2019`,.;!]+$/, '');
  // A bracket that the text itself opens is part of it.
  const isOpen = text.endsWith(')') && text.split('(').length < text.split(')').length;
  return isOpen ? trimmed(text.slice(0, -1)) : text;
}

/** @param {string} url */
const isTorrentUrl = (url) =>
  /\.torrent(?:$|[?#&;/])|[/?&=_-](?:torrent|download|dl)(?:s|\.php)?(?:$|[/?=&])/i.test(url);

/** Returns the parameters of a magnet link, with base keys: `xt.1` is `xt`. @param {string} magnet */
function paramsOf(magnet) {
  return magnet.slice(magnet.indexOf('?') + 1).split('&').slice(0, 5000).map((param) => {
    const [, key, value] = /^(?:amp;)?([^=]*)=?(.*)$/s.exec(param) ?? ['', '', ''];
    const base = key.toLowerCase().replace(/(?<!^x)\.\d+$/, '');
    return /** @type {const} */ ([base, unescapePart(base === 'dn' ? value.replace(/\+/g, ' ') : value)]);
  });
}

/** @param {string} text */
function unescapePart(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** @param {string} text */
function unescapeMarkup(text) {
  return text.replace(/&(?:amp|#38|#x26);/gi, '&').replace(/&(?:quot|#34);/gi, '"')
    .replace(/&(?:apos|#39|#x27);/gi, "'");
}
