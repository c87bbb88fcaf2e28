/** Menus of files, and what they do besides priorities and names. */

/** @import { File } from '../../types.js' */
/** @import { MenuItem } from '../../ui/menu.js' */
/** @import { Node, Priority } from '../../filetree.js' */
/** @import { FilesModel } from './files_model.js' */

import { PRIORITIES } from '../../filetree.js';
import { copyText } from '../../ui/clipboard.js';
import { download } from '../../ui/download.js';

/** Most files that are downloaded at once: the browser asks about each. */
const MOST_DOWNLOADS = 20;
/** Time between two downloads, so that the browser takes them all. */
const DOWNLOAD_GAP_MS = 400;

/** @param {File} file */
export const isComplete = (file) => file.have_bytes >= file.size_bytes;

/** @param {FilesModel} model @param {Priority} priority */
export const priorityText = ({ context: { app } }, priority) => (priority === 'normal' ? app.t('density.normal')
  : app.t(/** @type {'details.priority_low'} */ (`details.priority_${priority}`)));

/** Items that set the priority of nodes. @param {FilesModel} model @param {() => readonly Node[]} targets
 *  @param {Priority | null} current @returns {MenuItem[]} */
export const priorityItems = (model, targets, current) => [...PRIORITIES].reverse().map((priority) => ({
  label: priorityText(model, priority), checked: priority === current,
  onSelect: () => model.setPriority(targets(), priority),
}));

/** Items for the row of a node, and the others that are selected with it.
 *  @param {FilesModel} model @param {Node} node @param {Priority} priority @returns {MenuItem[]} */
export function fileItems(model, node, priority) {
  const { app, id } = model.context;
  const targets = model.targetsOf(node);
  const isOne = targets.length === 1;
  const { file } = node;
  const complete = model.filesOf(targets).filter(isComplete);
  return [
    ...(file ? [] : [{ label: app.t(model.isOpen(node) ? 'details.collapse' : 'details.expand'),
      icon: /** @type {const} */ ('folder'), onSelect: () => model.toggle(node) }]),
    { label: app.t('details.priority'), icon: 'sort_up', items: priorityItems(model, () => targets, priority) },
    { label: app.t('action.rename'), icon: 'rename', keys: app.isPhone.peek() ? undefined : 'F2', disabled: !isOne,
      onSelect: () => { model.renaming.value = node.key; } },
    'separator',
    { label: app.t('details.download'), icon: 'download', disabled: complete.length === 0,
      onSelect: () => downloadAll(model, complete) },
    { label: app.t('details.copy_link'), icon: 'link', disabled: !isOne || !file || !isComplete(file),
      onSelect: () => { if (file) copyLink(file.index); } },
    { label: app.t('details.copy_path'), icon: 'copy', disabled: !isOne,
      onSelect: () => copyText(app, `${model.context.torrent.peek()?.dir ?? ''}/${node.path}`) },
  ];

  /** Copies a link that needs no login, for a player. @param {number} index */
  async function copyLink(index) {
    try {
      const { path } = await app.api.link(id, index);
      await copyText(app, new URL(path, location.origin).href);
    } catch (error) { app.fail(error); }
  }
}

/** Downloads complete files. @param {FilesModel} model @param {readonly File[]} files */
export async function downloadAll({ context: { app, id } }, files) {
  if (files.length > MOST_DOWNLOADS) {
    app.toasts.show({ text: app.t('details.many_downloads', { count: MOST_DOWNLOADS }), kind: 'info' });
  }
  for (const file of files.slice(0, MOST_DOWNLOADS)) {
    download(app.api.contentUrl(id, file.index), file.path.slice(file.path.lastIndexOf('/') + 1));
    await new Promise((resolve) => { setTimeout(resolve, DOWNLOAD_GAP_MS); });
  }
}
