import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from './api.js';
import { connectionOf } from './connection.js';

const offline = (reason = 'closed') => ({ kind: 'offline', reason, retryAtMs: 5 });
const reasonOf = (state, probe, wasLive = true) => connectionOf(state, probe, wasLive).reason;

test('states_other_than_offline_have_no_reason', () => {
  assert.deepEqual(connectionOf({ kind: 'live' }, null, true), { kind: 'live' });
  assert.deepEqual(connectionOf({ kind: 'idle' }, null, true), { kind: 'connecting' });
  assert.deepEqual(connectionOf({ kind: 'connecting' }, null, true), { kind: 'connecting' });
});

test('plain_request_tells_the_reason', () => {
  assert.equal(reasonOf(offline(), new ApiError('network', 0, 'x')), 'unreachable');
  const refused = connectionOf(offline(), new ApiError('forbidden', 403, 'the host is not allowed'), false);
  assert.deepEqual(refused, { kind: 'offline', reason: 'refused', detail: 'the host is not allowed', retryAtMs: 5 });
  assert.equal(reasonOf(offline(), null, false), 'blocked');
});

test('connection_that_has_worked_is_broken_rather_than_blocked', () => {
  assert.equal(reasonOf(offline(), null), 'broken');
  assert.equal(reasonOf(offline(), undefined, false), 'broken');
});

test('silence_and_defects_have_reasons_of_their_own', () => {
  assert.equal(reasonOf(offline('timeout'), null), 'silent');
  assert.equal(reasonOf(offline('protocol'), undefined), 'unreadable');
  assert.equal(reasonOf(offline('timeout'), new ApiError('network', 0, 'x')), 'unreachable');
});
