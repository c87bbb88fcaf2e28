import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  changedLimits, commonValue, countTags, groupByAction, parsePeers, parseTiers, tiersOf, tiersText, trackerAction,
} from './changes.js';

test('torrents_with_the_same_action_are_one_group', () => {
  const torrents = [{ id: 1, dir: '/a' }, { id: 2, dir: '/b' }, { id: 3, dir: '/a' }, { id: 4, dir: '' }];
  assert.deepEqual(groupByAction(torrents, ({ dir }) => (dir ? { kind: 'move', dir } : null)),
    [{ ids: [1, 3], action: { kind: 'move', dir: '/a' } }, { ids: [2], action: { kind: 'move', dir: '/b' } }]);
});

test('common_value_is_undefined_if_values_differ', () => {
  assert.equal(commonValue([{ v: 1 }, { v: 1 }], ({ v }) => v), 1);
  assert.equal(commonValue([{ v: 1 }, { v: null }], ({ v }) => v), undefined);
  assert.equal(commonValue([{ v: null }], ({ v }) => v), null);
  assert.equal(commonValue([], () => 1), undefined);
});

test('limit_that_is_not_changed_stays', () => {
  const old = { down_per_s: 5, up_per_s: null };
  assert.deepEqual(changedLimits(old, { up: 7 }), { down_per_s: 5, up_per_s: 7 });
  assert.deepEqual(changedLimits(old, { down: null }), { down_per_s: null, up_per_s: null });
});

test('tags_are_counted', () => {
  assert.deepEqual([...countTags([{ tags: ['a', 'b'] }, { tags: ['a'] }])], [['a', 2], ['b', 1]]);
});

test('empty_line_begins_a_tier', () => {
  const text = 'udp://a.example:1\nhttps://b.example/announce\n \n\nhttp://c.example/\nudp://a.example:1\n';
  const { tiers, bad } = parseTiers(text);
  assert.deepEqual([tiers, bad],
    [[['udp://a.example:1', 'https://b.example/announce'], ['http://c.example/']], []]);
  assert.deepEqual(parseTiers(tiersText(tiers)).tiers, tiers);
  assert.deepEqual(tiersOf([{ url: 'b', tier: 1 }, { url: 'a', tier: 0 }, { url: 'c', tier: 1 }]), [['a'], ['b', 'c']]);
});

test('url_that_no_tracker_has_is_bad', () => {
  const { bad } = parseTiers('t.example\nfile:///x\nhttp://\nudp://t.example');
  assert.deepEqual(bad, ['t.example', 'file:///x', 'http://']);
});

test('edit_of_trackers_names_only_those_of_the_torrent', () => {
  const edit = { add: ['a', 'n'], remove: ['b', 'x'], replace: { c: 'd', y: 'z' } };
  assert.deepEqual(trackerAction(['a', 'b', 'c'], edit),
    { kind: 'edit_trackers', add: ['n'], remove: ['b'], replace: { c: 'd' } });
  assert.equal(trackerAction(['a', 'n'], edit), null);
});

test('peers_are_addresses_with_ports', () => {
  const { peers, bad } = parsePeers(
    '192.0.2.1:6881, [2001:db8::1]:80\n192.0.2.1:6881 256.0.0.1:5 host:5 1.2.3.4 [::1]:0 [:::]:5');
  assert.deepEqual(peers, ['192.0.2.1:6881', '[2001:db8::1]:80']);
  assert.deepEqual(bad, ['256.0.0.1:5', 'host:5', '1.2.3.4', '[::1]:0', '[:::]:5']);
});
