import assert from 'node:assert/strict';
import { test } from 'node:test';

import { launchText, textsOf } from './drop.js';

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

test('texts_of_a_transfer_have_the_links_of_its_markup_too', () => {
  const transfer = (data) => ({ getData: (type) => data[type] ?? '' });
  const markup = `<a href="magnet:?xt=urn:btih:${HASH}">name</a>`;
  assert.equal(textsOf(transfer({ 'text/plain': 'name', 'text/html': markup })), `name\nmagnet:?xt=urn:btih:${HASH}`);
  assert.equal(textsOf(transfer({ 'text/uri-list': 'https://a.example/' })), 'https://a.example/');
  assert.equal(textsOf(transfer({})), '');
});
