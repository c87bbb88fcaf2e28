import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FLAG_LETTERS, compareAddresses, lettersOf, sortPeers } from './peer_facts.js';

const peer = (fields = {}) => ({
  addr: '10.0.0.1:6881', client: null, is_incoming: false, transport: 'tcp', is_encrypted: false, sources: [],
  progress: 0, down_per_s: 0, up_per_s: 0, downloaded_bytes: 0, uploaded_bytes: 0, chokes_us: true, we_choke: true,
  is_interested: false, we_are_interested: false, is_snubbed: false, is_upload_only: false,
  connected_s: 0, ...fields,
});

test('flags_say_who_waits_for_whom', () => {
  assert.equal(lettersOf(peer()), '');
  assert.equal(lettersOf(peer({ we_are_interested: true, chokes_us: false })), 'D');
  assert.equal(lettersOf(peer({ we_are_interested: true })), 'd');
  assert.equal(lettersOf(peer({ is_interested: true, we_choke: false })), 'U');
  assert.equal(lettersOf(peer({ is_interested: true })), 'u');
  assert.equal(lettersOf(peer({ chokes_us: false })), 'K');
  assert.equal(lettersOf(peer({ we_choke: false })), '?');
  assert.equal(lettersOf(peer({ is_snubbed: true, is_upload_only: true, is_incoming: true })), 'SOI');
});

test('every_flag_has_a_letter_of_its_own', () => {
  const letters = Object.values(FLAG_LETTERS);
  assert.equal(new Set(letters).size, letters.length);
});

test('addresses_are_in_the_order_of_their_numbers_and_v6_follows', () => {
  const sorted = ['[2001:db8::1]:1', '10.0.0.10:1', '9.9.9.9:80', '10.0.0.9:2', '10.0.0.9:1'].sort(compareAddresses);
  assert.deepEqual(sorted, ['9.9.9.9:80', '10.0.0.9:1', '10.0.0.9:2', '10.0.0.10:1', '[2001:db8::1]:1']);
  assert.equal(compareAddresses('[::1]:1', '[::1]:1'), 0);
});

test('equal_peers_are_in_the_order_of_their_addresses_in_both_directions', () => {
  const peers = ['10.0.0.3:1', '10.0.0.1:1', '10.0.0.2:1'].map((addr, i) =>
    peer({ addr, down_per_s: i === 0 ? 5 : 0 }));
  const order = (isDescending) => sortPeers(peers, 'down', isDescending).map(({ addr }) => addr[7]);
  assert.deepEqual(order(true), ['3', '1', '2']);
  assert.deepEqual(order(false), ['1', '2', '3']);
});

test('clients_are_sorted_regardless_of_case', () => {
  const peers = ['ztor', 'Alpha', null, 'beta'].map((client, i) => peer({ client, addr: `10.0.0.${i}:1` }));
  assert.deepEqual(sortPeers(peers, 'client', false).map(({ client }) => client), [null, 'Alpha', 'beta', 'ztor']);
});
