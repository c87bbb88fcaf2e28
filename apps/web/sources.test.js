import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  MAX_REFUSED, MAX_SOURCES, labelOf, linksOfMarkup, mergeAll, splitSources, toAddSource, wantedOf,
} from './sources.js';

const V1 = '0123456789abcdef0123456789abcdef01234567';
const V1_BASE32 = 'AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH';
const V2 = 'ab'.repeat(32);
const MAGNET = `magnet:?xt=urn:btih:${V1}`;
const hex = (number) => number.toString(16).padStart(40, '0');

/** Returns the kinds and keys of the links in a text. */
const keysOf = (text) => splitSources(text).links.map(({ kind, keys }) => `${kind} ${keys.join(' ')}`);
const reasonsOf = (text) => splitSources(text).refused.map(({ reason }) => reason);

test('every_form_of_a_source_is_found', () => {
  for (const [text, expected] of [
    [MAGNET, `magnet ${V1}`],
    [MAGNET.toUpperCase().replace('MAGNET', 'Magnet'), `magnet ${V1}`],
    [`magnet:?xt=urn:btmh:1220${V2}`, `magnet ${V2}`],
    [`magnet:?xt.1=urn:btih:${V1_BASE32}&xt.2=urn:btmh:1220${V2}`, `magnet ${V1} ${V2}`],
    [encodeURIComponent(MAGNET), `magnet ${V1}`],
    [`https://site.example/open?link=${encodeURIComponent(MAGNET)}&x=1`, `magnet ${V1}`],
    [V1, `hash ${V1}`], [V1.toUpperCase(), `hash ${V1}`], [V1_BASE32, `hash ${V1}`],
    [V1_BASE32.toLowerCase(), `hash ${V1}`], [V2, `hash ${V2}`], [`1220${V2}`, `hash ${V2}`],
    [`Info hash: ${V1}`, `hash ${V1}`], [`urn:btih:${V1}`, `hash ${V1}`],
    ['https://site.example/a.torrent#top', 'url https://site.example/a.torrent'],
    ['http://site.example/get?id=5', 'url http://site.example/get?id=5'],
    ['URL=https://site.example/a.torrent', 'url https://site.example/a.torrent'],
  ]) assert.deepEqual(keysOf(text), [expected], text);
});

test('words_and_punctuation_around_a_source_are_skipped', () => {
  for (const text of [
    `<${MAGNET}>`, `"${MAGNET}",`, `(see ${MAGNET})`, `[name](${MAGNET})`, `1. ${MAGNET}  # good`, `link: '${MAGNET}'.`,
    `\u201c${MAGNET}\u201d`, `\n\n  ${MAGNET}\r\n# a comment about https://site.example\r\n`,
  ]) {
    const { links, refused } = splitSources(text);
    assert.deepEqual([links.map(({ value }) => value), refused], [[MAGNET], []], text);
  }
});

test('name_with_spaces_and_brackets_stays_whole', () => {
  for (const [text, name] of [
    [`${MAGNET}&dn=Two words (2020)&tr=udp://t.example:80 and more`, 'Two words (2020)'],
    [`${MAGNET}&amp;dn=Two+words%26co&amp;tr=udp%3A%2F%2Ft.example`, 'Two words&co'],
    [`${MAGNET}&dn=name_(2020)`, 'name_(2020)'],
    [`${MAGNET}&dn=%FF&tr=udp://t.example`, '%FF'],
  ]) {
    const { links } = splitSources(text);
    assert.deepEqual(links.map((link) => link.name), [name], text);
    assert.ok(!/[ ]|&amp;/.test(links[0].value), links[0].value);
  }
});

test('several_sources_in_one_line_are_split', () => {
  assert.equal(keysOf(`${MAGNET}magnet:?xt=urn:btih:${hex(2)}`).length, 2);
  assert.equal(keysOf(`${MAGNET}&tr=http://t.example/announce magnet:?xt=urn:btih:${hex(2)}`).length, 2);
  assert.equal(keysOf(`${V1}, ${hex(2)};${hex(3)}`).length, 3);
  assert.equal(keysOf('http://a.example/1.torrent,http://a.example/2.torrent').length, 2);
});

test('trackers_of_a_magnet_link_are_no_sources', () => {
  const { links, refused } = splitSources(`${MAGNET}&tr=http://t.example/announce&tr=https://u.example/a`);
  assert.deepEqual([links.length, refused], [1, []]);
  assert.deepEqual(links[0].trackers, ['http://t.example/announce', 'https://u.example/a']);
});

test('url_in_a_sentence_must_look_like_a_torrent', () => {
  assert.deepEqual(keysOf('read https://site.example/about first'), []);
  assert.deepEqual(reasonsOf('read https://site.example/about first'), ['page']);
  assert.deepEqual(keysOf('get https://site.example/a.torrent now'), ['url https://site.example/a.torrent']);
  assert.deepEqual(keysOf('- https://site.example/about'), ['url https://site.example/about']);
});

test('repeated_sources_become_one_with_all_trackers', () => {
  const { links, repeated } = splitSources([V1, `${MAGNET}&dn=a&tr=udp://t.example`,
    `magnet:?xt=urn:btih:${V1_BASE32}&tr=udp://u.example&tr=udp://t.example`, 'http://a.example/', 'http://a.example',
  ].join('\n'));
  assert.equal(repeated, 3);
  assert.deepEqual(links.map(({ kind, name, trackers }) => [kind, name, trackers]),
    [['magnet', 'a', ['udp://t.example', 'udp://u.example']], ['url', null, []]]);
  assert.ok(links[0].value.endsWith('&tr=udp%3A%2F%2Fu.example'));
  assert.equal(mergeAll([...links, ...links]).links.length, 2);
});

test('hybrid_link_joins_the_links_of_its_halves', () => {
  const hybrid = `magnet:?xt=urn:btih:${V1}&xt=urn:btmh:1220${V2}`;
  assert.deepEqual(keysOf(`${hybrid}\n${V2}\n${V1}`), [`magnet ${V1} ${V2}`]);
});

test('unusable_texts_have_a_reason', () => {
  for (const [text, reason] of [
    ['hello world', 'text'], ['ftp://site.example/a.torrent', 'scheme'], ['ed2k://|file|a|', 'scheme'],
    ['file:///home/me/a.torrent', 'local'], ['/home/me/a.torrent', 'local'], ['C:\\a.torrent', 'local'],
    ['magnet:?dn=name', 'no_hash'], ['magnet:?xt=urn:sha1:ABC', 'no_hash'], ['magnet:?xt=urn:btih:123', 'bad_hash'],
    ['d41d8cd98f00b204e9800998ecf8427e', 'bad_hash'], [V1.slice(1), 'bad_hash'], ['https://', 'bad_url'],
    [`https://site.example/${'a'.repeat(5000)}`, 'too_long'], [`${MAGNET}&dn=${'a'.repeat(300_000)}`, 'too_long'],
    ['javascript:alert(1)', 'scheme'], ['abcdefghijklmnopqrstuvwxyzabcdef', 'text'],
  ]) assert.deepEqual([reasonsOf(text), keysOf(text)], [[reason], []], text.slice(0, 80));
});

test('result_is_bounded', () => {
  const many = splitSources(Array.from({ length: 3000 }, (_, i) => hex(i)).join('\n'));
  assert.deepEqual([many.links.length, many.isCut], [MAX_SOURCES, true]);
  const bad = splitSources('x '.repeat(100).concat('\n').repeat(5000));
  assert.equal(bad.refused.length, MAX_REFUSED);
  assert.ok(bad.refused.every(({ text }) => text.length <= 200));
  assert.equal(splitSources('a'.repeat(5_000_000)).isCut, true);
  assert.deepEqual(splitSources(''), { links: [], refused: [], repeated: 0, isCut: false });
});

test('hostile_texts_are_read_in_time', () => {
  for (const text of ['&a='.repeat(500_000), 'magnet:?'.repeat(200_000), '('.repeat(300_000),
    `magnet:?${')'.repeat(2000)}`,
    'http://'.repeat(200_000), 'magnet:? '.repeat(100_000), ':='.repeat(500_000),
    `magnet:?xt=${'&'.repeat(200_000)}`]) {
    const start = performance.now();
    splitSources(text);
    linksOfMarkup(` href="${text}" href='${text}`);
    assert.ok(performance.now() - start < 2000, text.slice(0, 20));
  }
});

test('links_of_markup_are_those_of_torrents', () => {
  const markup = `<a class=x href="${MAGNET}&amp;dn=a&amp;tr=udp://t.example">a</a>`
    + "<a href='https://site.example/b.torrent'>b</a>"
    + '<a href="https://site.example/about">c</a><a href="javascript:alert(1)">d</a><a href=unquoted>e</a>';
  assert.deepEqual(linksOfMarkup(markup).split('\n'),
    [`${MAGNET}&dn=a&tr=udp://t.example`, 'https://site.example/b.torrent']);
});

test('label_shows_no_query', () => {
  const label = (text) => labelOf(splitSources(text).links[0]);
  assert.equal(label('https://site.example/get/a%20b.torrent?passkey=secret'), 'a b.torrent');
  assert.equal(label('https://site.example/?passkey=secret'), 'site.example');
  assert.equal(label(`${MAGNET}&dn=a+b`), 'a b');
  assert.equal(label(V1_BASE32), V1);
});

test('source_is_that_of_the_api', () => {
  const [magnet, hash, url] = splitSources(`magnet:?xt=urn:btih:${hex(1)}\n${V1}\nhttp://a.example/b`).links;
  assert.deepEqual([magnet, hash, url].map(toAddSource),
    [{ magnet: `magnet:?xt=urn:btih:${hex(1)}` }, { magnet: V1 }, { url: 'http://a.example/b' }]);
});

test('wanted_files_of_a_link_are_ranges', () => {
  assert.deepEqual(wantedOf(`${MAGNET}&so=0,2-4,x,7-`), [[0, 0], [2, 4]]);
  assert.equal(wantedOf(MAGNET), null);
});
