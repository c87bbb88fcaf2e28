/**
 * Sources in the add dialog, with their previews and the results of adding them.
 *
 * An entry is replaced when it changes, never written. Files are read again for each request, so that no content stays
 * in memory.
 */

/** @import { AddOptions, Added, AddSource, File as TorrentFile, Preview } from '../../types.js' */
/** @import { Choice, FileTree } from '../../filetree.js' */
/** @import { Link, Refused } from '../../sources.js' */

import { ApiError } from '../../api.js';
import { computed, signal } from '../../base/signal.js';
import { createFileTree } from '../../filetree.js';
import { MAX_SOURCES, labelOf, mergeLinks, splitSources, toAddSource, wantedOf } from '../../sources.js';
import { batchesOf, inParallel, taskQueue } from './batches.js';
import { kindOf, readBase64 } from './files.js';

/** @typedef {'waiting' | 'loading' | 'ready' | 'duplicate' | 'error' | 'adding' | 'failed'} EntryState */
/** @typedef {object} Entry
 *  @property {number} id
 *  @property {Link['kind'] | 'file'} kind
 *  @property {string} label name to show
 *  @property {Link | null} link
 *  @property {File | null} file
 *  @property {EntryState} state
 *  @property {Preview | null} info
 *  @property {{ id: number | null, name: string } | null} known torrent or source with the same content
 *  @property {boolean} isMerged true to add what is new to the torrent that is known
 *  @property {unknown} error
 *  @property {boolean} canAdd false if adding would fail too */
/** @typedef {'empty' | 'too_large' | 'unknown' | 'unreadable'} FileFault */
/** @typedef {Refused | { text: string, reason: FileFault }} Unused */
/** @typedef {{ added: number[], duplicates: number, failed: number }} Outcome */
/** @typedef {object} Choosing
 *  @property {FileTree} tree
 *  @property {Map<number, TorrentFile>} files with the chosen priorities, by index; the tree sums only what its filter
 *    shows
 *  @property {boolean} isChanged
 *  @property {boolean} isPartial true if the link names files, so that others are skipped unless they are named */
/** @typedef {object} AddApi
 *  @property {(source: AddSource, options?: { signal?: AbortSignal }) => Promise<Preview>} inspect
 *  @property {(request: { sources: AddSource[], options?: AddOptions }) => Promise<{ results: Added[] }>} add */

/** Number of links whose previews are fetched unasked. Each asks peers of the torrent. */
const AUTO_LINKS = 12;
const MAX_UNUSED = 50;
/** Failures that adding the same source would repeat. */
const FINAL = new Set(['bad_torrent', 'too_large', 'bad_request', 'not_supported']);

/** Creates the sources of a dialog. @param {AddApi} api @param {{ locale?: string }} [config] */
export function createEntries(api, { locale } = {}) {
  const entries = signal(/** @type {readonly Entry[]} */ ([]));
  const unused = signal(/** @type {readonly Unused[]} */ ([]));
  const isCut = signal(false);
  /** Number of texts that named a source that was there. */
  const repeated = signal(0);
  const currentId = signal(/** @type {number | null} */ (null));
  /** @type {Map<number, AbortController>} */
  const aborts = new Map();
  /** @type {Map<number, Choosing>} */
  const trees = new Map();
  /** Changes with each choice of files. */
  const choices = signal(0);
  const [quick, slow] = [taskQueue(3), taskQueue(6)];
  let lastId = 0;

  const current = computed(() =>
    entries.value.find(({ id }) => id === currentId.value) ?? entries.value[0] ?? null);

  /** @param {number} id @param {Partial<Entry>} patch */
  const update = (id, patch) => {
    entries.value = entries.peek().map((entry) => (entry.id === id ? { ...entry, ...patch } : entry));
  };
  /** @param {Unused[]} more */
  const refuse = (more) => { unused.value = [...unused.peek(), ...more].slice(0, MAX_UNUSED); };

  /** @param {Pick<Entry, 'kind' | 'label' | 'link' | 'file'>} fields @param {boolean} isPreviewed */
  const insert = (fields, isPreviewed) => {
    if (entries.peek().length >= MAX_SOURCES) return void (isCut.value = true);
    const id = (lastId += 1);
    entries.value = [...entries.peek(), {
      ...fields, id, state: 'waiting', info: null, known: null, isMerged: true, error: null, canAdd: true,
    }];
    if (isPreviewed) preview(id);
  };

  /** @param {Link} link @param {boolean} isPreviewed */
  const insertLink = (link, isPreviewed) => {
    const known = entries.peek().find((entry) => entry.link?.keys.some((key) => link.keys.includes(key)));
    if (!known?.link) {
      const links = entries.peek().filter((entry) => entry.link).length;
      return insert({ kind: link.kind, label: labelOf(link), link, file: null }, isPreviewed && links < AUTO_LINKS);
    }
    repeated.value += 1;
    const merged = link.kind === 'url' ? known.link : mergeLinks(known.link, link);
    update(known.id, { link: merged, kind: merged.kind, label: known.info ? known.label : labelOf(merged) });
  };

  /** Takes the sources of a text. Those of a link to this page are not fetched unasked: any site can make one.
   *  @param {string} text @param {{ isPreviewed?: boolean }} [options] @returns {boolean} true if there was one */
  const takeText = (text, { isPreviewed = true } = {}) => {
    const split = splitSources(text);
    split.links.forEach((link) => insertLink(link, isPreviewed));
    refuse(split.refused);
    repeated.value += split.repeated;
    if (split.isCut) isCut.value = true;
    return split.links.length > 0;
  };

  /** @param {File} file */
  const takeFile = async (file) => {
    const kind = await kindOf(file);
    if (kind === 'links') {
      if (!takeText(await file.text())) refuse([{ text: file.name, reason: 'text' }]);
    } else if (kind === 'torrent') {
      const label = file.name.replace(/\.torrent$/i, '') || file.name;
      insert({ kind: 'file', label, link: null, file }, true);
    } else refuse([{ text: file.name, reason: kind }]);
  };
  /** Takes torrent files and texts with links. @param {readonly File[]} files */
  const takeFiles = async (files) => {
    if (files.length > MAX_SOURCES) isCut.value = true;
    for (const file of files.slice(0, MAX_SOURCES)) {
      try { await takeFile(file); } catch { refuse([{ text: file.name, reason: 'unreadable' }]); }
    }
  };

  /** Returns the source for a request.
   *  @param {Entry} entry @param {AbortSignal} [abort] @returns {Promise<AddSource>} */
  const sourceOf = async (entry, abort) => (entry.file
    ? { torrent: await readBase64(entry.file, abort) } : toAddSource(/** @type {Link} */ (entry.link)));

  /** Fetches the preview of an entry. @param {number} id */
  const preview = (id) => {
    const entry = entries.peek().find((known) => known.id === id);
    if (!entry) return;
    aborts.get(id)?.abort();
    const abort = new AbortController();
    aborts.set(id, abort);
    update(id, { state: 'loading', error: null, canAdd: true });
    const isSlow = entry.kind === 'magnet' || entry.kind === 'hash';
    (isSlow ? slow : quick)(() => inspect(entry, abort.signal), abort.signal);
  };
  /** @param {Entry} entry @param {AbortSignal} abort */
  const inspect = async (entry, abort) => {
    const { id } = entry;
    try {
      const info = await api.inspect(await sourceOf(entry, abort), { signal: abort });
      if (abort.aborted) return;
      const twin = entries.peek().find((other) => other.id !== id && isTwin(other, info));
      const known = info.duplicate ?? (twin ? { id: null, name: twin.label } : null);
      plant(entry, info);
      update(id, { info, known, label: info.name || entry.label, state: known ? 'duplicate' : 'ready' });
    } catch (error) {
      if (abort.aborted) return;
      const isFinal = error instanceof ApiError ? FINAL.has(error.kind) : entry.file !== null;
      update(id, { state: 'error', error, canAdd: !isFinal });
    }
  };
  /** Creates the tree of the files, with the choice that a magnet link makes.
   *  @param {Entry} entry @param {Preview} info */
  const plant = ({ id, link }, info) => {
    const wanted = link?.kind === 'magnet' ? wantedOf(link.value) : null;
    const isWanted = (/** @type {number} */ index) =>
      !wanted || wanted.some(([first, last]) => index >= first && index <= last);
    const files = info.files.map((file) => /** @type {TorrentFile} */ (
      { ...file, have_bytes: 0, priority: isWanted(file.index) ? 'normal' : 'skip' }));
    trees.set(id, {
      tree: createFileTree(files, locale), files: new Map(files.map((file) => [file.index, file])), isChanged: false,
      isPartial: wanted !== null,
    });
  };

  /** @param {number} id */
  const remove = (id) => {
    aborts.get(id)?.abort();
    aborts.delete(id);
    trees.delete(id);
    const index = entries.peek().findIndex((entry) => entry.id === id);
    entries.value = entries.peek().filter((entry) => entry.id !== id);
    if (currentId.peek() === id) currentId.value = entries.peek()[Math.max(0, index - 1)]?.id ?? null;
  };

  /** @param {Entry} entry */
  const filesOption = ({ id }) => {
    const known = trees.get(id);
    return known?.isChanged ? choicesOf(known) : undefined;
  };
  /** Adds all entries that can be added. Those that fail stay, with the reason.
   *  @param {AddOptions} options @returns {Promise<Outcome>} */
  const submit = async (options) => {
    const chosen = entries.peek().filter(isAddable);
    /** @type {Outcome} */
    const outcome = { added: [], duplicates: 0, failed: 0 };
    const items = chosen.map((entry) => ({
      entry, kind: entry.kind, bytes: entry.file?.size ?? 0, hasOwnFiles: filesOption(entry) !== undefined,
    }));
    chosen.forEach(({ id }) => { aborts.get(id)?.abort(); update(id, { state: 'adding', error: null }); });
    await inParallel(batchesOf(items), 3, async (batch) => send(batch.map(({ entry }) => entry), options, outcome));
    return outcome;
  };
  /** @param {Entry[]} batch @param {AddOptions} options @param {Outcome} outcome */
  const send = async (batch, options, outcome) => {
    try {
      const sources = await Promise.all(batch.map((entry) => sourceOf(entry)));
      const files = batch.length === 1 ? filesOption(batch[0]) : undefined;
      // A name is for one torrent.
      const isAlone = entries.peek().length === 1;
      const { results } = await api.add({
        sources, options: { ...options, ...(files && { files }), ...(!isAlone && { name: null }) },
      });
      batch.forEach((entry, i) => settle(entry, results[i], outcome));
    } catch (error) {
      for (const { id } of batch) update(id, { state: 'failed', error });
      outcome.failed += batch.length;
    }
  };
  /** @param {Entry} entry @param {Added | undefined} result @param {Outcome} outcome */
  const settle = ({ id }, result, outcome) => {
    if (result && result.result !== 'failed') {
      if (result.result === 'added') outcome.added.push(result.id);
      else outcome.duplicates += 1;
      return remove(id);
    }
    // An answer without an entry for each source is not one of the API.
    const { type, detail, status } = result?.problem ?? { type: 'protocol', detail: 'no result', status: 0 };
    update(id, { state: 'failed', error: new ApiError(type, status, detail), canAdd: true });
    outcome.failed += 1;
  };

  return {
    entries: computed(() => entries.value), unused: computed(() => unused.value), isCut: computed(() => isCut.value),
    repeated: computed(() => repeated.value), current, currentId, choices: computed(() => choices.value),
    addable: computed(() => entries.value.filter(isAddable)),
    takeText, takeFiles, preview, remove, submit,
    /** @param {number} id @param {boolean} isMerged */
    setMerged: (id, isMerged) => update(id, { isMerged }),
    /** @param {number} id */
    treeOf: (id) => trees.get(id)?.tree ?? null,
    /** Chooses files of an entry. @param {number} id @param {readonly Choice[]} chosen */
    choose: (id, chosen) => {
      const known = trees.get(id);
      if (!known || chosen.length === 0) return;
      for (const { index, priority } of chosen) {
        const file = known.files.get(index);
        if (file) known.files.set(index, { ...file, priority });
      }
      known.tree.setPriorities(chosen);
      known.isChanged = true;
      choices.value += 1;
    },
    /** Bytes and number of the chosen files of an entry; null before its preview. @param {number} id */
    chosenOf: (id) => {
      const known = trees.get(id);
      return known ? sumOf(known) : null;
    },
    forgetUnused: () => { unused.value = []; repeated.value = 0; isCut.value = false; },
    /** Bytes that will be downloaded, as far as the sizes are known. */
    wantedBytes: computed(() => {
      void choices.value;
      return entries.value.filter((entry) => entry.state !== 'duplicate' && isAddable(entry))
        .reduce((sum, { id }) => { const known = trees.get(id); return sum + (known ? sumOf(known).bytes : 0); }, 0);
    }),
    /** Stops all previews. */
    end: () => aborts.forEach((abort) => abort.abort()),
  };
}

/** @typedef {ReturnType<typeof createEntries>} Entries */

/** @param {Entry} entry */
export const isAddable = ({ state, canAdd, isMerged }) =>
  state !== 'adding' && canAdd && (state !== 'duplicate' || isMerged);

/** @param {Entry} entry @param {Preview} info */
function isTwin({ info, link }, { hash, hash_v2 }) {
  const keys = [...(link?.kind !== 'url' ? link?.keys ?? [] : []), info?.hash, info?.hash_v2];
  return keys.some((key) => key && (key === hash || key === hash_v2));
}

/** Returns the files whose priority is not that of the torrent by itself. @param {Choosing} choosing */
function choicesOf({ files, isPartial }) {
  const chosen = [...files.values()].filter(({ priority }) => isPartial || priority !== 'normal');
  return chosen.map(({ index, priority }) => ({ index, priority }));
}

/** @param {Choosing} choosing */
function sumOf({ files }) {
  let bytes = 0, count = 0;
  for (const { priority, size_bytes } of files.values()) {
    if (priority === 'skip') continue;
    bytes += size_bytes;
    count += 1;
  }
  return { bytes, count, total: files.size };
}
