import assert from 'node:assert/strict';
import { test } from 'node:test';

import { launchText, textsIn } from './drop.js';
import { sourcesIn, textOf } from './transfer.js';

const HASH = 'a'.repeat(40);

test('launch_has_the_links_of_its_url', () => {
  const magnet = encodeURIComponent(`magnet:?xt=urn:btih:${HASH}&tr=udp://t.example`);
  for (const [url, hasHash, text] of [
    [`https://ztor.example/?add=${magnet}`, false, `magnet:?xt=urn:btih:${HASH}&tr=udp://t.example`],
    [`https://ztor.example/#add=${HASH}`, true, HASH], [`https://ztor.example/#add=${HASH}`, false, ''],
    [`https://ztor.example/?text=see+${HASH}&url=https%3A%2F%2Fa.example`, true, `https://a.example\nsee ${HASH}`],
    ['https://ztor.example/?add=', true, ''], ['', true, ''], ['no url', true, ''],
  ]) assert.equal(launchText(url, hasHash), text, url);
});

/** Texts of a transfer with this data. */
const textsOf = (data) => textsIn({ getData: (type) => data[type] ?? '' });

test('texts_of_a_transfer_have_the_links_of_its_markup_too', () => {
  const markup = `<a href="magnet:?xt=urn:btih:${HASH}">name</a>`;
  const both = textsOf({ 'text/plain': 'name', 'text/html': markup });
  assert.equal(textOf(both), `name\nmagnet:?xt=urn:btih:${HASH}`);
  assert.equal(textOf(textsOf({ 'text/uri-list': 'https://a.example/' })), 'https://a.example/');
  assert.equal(textOf(textsOf({})), '');
});

test('transfer_has_its_files_or_its_links_or_nothing', async () => {
  const file = new File(['x'], 'x.torrent');
  assert.deepEqual(await sourcesIn(textsOf({ 'text/plain': HASH }), [file], [null]), { files: [file], text: '' });
  assert.deepEqual(await sourcesIn(textsOf({ 'text/plain': HASH }), [], []), { files: [], text: HASH });
  assert.equal(await sourcesIn(textsOf({ 'text/plain': 'no link' }), [], []), null);
});
