import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../api.js';
import { createEntries } from './entries.js';

const HASH = '0123456789abcdef0123456789abcdef01234567', OTHER = 'f'.repeat(40);
const info = (more = {}) => ({
  hash: HASH, hash_v2: null, name: 'set', total_bytes: 30, files: [
    { index: 0, path: 'set/a', size_bytes: 10 }, { index: 1, path: 'set/b', size_bytes: 20 }], duplicate: null, ...more,
});
const torrent = (name = 'a.torrent') => new File(['d4:infod4:name1:aee'], name);
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Creates entries on an API that records requests. */
function setUp({ inspect = async () => info(), results = (sources) => sources.map((_, i) =>
  ({ result: 'added', id: i + 1, hash: '', name: 'x' })) } = {}) {
  const sent = [], inspected = [];
  const entries = createEntries({
    inspect: (source, options) => { inspected.push(source); return inspect(source, options); },
    add: async (request) => { sent.push(request); return { results: results(request.sources) }; },
  });
  return { entries, sent, inspected, states: () => entries.entries.value.map(({ state }) => state) };
}

test('sources_of_texts_and_files_are_previewed', async () => {
  const { entries, inspected, states } = setUp({ inspect: async (source) =>
    info({ hash: 'torrent' in source ? OTHER : HASH, name: 'torrent' in source ? 'file' : 'link' }) });
  assert.equal(entries.takeText(`magnet:?xt=urn:btih:${HASH}&dn=a`), true);
  await entries.takeFiles([torrent(), new File(['words'], 'a.doc'), new File([`\n${HASH}`], 'list.txt')]);
  await settle();
  assert.deepEqual(states(), ['ready', 'ready']);
  const shown = entries.entries.value.map(({ label, state }) => [label, state]);
  assert.deepEqual(shown, [['link', 'ready'], ['file', 'ready']]);
  assert.deepEqual(entries.unused.value.map(({ reason }) => reason), ['unknown']);
  assert.deepEqual([entries.repeated.value, inspected.length, entries.wantedBytes.value], [1, 2, 60]);
});

test('links_of_a_page_are_not_previewed_unasked', async () => {
  const { entries, inspected, states } = setUp();
  entries.takeText(HASH, { isPreviewed: false });
  await settle();
  assert.deepEqual([inspected.length, states()], [0, ['waiting']]);
  entries.preview(entries.entries.value[0].id);
  await settle();
  assert.deepEqual(states(), ['ready']);
});

test('only_some_of_many_links_are_previewed', async () => {
  const { entries, states } = setUp({ inspect: () => new Promise(() => {}) });
  entries.takeText(Array.from({ length: 100 }, (_, i) => String(i).padStart(40, '0')).join('\n'));
  assert.deepEqual(['loading', 'waiting'].map((state) => states().filter((other) => other === state).length), [12, 88]);
  assert.equal(entries.addable.value.length, 100);
});

test('known_torrent_is_shown_and_merged_only_if_wanted', async () => {
  const { entries, sent } = setUp({ inspect: async () => info({ duplicate: { id: 7, name: 'old' } }) });
  entries.takeText(HASH);
  await settle();
  const [{ id, state, known }] = entries.entries.value;
  assert.deepEqual([state, known], ['duplicate', { id: 7, name: 'old' }]);
  entries.setMerged(id, false);
  await entries.submit({});
  assert.equal(sent.length, 0);
  entries.setMerged(id, true);
  await entries.submit({});
  assert.equal(sent.length, 1);
});

test('source_with_the_content_of_another_is_marked', async () => {
  const { entries } = setUp();
  await entries.takeFiles([torrent('a.torrent'), torrent('b.torrent')]);
  await settle();
  assert.deepEqual(entries.entries.value.map(({ known }) => known), [null, { id: null, name: 'set' }]);
});

test('failed_preview_of_a_link_does_not_prevent_adding', async () => {
  const failures = {
    magnet: new ApiError('timeout', 504, 'no peer'), torrent: new ApiError('bad_torrent', 422, 'bad'),
  };
  const { entries, sent } = setUp({ inspect: async (source) => { throw failures[Object.keys(source)[0]]; } });
  entries.takeText(HASH);
  await entries.takeFiles([torrent()]);
  await settle();
  const shown = entries.entries.value.map(({ state, canAdd }) => [state, canAdd]);
  assert.deepEqual(shown, [['error', true], ['error', false]]);
  await entries.submit({});
  assert.deepEqual(sent.map(({ sources }) => sources), [[{ magnet: HASH }]]);
});

test('what_was_added_leaves_and_what_failed_stays', async () => {
  const { entries } = setUp({ inspect: () => new Promise(() => {}), results: (sources) => sources.map((source, i) => [
    { result: 'added', id: 5, hash: HASH, name: 'x' }, { result: 'duplicate', id: 6, hash: OTHER, name: 'y' },
    { result: 'failed', problem: { type: 'bad_torrent', detail: 'cannot use it', status: 422 } }][i]) });
  entries.takeText([1, 2, 3].map((i) => String(i).padStart(40, '0')).join('\n'));
  assert.deepEqual(await entries.submit({}), { added: [5], duplicates: 1, failed: 1 });
  const shown = entries.entries.value.map(({ state, error }) => [state, error.message]);
  assert.deepEqual(shown, [['failed', 'cannot use it']]);
});

test('request_that_fails_keeps_its_sources', async () => {
  const inspect = () => new Promise(() => {});
  const { entries, states } = setUp({ inspect, results: () => { throw new Error('offline'); } });
  entries.takeText(HASH);
  assert.deepEqual(await entries.submit({}), { added: [], duplicates: 0, failed: 1 });
  assert.deepEqual(states(), ['failed']);
});

test('chosen_files_are_those_of_one_request', async () => {
  const { entries, sent } = setUp();
  await entries.takeFiles([torrent()]);
  await settle();
  const [{ id }] = entries.entries.value;
  entries.treeOf(id).filter('nothing');
  entries.choose(id, [{ index: 1, priority: 'skip' }]);
  assert.deepEqual([entries.wantedBytes.value, entries.chosenOf(id)], [10, { bytes: 10, count: 1, total: 2 }]);
  await entries.submit({ paused: true, name: 'n' });
  assert.deepEqual(sent[0].options, { paused: true, name: 'n', files: [{ index: 1, priority: 'skip' }] });
});

test('files_that_a_link_names_are_chosen', async () => {
  const { entries, sent } = setUp();
  entries.takeText(`magnet:?xt=urn:btih:${HASH}&so=1`);
  await settle();
  const [{ id }] = entries.entries.value;
  assert.equal(entries.wantedBytes.value, 20);
  entries.choose(id, [{ index: 0, priority: 'normal' }]);
  await entries.submit({});
  assert.deepEqual(sent[0].options.files, [{ index: 0, priority: 'normal' }, { index: 1, priority: 'normal' }]);
});

test('removed_source_ends_its_preview', async () => {
  let signal;
  const { entries } = setUp({ inspect: (_, options) => { ({ signal } = options); return new Promise(() => {}); } });
  entries.takeText(`${HASH}\n${OTHER}`);
  await settle();
  const [first, second] = entries.entries.value;
  entries.currentId.value = second.id;
  entries.remove(second.id);
  assert.equal(signal.aborted, true);
  assert.equal(entries.current.value.id, first.id);
});
