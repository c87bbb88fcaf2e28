/** Context menu of torrents, also for the toolbar and the details. */

/** @import { App } from '../../app.js' */
/** @import { Summary } from '../../commands.js' */
/** @import { MenuItem } from '../../ui/menu.js' */

import { untracked } from '../../base/signal.js';
import { canRun, commandOf, summaryOfIds } from '../../commands.js';
import { keyText } from '../../keyboard.js';

/** Categories and tags that a menu lists; the dialogs have all. */
const MOST_LABELS = 30;

/** Returns the entry of a command. @param {App} app @param {string} id @param {readonly number[]} ids
 *  @param {Summary} summary @returns {Exclude<MenuItem, 'separator'>} */
export function commandItem(app, id, ids, summary) {
  const command = commandOf(id);
  return {
    label: app.t(command.label), icon: command.icon, keys: keyText(command, app),
    disabled: !canRun(command, summary), checked: command.isChecked?.(summary), danger: command.group === 'remove',
    onSelect: () => command.run(app, ids),
  };
}

/** Returns the menu of torrents. @param {App} app @param {readonly number[]} ids @returns {MenuItem[]} */
export const contextMenu = (app, ids) => untracked(() => {
  const summary = summaryOfIds(app, ids);
  /** @param {...string} names */
  const items = (...names) => names.map((name) => commandItem(app, name, ids, summary));
  return [
    ...(ids.length === 1 ? [...items('open'), /** @type {const} */ ('separator')] : []),
    ...items('start', 'force_start', 'stop', ...(summary.canRetry ? ['retry'] : [])),
    'separator',
    ...items('move', 'rename'),
    { label: app.t('column.category'), icon: 'category', items: categoryItems(app, ids, summary) },
    { label: app.t('column.tags'), icon: 'tag', items: tagItems(app, ids, summary) },
    ...items('limits', 'goals'),
    { label: app.t('command.queue'), icon: 'queue',
      items: items('queue_top', 'queue_up', 'queue_down', 'queue_bottom') },
    'separator',
    ...items('recheck', 'reannounce'),
    { label: app.t('command.transfer'), icon: 'settings',
      items: [...items('sequential', 'ends_first', 'super_seeding'), 'separator', ...items('trackers', 'peers')] },
    { label: app.t('command.copy'), icon: 'copy',
      items: [...items('copy_name', 'copy_hash', 'copy_magnet'), 'separator', ...items('export')] },
    'separator',
    ...items('remove'),
  ];
});

/** @param {App} app @param {readonly number[]} ids @param {Summary} summary @returns {MenuItem[]} */
export function categoryItems(app, ids, summary) {
  const { category } = summary;
  /** @param {string | null} next @param {string} label @returns {MenuItem} */
  const item = (next, label) => ({
    label, checked: category === next,
    onSelect: () => app.act(ids, { kind: 'set_category', category: next },
      category === undefined ? {} : { undo: { action: { kind: 'set_category', category } } }),
  });
  const paths = app.categories.peek().slice(0, MOST_LABELS).map(({ path }) => item(path, app.clean(path)));
  const { keys } = commandOf('category');
  return [item(null, app.t('filter.no_category')), ...paths, 'separator', {
    label: app.t('command.other'), keys: keys[0], onSelect: () => commandOf('category').run(app, ids),
  }];
}

/** @param {App} app @param {readonly number[]} ids @param {Summary} summary @returns {MenuItem[]} */
export function tagItems(app, ids, summary) {
  const names = app.tags.peek().slice(0, MOST_LABELS).map(({ name }) => {
    const isSet = summary.tags.includes(name);
    return {
      label: app.clean(name), checked: isSet,
      onSelect: () => app.act(ids, { kind: isSet ? 'remove_tags' : 'add_tags', tags: [name] }),
    };
  });
  const { keys } = commandOf('tags');
  return [...names, ...(names.length > 0 ? [/** @type {const} */ ('separator')] : []), {
    label: app.t('command.other'), keys: keys[0], onSelect: () => commandOf('tags').run(app, ids),
  }];
}
