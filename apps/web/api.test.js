import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError, createApi, listPairs } from './api.js';

/** Client whose requests are recorded and answered by `answer`. */
function setup(answer = () => new Response('{}'), base = '/ztor') {
  const sent = [];
  const unauthorized = [];
  const fetch = async (url, init) => {
    sent.push({ url, ...init });
    init.signal?.throwIfAborted();
    return answer(url, init);
  };
  return { api: createApi({ base, fetch, onUnauthorized: (error) => unauthorized.push(error) }), sent, unauthorized };
}

const problem = (status, type, detail, headers = {}) =>
  new Response(JSON.stringify({ type, detail, status }), { status, headers });
const failureOf = (promise) => promise.then(() => assert.fail('expected a failure'), (error) => error);

test('each_method_uses_its_route', async () => {
  const { api, sent } = setup();
  const R = '/ztor/api/v1';
  const cases = [
    [() => api.daemon(), 'GET', '/daemon'],
    [() => api.statistics(), 'GET', '/statistics'],
    [() => api.alternativeLimits(), 'GET', '/limits/alternative'],
    [() => api.setAlternativeLimits('on'), 'PUT', '/limits/alternative', { limits: 'on' }],
    [() => api.log({ since: 5, level: 'warn', limit: undefined }), 'GET', '/log?since=5&level=warn'],
    [() => api.session(), 'GET', '/session'],
    [() => api.beginSession({ code: 'x' }), 'POST', '/session', { code: 'x' }],
    [() => api.endSession(), 'DELETE', '/session'],
    [() => api.createLoginLink(), 'POST', '/session/link'],
    [() => api.account(), 'GET', '/account'],
    [() => api.changeAccount({ password: 'p' }), 'PUT', '/account', { password: 'p' }],
    [() => api.tokens(), 'GET', '/tokens'],
    [() => api.addToken('a b'), 'POST', '/tokens', { name: 'a b' }],
    [() => api.removeToken('a b'), 'DELETE', '/tokens/a%20b'],
    [() => api.ids({ tag: ['a'] }), 'GET', '/torrents?tag=a&ids_only=true'],
    [() => api.list({ state: ['paused', 'done'], sort: ['-down'], limit: 5 }), 'GET',
      '/torrents?state=paused&state=done&sort=-down&limit=5'],
    [() => api.add({ sources: [{ magnet: 'm' }] }), 'POST', '/torrents', { sources: [{ magnet: 'm' }] }],
    [() => api.act({ torrents: ['id:1'], action: { kind: 'stop' } }), 'POST', '/torrents/actions',
      { torrents: ['id:1'], action: { kind: 'stop' } }],
    [() => api.detail(7), 'GET', '/torrents/7'],
    [() => api.files(7), 'GET', '/torrents/7/files'],
    [() => api.peers(7), 'GET', '/torrents/7/peers'],
    [() => api.trackers('name:a/b?'), 'GET', '/torrents/name%3Aa%2Fb%3F/trackers'],
    [() => api.pieces(7), 'GET', '/torrents/7/pieces'],
    [() => api.link(7, 2), 'POST', '/torrents/7/files/2/link', {}],
    [() => api.categories(), 'GET', '/categories'],
    [() => api.putCategory('linux/de bian', {}), 'PUT', '/categories/by-path/linux/de%20bian', {}],
    [() => api.renameCategory('a', 'b'), 'POST', '/categories/rename', { from: 'a', to: 'b' }],
    [() => api.removeCategory('a/b'), 'DELETE', '/categories/by-path/a/b'],
    [() => api.tags(), 'GET', '/tags'],
    [() => api.createTag('a/b#c'), 'PUT', '/tags/by-name/a%2Fb%23c'],
    [() => api.renameTag('a', 'b'), 'POST', '/tags/rename', { from: 'a', to: 'b' }],
    [() => api.removeTag('ä'), 'DELETE', '/tags/by-name/%C3%A4'],
    [() => api.settings(), 'GET', '/settings'],
    [() => api.setting('k'), 'GET', '/settings/k'],
    [() => api.changeSetting('k', null), 'PUT', '/settings/k', { value: null }],
    [() => api.resetSetting('k'), 'DELETE', '/settings/k'],
    [() => api.watchFolders(), 'GET', '/watch-folders'],
    [() => api.putWatchFolder('/a b+c&d', {}), 'PUT', '/watch-folders?dir=%2Fa+b%2Bc%26d', {}],
    [() => api.removeWatchFolder('/in'), 'DELETE', '/watch-folders?dir=%2Fin'],
    [() => api.scanWatchFolders(), 'POST', '/watch-folders/scan'],
  ];
  for (const [run, method, path, body] of cases) {
    await run();
    const { url, method: used, body: text, headers } = sent.pop();
    assert.deepEqual([used, url], [method, R + path]);
    assert.deepEqual(text && JSON.parse(text), body, path);
    assert.equal(headers['Content-Type'], body && 'application/json', path);
  }
  assert.equal(api.contentUrl(7, 3), `${R}/torrents/7/files/3/content`);
  assert.equal(api.torrentFileUrl('hash:ab'), `${R}/torrents/hash%3Aab/torrent-file`);
});

test('paths_with_steps_are_refused', async () => {
  const { api, sent } = setup();
  for (const name of ['', '.', '..']) assert.equal((await failureOf(api.removeTag(name))).kind, 'bad_request');
  for (const path of ['', '/', 'a//b', '../tags', 'a/..']) {
    assert.equal((await failureOf(api.removeCategory(path))).kind, 'bad_request', path);
  }
  assert.equal(sent.length, 0);
  await api.createTag('\ud800');
  assert.equal(sent[0].url, '/ztor/api/v1/tags/by-name/%EF%BF%BD');
});

test('list_pairs_leave_out_defaults_and_keep_empty_texts', () => {
  assert.deepEqual(listPairs({ offset: 0, limit: null, counts: false, search: null }), []);
  assert.deepEqual(listPairs({ tag: [''], search: '', limit: 0, since: 0, offset: 3, counts: true }), [
    ['tag', ''], ['search', ''], ['offset', '3'], ['limit', '0'], ['since', '0'], ['counts', 'true'],
  ]);
});

test('problem_becomes_an_error_with_its_kind', async () => {
  const { api, unauthorized } = setup(() => problem(409, 'conflict', 'is moving', { 'Retry-After': '7' }));
  const error = await failureOf(api.act({ torrents: ['all'], action: { kind: 'stop' } }));
  assert.ok(error instanceof ApiError && error instanceof Error);
  assert.deepEqual([error.kind, error.status, error.message, error.retryAfterS], ['conflict', 409, 'is moving', 7]);
  assert.equal(unauthorized.length, 0);
});

test('answer_of_another_program_is_a_protocol_error', async () => {
  for (const [body, status, message] of [
    ['<html>Bad gateway', 502, /status 502$/], ['down', 503, /status 503: down$/], ['null', 500, /500: null$/],
    ['[]', 404, /404: \[\]$/], ['<html>login', 200, /not JSON/], ['', 200, /not JSON/], ['{"type":1}', 400, /400/],
  ]) {
    const error = await failureOf(setup(() => new Response(body, { status })).api.tags());
    assert.deepEqual([error.kind, error.status], ['protocol', status]);
    assert.match(error.message, message);
  }
});

test('failure_of_the_network_has_a_kind_of_its_own', async () => {
  const cause = new TypeError('Failed to fetch');
  const error = await failureOf(setup(() => Promise.reject(cause)).api.tags());
  assert.deepEqual([error.kind, error.status, error.cause], ['network', 0, cause]);
  const broken = { ok: true, status: 200, text: () => Promise.reject(cause) };
  assert.equal((await failureOf(setup(() => broken).api.tags())).kind, 'network');
});

test('unauthorized_is_reported_except_for_passwords_in_bodies', async () => {
  const { api, unauthorized } = setup(() => problem(401, 'unauthorized', 'log in first'));
  await failureOf(api.beginSession({ username: 'a', password: 'b' }));
  await failureOf(api.changeAccount({ password: 'b' }));
  assert.equal(unauthorized.length, 0);
  const error = await failureOf(api.tags());
  assert.deepEqual(unauthorized, [error]);
  const proxy = setup(() => new Response('<html>', { status: 401 }));
  assert.equal((await failureOf(proxy.api.tags())).kind, 'unauthorized');
  assert.equal(proxy.unauthorized.length, 1);
});

test('abort_rejects_with_the_reason_of_the_signal', async () => {
  const aborter = new AbortController();
  const { api } = setup((_, { signal }) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('other')));
  }));
  const failure = failureOf(api.tags({ signal: aborter.signal }));
  aborter.abort();
  assert.equal((await failure).name, 'AbortError');
});
