/** State of the tab of files: the tree, the rows that are shown, the selection and the place of the keyboard. */

/** @import { File, FilePriority } from '../../types.js' */
/** @import { FileSortKey, FileTree, Folder, Node } from '../../filetree.js' */
/** @import { Order } from './grid.js' */
/** @import { Context } from './context.js' */

import { batch, computed, effect, signal, untracked } from '../../base/signal.js';
import { changeOf, createFileTree, isFolder, toggleOf } from '../../filetree.js';
import { poll } from '../../ui/poll.js';
import { isDone } from './context.js';
import { orderOf } from './grid.js';

/** Time between requests, and from many files on, whose answers are large. */
const FILES_MS = 2000, MANY_MS = 8000, VERY_MANY_MS = 20_000;
const MANY = 5000, VERY_MANY = 50_000;
/** Time after which files are requested although the torrent has not changed: others may have renamed them. */
const STALE_MS = 60_000;
/** Number of files up to which all folders are open at first. */
const MAX_OPEN = 30;
/** Number of rows beyond the window that are kept ready. */
const MARGIN = 150;

/** @typedef {ReturnType<typeof createFilesModel>} FilesModel */
/** @typedef {{ index: number, priority: FilePriority }} Choice */

/** Requests the files only if they may have changed. @param {Context} context */
function filesPoll({ app, id, torrent }) {
  /** @type {{ key: string, atMs: number, files: File[] } | null} */
  let last = null;
  let isForced = false;
  const keyOf = () => {
    const row = torrent.peek();
    return row ? `${row.state} ${row.left_bytes} ${row.size_bytes} ${row.progress}` : '';
  };
  const { data, error, refresh } = poll(async (signal) => {
    const key = keyOf();
    const count = last?.files.length ?? 0;
    const waitMs = count > VERY_MANY ? VERY_MANY_MS : count > MANY ? MANY_MS : 0;
    const ageMs = last ? performance.now() - last.atMs : Infinity;
    if (last && !isForced && ageMs < (last.key === key ? STALE_MS : waitMs)) return last.files;
    isForced = false;
    const files = await app.api.files(id, { signal });
    last = { key, atMs: performance.now(), files };
    return files;
  }, FILES_MS);
  return { data, error, refresh: () => { isForced = true; return refresh(); } };
}

/** Creates the state in the current scope. @param {Context} context */
export function createFilesModel(context) {
  const { app, id } = context;
  const { data, error, refresh } = filesPoll(context);
  /** @type {Order<FileSortKey>} */
  const initial = { key: 'name', isDescending: false };
  const order = orderOf(app, 'files', initial);
  const filter = signal('');
  /** @type {FileTree | null} */
  let tree = null;
  const nodes = signal(/** @type {readonly Node[]} */ ([]));
  /** Number of changes of values. */
  const version = signal(0);
  const loaded = signal({ first: 0, count: 2 * MARGIN });
  const active = signal(/** @type {string | null} */ (null));
  const selected = signal(/** @type {ReadonlySet<string>} */ (new Set()));
  const renaming = signal(/** @type {string | null} */ (null));
  /** @type {string | null} Row at which a range begins. */
  let anchor = null;
  /** @type {{ from: string, to: string } | null} */
  let renamed = null;
  let changesUnderWay = 0;

  /** Shows what has changed in the tree. @param {boolean} [hasNewRows] */
  const show = (hasNewRows = true) => batch(() => {
    if (hasNewRows) nodes.value = tree?.visible() ?? [];
    version.value += 1;
  });
  effect(() => {
    const files = data.value;
    if (!files) return;
    untracked(() => {
      if (changesUnderWay > 0) return; // The answer may be older than what is shown.
      if (tree && !tree.update(files, renamed)) return;
      if (!tree) {
        tree = createFileTree(files, app.f().locale);
        tree.sort(order.peek().key, order.peek().isDescending);
        tree.filter(filter.peek());
        if (files.length <= MAX_OPEN) tree.toggleAll(true);
      }
      renamed = null;
      show();
    });
  });
  effect(() => {
    const { key, isDescending } = order.value;
    const text = filter.value;
    untracked(() => {
      tree?.sort(key, isDescending);
      tree?.filter(text);
      show();
    });
  });

  const source = computed(() => {
    const [all, { first, count }] = [nodes.value, loaded.value, version.value];
    const rows = tree ? all.slice(first, first + count).map(tree.rowOf) : [];
    return { total: all.length, first: Math.min(first, all.length), rows };
  });
  /** @param {string | null} key */
  const indexOf = (key) => (key === null ? -1 : nodes.peek().findIndex((node) => node.key === key));
  const activeIndex = computed(() => { [nodes.value]; return indexOf(active.value); });
  /** Nodes that an action concerns. @returns {readonly Node[]} */
  const chosen = () => nodes.peek().filter((node) => selected.peek().has(node.key));

  /** Sends priorities, which show at once. @param {ReturnType<typeof changeOf>} change */
  const setPriorities = async ({ choices, reverse }) => {
    if (!tree || choices.length === 0) return;
    tree.setPriorities(choices);
    show();
    changesUnderWay += 1;
    try {
      await context.act({ kind: 'set_file_priorities', files: choices },
        { quiet: true, undo: { action: { kind: 'set_file_priorities', files: reverse }, after: refresh } });
    } finally {
      changesUnderWay -= 1;
      await refresh();
    }
  };
  /** Requests the files after one or a folder of them has got another path.
   *  @param {boolean} isOfFolder @param {string} from @param {string} to */
  const showRenamed = (isOfFolder, from, to) => {
    renamed = isOfFolder ? { from, to } : null;
    if (active.peek() === `d:${from}`) active.value = `d:${to}`;
    return Promise.all([refresh(), context.refresh()]);
  };
  /** @param {readonly Node[]} targets */
  const filesOf = (targets) => tree?.filesOf(targets) ?? [];

  return {
    context, data, error, refresh, order, filter, nodes, version, source, active, activeIndex, selected, renaming,
    chosen, filesOf, indexOf,
    /** Sums of all shown files. */
    total: computed(() => { [version.value]; return tree ? { ...tree.counts(), size: tree.total().size } : null; }),
    /** Prepares the rows of a window. @param {number} first @param {number} count */
    load(first, count) {
      const { first: from, count: ready } = loaded.peek();
      if (first >= from && first + count <= from + ready) return;
      loaded.value = { first: Math.max(0, first - MARGIN), count: count + 2 * MARGIN };
    },
    /** Opens or closes a folder. @param {Node} node @param {boolean} [open] */
    toggle(node, open) {
      if (!tree || !isFolder(node)) return;
      tree.toggle(/** @type {Folder} */ (node), open ?? !tree.isOpen(/** @type {Folder} */ (node)));
      show();
    },
    /** @param {Node} node */
    isOpen: (node) => Boolean(tree && isFolder(node) && tree.isOpen(/** @type {Folder} */ (node))),
    /** @param {boolean} open */
    toggleAll(open) { tree?.toggleAll(open); show(); },
    /** Selects a row: alone, with those selected before, or all from the last one on.
     *  @param {Node} node @param {{ adds?: boolean, extends?: boolean }} [how] */
    select(node, how = {}) {
      batch(() => {
        active.value = node.key;
        if (how.extends && anchor !== null) {
          const [a, b] = [indexOf(anchor), indexOf(node.key)];
          const range = nodes.peek().slice(Math.min(a, b), Math.max(a, b) + 1).map(({ key }) => key);
          selected.value = new Set(a < 0 ? [node.key] : range);
          return;
        }
        anchor = node.key;
        const kept = new Set(how.adds ? selected.peek() : []);
        if (!how.adds || !kept.delete(node.key)) kept.add(node.key);
        selected.value = kept;
      });
    },
    selectAll() { selected.value = new Set(nodes.peek().map(({ key }) => key)); },
    clear() { selected.value = new Set(); },
    /** Nodes to act on: the selected ones if the row is among them. @param {Node} node @returns {readonly Node[]} */
    targetsOf: (node) => (selected.peek().has(node.key) ? chosen() : [node]),
    /** @param {readonly Node[]} targets @param {FilePriority} priority */
    setPriority: (targets, priority) => setPriorities(changeOf(filesOf(targets), priority)),
    /** Skips files, or wants them. @param {readonly Node[]} targets */
    tick: (targets) => setPriorities(toggleOf(filesOf(targets))),
    /** Gives a file or a folder another name. @param {Node} node @param {string} name */
    async rename(node, name) {
      renaming.value = null;
      const from = node.path;
      const to = from.slice(0, from.length - node.name.length) + name;
      if (name === '' || to === from) return;
      const result = await app.act([id], { kind: 'rename_path', from, to }, { quiet: true, undo: {
        action: { kind: 'rename_path', from: to, to: from }, after: () => showRenamed(isFolder(node), to, from),
      } });
      if (isDone(result)) await showRenamed(isFolder(node), from, to);
    },
  };
}
