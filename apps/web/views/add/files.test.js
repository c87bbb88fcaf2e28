import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MAX_TORRENT_BYTES, kindOf, readBase64 } from './files.js';

const file = (content, name) => new File([content], name);

test('files_are_known_by_their_start_and_their_name', async () => {
  for (const [content, name, kind] of [
    ['d8:announce', 'a', 'torrent'], ['<html>', 'a.torrent', 'torrent'], ['', 'a.torrent', 'empty'],
    ['magnet:?xt=', 'a', 'links'], ['\ufeffhttps://a', 'a', 'links'], ['words', 'a.txt', 'links'],
    ['[InternetShortcut]\r\nURL=magnet:', 'a.url', 'links'], ['words', 'a.doc', 'unknown'], ['dead', 'a', 'unknown'],
  ]) assert.equal(await kindOf(file(content, name)), kind, `${content} ${name}`);
});

test('file_that_is_too_large_is_not_read', async () => {
  const large = { size: MAX_TORRENT_BYTES + 1, name: 'a.torrent', slice: () => new Blob(['d8:announce']) };
  assert.equal(await kindOf(large), 'too_large');
  await assert.rejects(readBase64(large), RangeError);
});

test('base64_is_that_of_the_bytes', async () => {
  for (const length of [0, 1, 2, 3, 24_576, 24_577, 3 * 2 ** 20 + 5]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
    assert.equal(await readBase64(new Blob([bytes])), Buffer.from(bytes).toString('base64'), String(length));
  }
});

test('abort_stops_the_reading', async () => {
  await assert.rejects(readBase64(new Blob(['abc']), AbortSignal.abort()), { name: 'AbortError' });
});
