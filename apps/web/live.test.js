import assert from 'node:assert/strict';
import { test } from 'node:test';

import { log } from './base/signal.helpers.js';
import { eventsUrl } from './live.js';
import { change, row, setup, whole } from './live.helpers.js';

const ids = (live) => live.rows.value.map(({ id }) => id);

test('events_url_follows_the_scheme_of_the_page', () => {
  assert.equal(eventsUrl('/ztor', new URL('https://nas:1/x')), 'wss://nas:1/ztor/api/v1/events');
  assert.equal(eventsUrl('', new URL('http://nas/x')), 'ws://nas/api/v1/events');
});

test('first_query_connects_and_fills_the_window', () => {
  const { live, socket, sockets } = setup();
  assert.deepEqual([live.state.value.kind, sockets.length], ['idle', 0]);
  live.follow({ sort: ['name'], offset: 5, limit: 2, counts: true });
  assert.deepEqual([live.state.value.kind, live.isPending.value], ['connecting', true]);
  socket().open();
  const query = { sort: ['name'], offset: 5, limit: 2, counts: true };
  assert.deepEqual(socket().sent, [{ kind: 'follow', id: 1, query, statistics: true }]);
  socket().receive(whole(3, [row(9), row(4)], { total: 40, counts: { all: 40 } }));
  assert.deepEqual([live.state.value.kind, live.isPending.value], ['live', false]);
  assert.deepEqual([ids(live), live.total.value, live.first.value], [[9, 4], 40, 5]);
  assert.deepEqual(live.counts.value, { all: 40 });
  assert.equal(live.row(4).name, 't4');
});

test('change_replaces_only_what_has_changed', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1), row(2)]));
  const [one, two] = live.rows.value;
  const order = live.order.value;
  socket().receive(change(2, null, [row(2, { progress: 0.5, revision: 2 })], 2));
  assert.equal(live.rows.value[0], one);
  assert.notEqual(live.rows.value[1], two);
  assert.equal(live.order.value, order);
  const snapshot = live.snapshot.value;
  socket().receive(change(3, null, [row(1, { tags: ['a'] })], 2));
  assert.equal(live.snapshot.value, snapshot);
  socket().receive(change(4, null, [], 7));
  assert.equal(live.rows.value, snapshot.rows);
  assert.equal(live.total.value, 7);
});

test('change_of_the_order_moves_rows_and_removals_drop_them', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1), row(2), row(3)]));
  const [one, , three] = live.rows.value;
  socket().receive(change(2, [3, 4, 1], [row(4)], 3, { removed: [{ id: 2, hash: '', revision: 2 }] }));
  assert.deepEqual(ids(live), [3, 4, 1]);
  assert.deepEqual([live.rows.value[0], live.rows.value[2]], [three, one]);
  assert.equal(live.row(2), undefined);
  socket().receive(change(3, [], [], 0));
  assert.deepEqual([ids(live), live.row(1)], [[], undefined]);
});

test('signals_change_once_per_update', () => {
  const { live, socket, begin } = setup();
  begin({ counts: true }, whole(1, [row(1)], { counts: { all: 1 } }));
  const { seen } = log(() => [live.total.value, ids(live).length, live.order.value.length, live.counts.value.all]);
  socket().receive(change(2, [1, 2], [row(2)], 2, { counts: { all: 2 } }));
  assert.deepEqual(seen, [[1, 1, 1, 1], [2, 2, 2, 2]]);
});

test('update_with_an_older_revision_is_ignored', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(10, [row(1)]));
  socket().receive(change(12, null, [row(1, { progress: 0.9 })], 1));
  socket().receive(change(11, null, [row(1, { progress: 0.1 })], 5));
  assert.deepEqual([live.rows.value[0].progress, live.total.value], [0.9, 1]);
});

test('updates_of_the_query_before_are_ignored', () => {
  const { live, socket, begin } = setup();
  begin({ state: ['paused'] }, whole(1, [row(1)]));
  live.follow({ state: ['done'], limit: 2 });
  assert.equal(live.isPending.value, true);
  assert.equal(socket().sent.length, 2);
  socket().receive({ ...change(2, [7], [row(7)], 1), id: 1 });
  socket().receive({ ...whole(3, [row(7), row(8)]), id: 1 });
  assert.deepEqual(ids(live), [1]);
  socket().receive(whole(2, [row(5)]));
  assert.deepEqual([ids(live), live.isPending.value], [[5], false]);
  socket().receive({ ...change(9, [7], [row(7)], 1), id: 1 });
  assert.deepEqual(ids(live), [5]);
});

test('answer_that_is_no_whole_window_ends_the_connection', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  live.follow({ limit: 1 });
  socket().receive(change(2, [1], [row(1)], 1));
  assert.equal(live.state.value.reason, 'protocol');
});

test('of_several_queries_only_the_latest_is_requested_after_the_answer', () => {
  const { live, socket, begin } = setup();
  begin({ offset: 0 }, whole(1, [row(1)]));
  for (const offset of [10, 20, 30]) live.follow({ offset, limit: 1 });
  assert.deepEqual(socket().sent.map(({ query }) => query.offset), [0, 10]);
  socket().receive(whole(2, [row(11)], { total: 50 }));
  // Another window of the same list is better than the old one.
  assert.deepEqual([ids(live), live.first.value, live.isPending.value], [[11], 10, true]);
  assert.deepEqual(socket().sent.map(({ query }) => query.offset), [0, 10, 30]);
  socket().receive(whole(2, [row(31)], { total: 50 }));
  assert.deepEqual([ids(live), live.first.value, live.isPending.value], [[31], 30, false]);
});

test('answer_for_a_list_that_is_no_longer_followed_is_not_shown', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  for (const tag of ['a', 'b']) live.follow({ tag: [tag] });
  socket().receive(whole(2, [row(2)]));
  assert.deepEqual(ids(live), [1]);
  socket().receive(whole(2, [row(3)]));
  assert.deepEqual(ids(live), [3]);
});

test('query_that_is_the_same_is_not_requested_again', () => {
  const { live, socket, begin } = setup();
  const query = { tag: ['a'], limit: 9 };
  begin(query, whole(1, [row(1)]));
  live.follow({ limit: 9, tag: ['a'] });
  assert.equal(socket().sent.length, 1);
  query.tag.push('b');
  live.follow(query);
  assert.equal(socket().sent.length, 2);
});

test('refused_query_keeps_the_rows_and_reports_the_problem', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  live.follow({ select: ['nothing'] });
  socket().receive({ kind: 'problem', type: 'not_found', detail: 'no torrent', status: 404 });
  assert.deepEqual(live.problem.value, { type: 'not_found', detail: 'no torrent', status: 404 });
  socket().receive({ ...change(2, [7], [row(7)], 1), id: 1 });
  assert.deepEqual([ids(live), live.state.value.kind, live.isPending.value], [[1], 'live', false]);
  live.follow({});
  assert.equal(live.problem.value, null);
  socket().receive(whole(2, [row(7)]));
  assert.deepEqual(ids(live), [7]);
});

test('refusal_of_an_earlier_request_is_ignored', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  live.follow({ limit: 1 });
  socket().receive({ kind: 'problem', id: 1, type: 'not_found', detail: 'no torrent', status: 404 });
  assert.deepEqual([live.problem.value, live.isPending.value], [null, true]);
});

test('query_that_is_refused_later_is_a_problem_until_the_next_update', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  socket().receive({ kind: 'problem', type: 'bad_request', detail: 'too slow', status: 400 });
  assert.deepEqual([live.problem.value?.detail, ids(live), live.state.value.kind], ['too slow', [1], 'live']);
  socket().receive(change(2, null, [], 1));
  assert.equal(live.problem.value, null);
});

test('end_of_the_session_ends_the_connection_for_good', () => {
  const { live, socket, sockets, pass, begin, timers, refusals } = setup();
  begin({}, whole(1, [row(1)]));
  socket().receive({ kind: 'problem', id: null, type: 'unauthorized', detail: 'log in', status: 401 });
  assert.deepEqual(refusals, [{ type: 'unauthorized', detail: 'log in', status: 401 }]);
  pass(100_000);
  assert.deepEqual([live.state.value.kind, sockets.length, timers.size], ['idle', 1, 0]);
  live.follow({});
  assert.equal(sockets.length, 2);
});

test('problem_without_a_request_ends_the_connection', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  socket().receive({ kind: 'problem', id: null, type: 'unavailable', detail: 'it ends', status: 503 });
  assert.equal(live.state.value.reason, 'protocol');
});

test('statistics_change_only_with_their_values', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  assert.equal(live.statistics.value, null);
  const statistics = { revision: 1, down_per_s: 5, up_per_s: 0 };
  socket().receive({ kind: 'statistics', id: undefined, statistics });
  const first = live.statistics.value;
  assert.deepEqual(first, statistics);
  socket().receive({ kind: 'statistics', statistics: { ...statistics, revision: 2 } });
  assert.equal(live.statistics.value, first);
  socket().receive({ kind: 'statistics', statistics: { ...statistics, up_per_s: 9 } });
  assert.equal(live.statistics.value.up_per_s, 9);
  assert.deepEqual(ids(live), [1]);
});

test('refused_query_is_a_sign_of_life', () => {
  const { live, socket, pass } = setup();
  live.follow({ select: ['nothing'] });
  for (const ms of [500, 1000]) { socket().drop(); pass(ms); }
  socket().open();
  socket().receive({ kind: 'problem', type: 'not_found', detail: 'no torrent', status: 404 });
  assert.equal(live.state.value.kind, 'live');
  socket().drop();
  pass(500);
  assert.equal(live.state.value.kind, 'connecting');
});

test('lost_connection_returns_after_growing_pauses', () => {
  const { live, socket, sockets, pass, begin } = setup();
  begin({ limit: 3 }, whole(1, [row(1)]));
  const pauses = [];
  for (let n = 0; n < 9; n += 1) {
    const now = live.state.value.kind;
    socket().drop();
    assert.equal(live.state.value.reason, 'closed', now);
    const count = sockets.length;
    let ms = 0;
    for (; sockets.length === count; ms += 50) pass(50);
    pauses.push(ms);
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.deepEqual(ids(live), [1], 'the rows stay');
  socket().open();
  socket().drop();
  pass(29_000);
  assert.equal(live.state.value.kind, 'offline', 'an open connection without an answer is no success');
  pass(1000);
  socket().open();
  assert.deepEqual(socket().sent.map(({ kind, query }) => [kind, query]), [['follow', { limit: 3 }]]);
  socket().receive(whole(9, [row(1)]));
  socket().drop();
  pass(500);
  assert.equal(live.state.value.kind, 'connecting');
});

test('pauses_are_random_by_half', () => {
  const { live, pass, socket } = setup({ random: () => 0 });
  live.follow({});
  socket().drop();
  assert.deepEqual(live.state.value, { kind: 'offline', reason: 'closed', retryAtMs: 250 });
  pass(250);
  assert.equal(live.state.value.kind, 'connecting');
});

test('restarted_server_replaces_rows_that_differ_and_keeps_others', () => {
  const { live, socket, pass, begin } = setup();
  begin({}, whole(1000, [row(1, { revision: 900 }), row(2, { revision: 5 })]));
  const [one, two] = live.rows.value;
  const stale = socket();
  stale.drop();
  pass(500);
  socket().open();
  socket().receive(whole(3, [row(1, { revision: 2 }), row(2, { revision: 3, progress: 1 })]));
  assert.equal(live.rows.value[0], one);
  assert.notEqual(live.rows.value[1], two);
  socket().receive(change(4, null, [row(1, { progress: 0.2 })], 2));
  assert.equal(live.rows.value[0].progress, 0.2, 'revisions of the new run count');
  assert.equal(stale.onmessage, null);
});

test('wake_connects_at_once', () => {
  const { live, sockets, socket, pass, wake } = setup();
  wake();
  assert.equal(sockets.length, 0, 'nothing is followed');
  live.follow({});
  for (let n = 0; n < 6; n += 1) { socket().drop(); pass(20_000); }
  socket().drop();
  const count = sockets.length;
  wake();
  wake();
  assert.equal(sockets.length, count + 1);
  socket().drop();
  assert.equal(live.state.value.kind, 'offline');
  pass(500);
  assert.equal(sockets.length, count + 2, 'the pauses begin again');
});

test('wake_with_a_dead_connection_replaces_it', () => {
  const { live, socket, pass, wake, begin } = setup();
  begin({}, whole(1, [row(1)]));
  wake();
  assert.equal(socket().sent.length, 2);
  pass(5000);
  assert.deepEqual([live.state.value.kind, live.state.value.reason], ['offline', 'timeout']);
  assert.equal(socket().isClosed, true);
});

test('silence_is_ended_by_a_request_and_a_silent_server_by_a_timeout', () => {
  const { live, socket, pass, begin } = setup();
  begin({}, whole(1, [row(1)]));
  pass(44_000);
  socket().receive(change(2, null, [row(1, { progress: 0.1 })], 1));
  pass(44_000);
  assert.equal(socket().sent.length, 1);
  pass(1000);
  assert.equal(socket().sent.length, 2);
  const before = [live.snapshot.value, live.order.value];
  socket().receive(whole(2, [row(1, { progress: 0.1 })]));
  assert.equal(live.snapshot.value, before[0]);
  assert.equal(live.order.value, before[1]);
  pass(45_000 + 15_000);
  assert.equal(live.state.value.reason, 'timeout');
});

test('connection_that_never_opens_times_out', () => {
  const { live, pass } = setup();
  live.follow({});
  pass(14_999);
  assert.equal(live.state.value.kind, 'connecting');
  pass(1);
  assert.equal(live.state.value.reason, 'timeout');
});

test('malformed_message_requests_the_window_and_the_second_ends_the_connection', () => {
  const list = { revision: 1, total: 1, torrents: [], removed: [] };
  for (const message of [
    '', '{', 'null', '[]', '1', '{}', '{"kind":1}', undefined, '{"kind":"list"}', '{"kind":"problem"}',
    '{"kind":"statistics","statistics":{}}', JSON.stringify({ ...whole(2, [row(1)]), id: 'x' }),
    ...[
      { kind: 'list', is_whole: 1, order: null, list }, { kind: 'list', is_whole: false, order: 'x', list },
      { kind: 'list', is_whole: false, order: [-1], list }, { kind: 'list', is_whole: false, order: null, list: null },
      { kind: 'list', is_whole: false, order: null, list: { ...list, torrents: [null] } },
      { kind: 'list', is_whole: false, order: null, list: { ...list, revision: '1' } },
      { ...change(2, [1], [], 1), is_whole: true }, change(2, [1, 8], [], 2), change(2, [1, 1], [], 2),
    ].map((message) => JSON.stringify({ ...message, id: 1 })),
  ]) {
    const { live, socket, pass, begin } = setup();
    begin({}, whole(1, [row(1)]));
    const before = live.snapshot.value;
    socket().receiveText(message);
    assert.equal(socket().sent.length, 2, message);
    assert.equal(live.snapshot.value, before);
    socket().receiveText(message);
    assert.equal(live.state.value.reason, 'protocol', message);
    pass(500);
    assert.equal(live.state.value.kind, 'connecting');
  }
});

test('message_of_an_unknown_kind_is_ignored', () => {
  const { live, socket, begin } = setup();
  begin({}, whole(1, [row(1)]));
  socket().receive({ kind: 'news', down_per_s: 5 });
  assert.deepEqual([live.state.value.kind, socket().sent.length], ['live', 1]);
});

test('follow_null_and_close_end_the_connection_and_all_timers', () => {
  const { live, sockets, socket, timers, pass, begin, wake, isAwake } = setup();
  begin({}, whole(1, [row(1)]));
  live.follow(null);
  assert.deepEqual([live.state.value.kind, socket().isClosed, timers.size], ['idle', true, 0]);
  begin({}, whole(1, [row(1)]));
  live.close();
  live.follow({ limit: 1 });
  wake();
  live.retry();
  pass(100_000);
  assert.equal(isAwake(), false);
  assert.deepEqual([live.state.value.kind, socket().isClosed, timers.size, sockets.length], ['idle', true, 0, 2]);
});

test('random_changes_give_the_list_of_the_server', () => {
  let seed = 1;
  const pick = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const { live, socket, begin } = setup();
  begin({ limit: 5 }, whole(0, []));
  let shown = [];
  for (let revision = 1, progress = 0; revision < 2000; revision += 1) {
    const known = new Map(shown.map((torrent) => [torrent.id, torrent]));
    const order = [...new Set(Array.from({ length: pick(6) }, () => pick(12)))];
    const changed = [];
    const next = order.map((id) => {
      if (known.has(id) && pick(3)) return known.get(id);
      changed.push(row(id, { progress: (progress += 1) }));
      return changed.at(-1);
    });
    const isSame = order.join() === shown.map(({ id }) => id).join();
    const before = live.rows.value;
    socket().receive(change(revision, isSame ? null : order, changed, 12));
    assert.deepEqual(live.rows.value, next);
    for (const torrent of live.rows.value) {
      const old = before.find(({ id }) => id === torrent.id);
      if (old?.progress === torrent.progress) assert.equal(torrent, old);
    }
    shown = next;
  }
  assert.equal(live.state.value.kind, 'live');
});
