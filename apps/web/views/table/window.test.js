import assert from 'node:assert/strict';
import { test } from 'node:test';

import { covers, createFollower, windowFor } from './window.js';

/** Follower in virtual time. */
function setup() {
  const requests = [];
  let time = 0, timer = null;
  const follower = createFollower((window) => requests.push(window), {
    now: () => time,
    setTimer: (fn, ms) => (timer = { fn, at: time + ms }),
    clearTimer: (known) => { if (known && known === timer) timer = null; },
  });
  const pass = (ms) => {
    time += ms;
    if (!timer || timer.at > time) return;
    const { fn } = timer;
    timer = null;
    fn();
  };
  return { requests, follower, pass };
}

test('windows_have_a_margin_and_even_edges', () => {
  assert.deepEqual(windowFor({ first: 0, count: 40 }), { offset: 0, limit: 80 });
  assert.deepEqual(windowFor({ first: 505, count: 50 }), { offset: 440, limit: 180 });
  for (let first = 0; first < 500; first += 7) {
    for (const count of [1, 13, 40, 200]) {
      const window = windowFor({ first, count });
      assert.ok(covers(window, { first, count }, 10_000), `${first} ${count}`);
      assert.ok(window.offset % 20 === 0 && window.limit % 20 === 0 && window.limit <= 3 * count + 160);
    }
  }
});

test('window_covers_up_to_the_ends_of_the_list', () => {
  const window = { offset: 0, limit: 100 };
  assert.ok(covers(window, { first: 0, count: 40 }, 10_000));
  assert.ok(covers(window, { first: 70, count: 60 }, 100));
  assert.ok(!covers(window, { first: 50, count: 40 }, 10_000));
  assert.ok(!covers({ offset: 100, limit: 200 }, { first: 110, count: 40 }, 10_000));
});

test('slow_scrolling_requests_at_once_and_rarely', () => {
  const { requests, follower, pass } = setup();
  for (let first = 0; first <= 400; first += 1) {
    follower.show({ first, count: 40 }, 10_000);
    pass(16);
  }
  assert.deepEqual(requests[0], { offset: 0, limit: 80 });
  assert.ok(requests.length > 5 && requests.length < 25, String(requests.length));
});

test('fast_scrolling_waits_for_a_rest_but_not_for_long', () => {
  const { requests, follower, pass } = setup();
  follower.show({ first: 0, count: 40 }, 10_000);
  for (let i = 1; i <= 60; i += 1) {
    follower.show({ first: i * 150, count: 40 }, 10_000);
    pass(16);
  }
  assert.ok(requests.length >= 4 && requests.length <= 8, String(requests.length));
  pass(70);
  assert.deepEqual(requests.at(-1), windowFor({ first: 9000, count: 40 }));
});

test('return_to_the_window_cancels_the_request', () => {
  const { requests, follower, pass } = setup();
  follower.show({ first: 0, count: 40 }, 10_000);
  follower.show({ first: 5000, count: 40 }, 10_000);
  follower.show({ first: 0, count: 40 }, 10_000);
  pass(1000);
  assert.equal(requests.length, 1);
});

test('restart_requests_the_first_window', () => {
  const { requests, follower, pass } = setup();
  follower.show({ first: 900, count: 40 }, 10_000);
  follower.show({ first: 5000, count: 40 }, 10_000);
  follower.restart();
  pass(1000);
  assert.deepEqual(requests.at(-1), windowFor({ first: 0, count: 40 }));
  assert.equal(requests.length, 2);
});
