import assert from 'node:assert/strict';
import { test } from 'node:test';

import { microtask } from './base/signal.helpers.js';
import { scope, signal } from './base/signal.js';
import { watchFinished } from './notices.js';

/** App whose daemon has finished torrents, and the notifications that it shows. */
function setup(t, finished) {
  const shown = [];
  globalThis.Notification = class {
    static permission = 'granted';
    constructor(title, { body }) { shown.push(body); }
  };
  t.after(() => { delete globalThis.Notification; });
  const complete = (count) => ({ complete: count });
  const app = {
    live: { counts: signal(null) }, prefs: { notify: signal(true) }, can: { notifications: true },
    clean: (text) => text, t: (key, params) => `${key} ${params?.count ?? ''}`,
    api: { list: async ({ limit }) => ({ torrents: finished.slice(0, limit) }) },
  };
  const [, end] = scope(() => watchFinished(app));
  t.after(end);
  const count = async (number) => { app.live.counts.value = complete(number); await settle(); };
  return { shown, count };
}

const settle = async () => { for (let i = 0; i < 10; i += 1) await microtask(); };

test('torrents_count_as_new_by_the_clock_of_the_daemon', async (t) => {
  const finished = [{ id: 1, name: 'old', finished_unix_s: 100 }];
  const { shown, count } = setup(t, finished);
  await count(1);
  finished.unshift({ id: 2, name: 'new', finished_unix_s: 101 });
  await count(2);
  assert.deepEqual(shown, ['new']);
});

test('checked_torrents_that_were_finished_before_are_no_news', async (t) => {
  const finished = [{ id: 1, name: 'old', finished_unix_s: 100 }];
  const { shown, count } = setup(t, finished);
  await count(1);
  await count(2);
  assert.deepEqual(shown, []);
});

test('first_torrent_of_all_is_new', async (t) => {
  const finished = [];
  const { shown, count } = setup(t, finished);
  await count(0);
  finished.push({ id: 1, name: 'a', finished_unix_s: 5 });
  await count(1);
  assert.deepEqual(shown, ['a']);
});
