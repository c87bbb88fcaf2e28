import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { scope } from '../base/signal.js';
import { poll } from './poll.js';

/** Lets all promises settle. */
const settle = async () => { for (let i = 0; i < 20; i += 1) await Promise.resolve(); };

/** Polls a source whose calls are answered by hand. */
function setup(t) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const calls = [];
  const [polled, end] = scope(() => poll((signal) => new Promise((resolve, reject) => {
    calls.push({ signal, resolve, reject });
  }), 1000));
  return { calls, polled, end, pass: async (ms) => { mock.timers.tick(ms); await settle(); } };
}

test('calls_follow_each_other_after_the_interval', async (t) => {
  const { calls, polled, pass } = setup(t);
  await pass(5000);
  assert.equal(calls.length, 1, 'a call that is under way is awaited');
  calls[0].resolve('a');
  await settle();
  assert.equal(polled.data.value, 'a');
  await pass(999);
  assert.equal(calls.length, 1);
  await pass(1);
  assert.equal(calls.length, 2);
});

test('failure_keeps_the_data_and_the_next_success_ends_it', async (t) => {
  const { calls, polled, pass } = setup(t);
  calls[0].resolve('a');
  await pass(0);
  await pass(1000);
  calls[1].reject('no');
  await pass(0);
  assert.deepEqual([polled.data.value, polled.error.value], ['a', 'no']);
  await pass(1000);
  calls[2].resolve('b');
  await pass(0);
  assert.deepEqual([polled.data.value, polled.error.value], ['b', null]);
});

test('refresh_during_a_call_makes_one_more', async (t) => {
  const { calls, polled, pass } = setup(t);
  polled.refresh();
  polled.refresh();
  assert.equal(calls.length, 1);
  calls[0].resolve('old');
  await pass(0);
  assert.equal(calls.length, 2);
  calls[1].resolve('new');
  await pass(0);
  assert.equal(polled.data.value, 'new');
  await pass(1000);
  assert.equal(calls.length, 3);
});

test('end_of_the_scope_aborts_and_stops', async (t) => {
  const { calls, polled, end, pass } = setup(t);
  end();
  assert.equal(calls[0].signal.aborted, true);
  calls[0].reject(new Error('aborted'));
  await pass(5000);
  await polled.refresh();
  assert.deepEqual([calls.length, polled.data.value, polled.error.value], [1, null, null]);
});

test('stop_ends_the_calls_and_keeps_the_data', async (t) => {
  const { calls, polled, pass } = setup(t);
  calls[0].resolve('a');
  await pass(0);
  polled.stop();
  await pass(5000);
  await polled.refresh();
  assert.deepEqual([calls.length, polled.data.value], [1, 'a']);
});
