/**
 * Files of a torrent as a tree, for a virtual list: 100,000 files in one folder, or folders of any depth.
 *
 * Nothing recurses. Folders are kept in the order of their creation, in which each parent precedes its children, so
 * that sums flow upwards in one pass from the end. With a filter, folders count and affect only the files that match.
 */

/** @import { File, FilePriority } from './types.js' */

/** @typedef {'name' | 'size' | 'progress' | 'priority'} FileSortKey */
/** @typedef {FilePriority | 'mixed'} Priority */
/** @typedef {object} Node
 *  @property {string} key identity in lists
 *  @property {string} name
 *  @property {string} path
 *  @property {Folder | null} parent null for the root, which is not shown
 *  @property {number} depth from 0
 *  @property {File | null} file null for a folder
 *  @property {boolean} isShown true if it matches the filter
 *  @property {number} size
 *  @property {number} position from 1, among the shown nodes of its folder
 *  @property {FileRow | null} row what was shown last */
/** @typedef {Node & { children: Node[], isOpen: boolean, isShut: boolean, files: number, counts: number[],
 *    have: number, wantedSize: number, wantedHave: number, sorted: Node[], sortedAt: number }} Folder
 *    `isShut` holds while a filter, which opens all folders, is set. `counts` is by priority. */
/** @typedef {object} FileRow
 *  @property {string} key
 *  @property {Node} node
 *  @property {string} name
 *  @property {string} path
 *  @property {number} depth
 *  @property {boolean} isFolder
 *  @property {boolean} isOpen
 *  @property {number} files number of files in a folder
 *  @property {number} size
 *  @property {number} progress from 0 to 1; that of the wanted files in a folder
 *  @property {Priority} priority
 *  @property {number} position
 *  @property {number} siblings number of shown nodes in its folder */
/** @typedef {{ index: number, priority: FilePriority }} Choice */

/** @type {readonly FilePriority[]} */
export const PRIORITIES = ['skip', 'low', 'normal', 'high'];
const RANKS = new Map(PRIORITIES.map((priority, i) => /** @type {[Priority, number]} */ ([priority, i])));
/** Number of names up to which they are compared as the language orders them, which is slow. */
const MAX_COLLATED = 2000;

/** @param {Node} node @returns {node is Folder} */
export const isFolder = (node) => node.file === null;

/** @param {number} have @param {number} size */
const partOf = (have, size) => (size > 0 ? Math.min(1, have / size) : 1);

/** Returns the part that is present. @param {Node} node */
export function progressOf(node) {
  if (node.file) return partOf(node.file.have_bytes, node.size);
  const folder = /** @type {Folder} */ (node);
  const hasWanted = folder.files > folder.counts[0];
  return hasWanted ? partOf(folder.wantedHave, folder.wantedSize) : partOf(folder.have, folder.size);
}

/** Returns the priority, or `mixed` if the files of a folder differ. @param {Node} node @returns {Priority} */
export function priorityOf(node) {
  if (node.file) return node.file.priority;
  const { counts, files } = /** @type {Folder} */ (node);
  return PRIORITIES.find((_, i) => counts[i] === files) ?? 'mixed';
}

/** Returns true if all files are wanted, false if none is, and null for some. @param {Node} node */
export function wantedOf(node) {
  if (node.file) return node.file.priority !== 'skip';
  const { counts, files } = /** @type {Folder} */ (node);
  return counts[0] === 0 ? true : counts[0] === files ? false : null;
}

/** Returns a text whose order by code units is that of the name, with numbers by value. @param {string} name */
const orderedText = (name) => name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, '0'));

/** @param {Partial<Node>} fields @returns {Folder} */
const newFolder = (fields) => ({
  key: `d:${fields.path}`, name: '', path: '', parent: null, depth: 0, file: null, isShown: true, size: 0, position: 0,
  row: null, ...fields, children: [], isOpen: false, isShut: false, files: 0, counts: [0, 0, 0, 0], have: 0,
  wantedSize: 0, wantedHave: 0, sorted: [], sortedAt: -1,
});

/** Builds the nodes of flat paths. @param {readonly File[]} files */
export function buildNodes(files) {
  const root = newFolder({ path: '', depth: -1 });
  root.isOpen = true;
  const folders = [root];
  const byPath = new Map([['', root]]);
  /** @param {string} path @returns {Folder} */
  const folderAt = (path) => {
    /** @type {string[]} Paths of folders that do not exist yet, the deepest first. */
    const missing = [];
    for (let at = path; !byPath.has(at); at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) missing.push(at);
    for (const at of missing.reverse()) {
      const end = Math.max(0, at.lastIndexOf('/'));
      const parent = /** @type {Folder} */ (byPath.get(at.slice(0, end)));
      const name = at.slice(end && end + 1);
      // A slash at the start, or two of them, make no folder without a name.
      const folder = name === '' ? parent : newFolder({ name, path: at, parent, depth: parent.depth + 1 });
      byPath.set(at, folder);
      if (folder === parent) continue;
      parent.children.push(folder);
      folders.push(folder);
    }
    return /** @type {Folder} */ (byPath.get(path));
  };
  let lastPath = '', parent = root;
  const leaves = files.map((file) => {
    const end = Math.max(0, file.path.lastIndexOf('/'));
    const path = file.path.slice(0, end);
    if (path !== lastPath) [lastPath, parent] = [path, folderAt(path)];
    /** @type {Node} */
    const leaf = {
      key: `f:${file.index}`, name: file.path.slice(end && end + 1), path: file.path, parent, depth: parent.depth + 1,
      file, isShown: true, size: file.size_bytes, position: 0, row: null,
    };
    parent.children.push(leaf);
    return leaf;
  });
  return { root, folders, leaves };
}

/** Creates a tree. @param {readonly File[]} files @param {string} [locale] language of the order of names */
export function createFileTree(files, locale) {
  const collator = new Intl.Collator(locale, { numeric: true });
  let { root, folders, leaves } = buildNodes(files);
  let words = /** @type {string[]} */ ([]);
  let sortKey = /** @type {FileSortKey} */ ('name');
  let isDescending = false;
  /** Number of changes after which folders are sorted again. */
  let epoch = 0;

  const sum = () => {
    for (const folder of folders) {
      folder.files = folder.size = folder.have = folder.wantedSize = folder.wantedHave = 0;
      folder.counts.fill(0);
    }
    for (const { isShown, file, parent, size } of leaves) {
      if (!isShown || !file || !parent) continue;
      parent.files += 1;
      parent.size += size;
      parent.have += file.have_bytes;
      parent.counts[RANKS.get(file.priority) ?? 2] += 1;
      if (file.priority === 'skip') continue;
      parent.wantedSize += size;
      parent.wantedHave += file.have_bytes;
    }
    for (let i = folders.length - 1; i >= 0; i -= 1) {
      const folder = folders[i], { parent } = folder;
      folder.isShown = folder.files > 0;
      if (!parent) continue;
      parent.files += folder.files;
      parent.size += folder.size;
      parent.have += folder.have;
      parent.wantedSize += folder.wantedSize;
      parent.wantedHave += folder.wantedHave;
      folder.counts.forEach((count, rank) => { parent.counts[rank] += count; });
    }
  };
  const match = () => {
    for (const leaf of leaves) {
      const path = words.length > 0 ? leaf.path.toLowerCase() : '';
      leaf.isShown = words.every((word) => path.includes(word));
    }
    sum();
    epoch += 1;
  };

  /** @param {Node[]} nodes @returns {(a: Node, b: Node) => number} */
  const byName = (nodes) => {
    if (nodes.length <= MAX_COLLATED) return (a, b) => collator.compare(a.name, b.name);
    const texts = new Map(nodes.map((node) => [node, orderedText(node.name)]));
    return (a, b) => {
      const [x, y] = [texts.get(a) ?? '', texts.get(b) ?? ''];
      return x < y ? -1 : x > y ? 1 : 0;
    };
  };
  /** @param {Node} node */
  const rankOf = (node) => RANKS.get(priorityOf(node)) ?? 1.5;
  /** @type {Record<Exclude<FileSortKey, 'name'>, (a: Node, b: Node) => number>} */
  const orders = {
    size: (a, b) => a.size - b.size,
    progress: (a, b) => progressOf(a) - progressOf(b),
    priority: (a, b) => rankOf(a) - rankOf(b),
  };
  /** Returns the shown nodes of a folder in order, the folders first. @param {Folder} folder */
  const sortedOf = (folder) => {
    if (folder.sortedAt === epoch) return folder.sorted;
    const shown = folder.children.filter((child) => child.isShown);
    const names = byName(shown);
    const order = sortKey === 'name' ? names : orders[sortKey];
    const sign = isDescending ? -1 : 1;
    shown.sort((a, b) => (Number(isFolder(b)) - Number(isFolder(a))) || sign * order(a, b)
      || (sortKey === 'name' ? 0 : names(a, b)));
    shown.forEach((child, i) => { child.position = i + 1; });
    folder.sortedAt = epoch;
    return (folder.sorted = shown);
  };

  /** @param {Folder} folder */
  const isOpen = (folder) => (words.length > 0 ? !folder.isShut : folder.isOpen);
  /** @param {Folder} folder @param {boolean} open */
  const setOpen = (folder, open) => {
    if (words.length > 0) folder.isShut = !open;
    else folder.isOpen = open;
  };
  /** Opens or closes a folder. A folder that holds nothing but a folder opens it too.
   *  @param {Folder} folder @param {boolean} open */
  const toggle = (folder, open) => {
    setOpen(folder, open);
    for (let next = folder; open && sortedOf(next).length === 1 && isFolder(next.sorted[0]);) {
      next = /** @type {Folder} */ (next.sorted[0]);
      setOpen(next, true);
    }
  };

  /** Returns the nodes in open folders, in order. */
  const visible = () => {
    /** @type {Node[]} */
    const nodes = [];
    const stack = [{ list: sortedOf(root), at: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.at === top.list.length) { stack.pop(); continue; }
      const node = top.list[top.at++];
      nodes.push(node);
      if (isFolder(node) && isOpen(node)) stack.push({ list: sortedOf(node), at: 0 });
    }
    return nodes;
  };

  /** Returns the shown files below nodes, each once. @param {Iterable<Node>} nodes @returns {File[]} */
  const filesOf = (nodes) => {
    /** @type {Set<Node>} */
    const seen = new Set();
    const stack = [...nodes];
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (!node.isShown || seen.has(node)) continue;
      seen.add(node);
      if (isFolder(node)) for (const child of node.children) stack.push(child);
    }
    return [...seen].flatMap((node) => node.file ?? []);
  };

  /** @param {readonly File[]} next */
  const isSameTree = (next) => next.length === leaves.length
    && next.every((file, i) => file.path === leaves[i].path && file.index === leaves[i].file?.index);
  /** @param {readonly File[]} next @param {{ from: string, to: string } | null} renamed */
  const rebuild = (next, renamed) => {
    /** @param {string} path */
    const newPath = (path) => (renamed && (path === renamed.from || path.startsWith(`${renamed.from}/`))
      ? renamed.to + path.slice(renamed.from.length) : path);
    const open = new Set(folders.filter((folder) => folder.isOpen).map((folder) => newPath(folder.path)));
    ({ root, folders, leaves } = buildNodes(next));
    for (const folder of folders) folder.isOpen = open.has(folder.path);
    match();
  };

  sum();
  toggle(root, true);

  return {
    /** Number of all files, and of those that match the filter. */
    counts: () => ({ all: leaves.length, shown: root.files }),
    /** All shown files as a folder. */
    total: () => root,
    isOpen, toggle, visible, filesOf,
    /** Opens or closes all folders. @param {boolean} open */
    toggleAll(open) { for (const folder of folders) if (folder !== root) setOpen(folder, open); },
    /** Takes new files. Returns false if nothing has changed.
     *  @param {readonly File[]} next
     *  @param {{ from: string, to: string } | null} [renamed] folder that keeps its state */
    update(next, renamed = null) {
      if (!isSameTree(next)) { rebuild(next, renamed); return true; }
      let changed = false;
      leaves.forEach((leaf, i) => {
        const old = leaf.file, file = next[i];
        changed ||= !old || old.have_bytes !== file.have_bytes || old.priority !== file.priority;
        leaf.file = file;
      });
      if (!changed) return false;
      sum();
      if (sortKey === 'progress' || sortKey === 'priority') epoch += 1;
      return true;
    },
    /** Shows priorities before the server has confirmed them. @param {readonly Choice[]} choices */
    setPriorities(choices) {
      const byIndex = new Map(choices.map(({ index, priority }) => [index, priority]));
      for (const leaf of leaves) {
        const priority = leaf.file && byIndex.get(leaf.file.index);
        if (leaf.file && priority) leaf.file = { ...leaf.file, priority };
      }
      sum();
      if (sortKey === 'priority') epoch += 1;
    },
    /** Shows the files whose path contains all words. @param {string} text */
    filter(text) {
      const next = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
      if (next.join(' ') === words.join(' ')) return;
      words = next;
      for (const folder of folders) folder.isShut = false;
      match();
    },
    /** @param {FileSortKey} key @param {boolean} descending */
    sort(key, descending) {
      [sortKey, isDescending] = [key, descending];
      epoch += 1;
    },
    /** Returns what a list shows of a node: the same object as before if nothing has changed.
     *  @param {Node} node @returns {FileRow} */
    rowOf(node) {
      const folder = isFolder(node) ? node : null;
      /** @type {FileRow} */
      const row = {
        key: node.key, node, name: node.name, path: node.path, depth: node.depth, isFolder: folder !== null,
        isOpen: folder !== null && isOpen(folder), files: folder?.files ?? 1, size: node.size,
        progress: progressOf(node), priority: priorityOf(node), position: node.position,
        siblings: node.parent?.sorted.length ?? 1,
      };
      const old = node.row;
      const isSame = old && Object.entries(row).every(([name, value]) =>
        old[/** @type {keyof FileRow} */ (name)] === value);
      return isSame ? old : (node.row = row);
    },
  };
}

/** @typedef {ReturnType<typeof createFileTree>} FileTree */

/** Returns a change of priorities and its reverse, without the files that have the priority already.
 *  @param {readonly File[]} files @param {FilePriority} priority
 *  @param {(file: File) => boolean} [applies] */
export function changeOf(files, priority, applies = () => true) {
  const changed = files.filter((file) => file.priority !== priority && applies(file));
  /** @type {Choice[]} */
  const choices = changed.map(({ index }) => ({ index, priority }));
  /** @type {Choice[]} */
  const reverse = changed.map((file) => ({ index: file.index, priority: file.priority }));
  return { choices, reverse };
}

/** Returns the change of a tick: a full one skips all files, any other wants those that are skipped.
 *  @param {readonly File[]} files */
export const toggleOf = (files) => (files.every((file) => file.priority !== 'skip')
  ? changeOf(files, 'skip') : changeOf(files, 'normal', (file) => file.priority === 'skip'));
