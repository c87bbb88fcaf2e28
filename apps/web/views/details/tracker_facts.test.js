import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fullUrlOf, hostOf, parseAnnounceUrls, tiersOf } from './tracker_facts.js';

const tracker = (url, tier = 0) => ({ url, tier });

test('announce_urls_are_read_line_by_line_and_once', () => {
  const text = ' https://a.example/announce\n\nudp://b.example:80\nhttps://a.example/announce\nwss://c.example';
  assert.deepEqual(parseAnnounceUrls(text),
    { urls: ['https://a.example/announce', 'udp://b.example:80', 'wss://c.example'], wrong: [] });
});

test('lines_that_are_no_announce_url_are_named', () => {
  for (const line of ['javascript:alert(1)', 'http://', 'ftp://a.example', 'tracker.example', 'http:///x']) {
    assert.deepEqual(parseAnnounceUrls(line), { urls: [], wrong: [line] });
  }
});

test('full_url_is_that_of_the_same_place', () => {
  const shown = [tracker('https://a.example/…/announce'), tracker('udp://b.example:80', 1)];
  const full = [tracker('https://a.example/secret/announce'), tracker('udp://b.example:80', 1)];
  assert.equal(fullUrlOf(shown, full, 0), 'https://a.example/secret/announce');
  assert.equal(fullUrlOf(shown, full.slice(1), 0), null);
  assert.equal(fullUrlOf(shown, [full[1], full[0]], 0), null);
  assert.equal(fullUrlOf(shown, full, 2), null);
});

test('tiers_keep_their_order', () => {
  assert.deepEqual(tiersOf([tracker('b', 1), tracker('a', 0), tracker('c', 1)]), [['a'], ['b', 'c']]);
  assert.deepEqual(tiersOf([]), []);
});

test('host_is_without_path_and_login', () => {
  assert.equal(hostOf('https://user:pass@a.example:8080/announce?key=1'), 'a.example:8080');
  assert.equal(hostOf('nonsense'), 'nonsense');
});
