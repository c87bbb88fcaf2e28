/** Actions on the torrent whose details are shown. */

/** @import { MenuItem } from '../../ui/menu.js' */
/** @import { Context } from './context.js' */

import { when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { download } from '../../ui/download.js';
import { menuButton } from '../../ui/menu.js';
import { isRunning } from './state_view.js';

/** Buttons of the header. @param {Context} context */
export function actionButtons(context) {
  const { app, torrent } = context;
  const runs = computed(() => (torrent.value ? isRunning(torrent.value) : null));
  const fails = computed(() => torrent.value?.state === 'error');
  const iconOnly = app.isPhone.peek();
  const stop = () => button({ label: () => app.t('action.stop'), icon: 'pause', kind: 'ghost', iconOnly,
    onClick: () => {
      // A stop ends the forced start.
      const force = torrent.peek()?.is_forced ?? false;
      return context.act({ kind: 'stop' }, { quiet: true, undo: { action: { kind: 'start', force } } });
    } });
  const start = () => button({ label: () => app.t('action.start'), icon: 'start', kind: 'ghost', iconOnly,
    onClick: () => context.act({ kind: 'start' }, { quiet: true }) });
  const retry = () => button({ label: () => app.t('action.retry'), icon: 'refresh', kind: 'ghost', iconOnly,
    onClick: () => context.act({ kind: 'retry' }, { quiet: true }) });
  return [
    when(() => runs.value === true, stop),
    when(() => runs.value === false && !fails.value, start),
    when(fails, retry),
    when(() => torrent.value !== null, () => menuButton({ label: () => app.t('action.more'), icon: 'more',
      iconOnly: true, items: () => menuItems(context) })),
  ];
}

/** @param {Context} context @returns {MenuItem[]} */
function menuItems(context) {
  const { app, id } = context;
  const torrent = context.torrent.peek();
  if (!torrent) return [];
  const ids = [id];
  /** @param {Parameters<Context['act']>[0]} action */
  const act = (action) => () => context.act(action);
  return [
    { label: app.t('action.force_start'), icon: 'force', disabled: torrent.is_forced && isRunning(torrent),
      onSelect: act({ kind: 'start', force: true }) },
    { label: app.t('action.reannounce'), icon: 'announce', onSelect: act({ kind: 'reannounce' }) },
    { label: app.t('action.recheck'), icon: 'recheck', onSelect: act({ kind: 'recheck' }) },
    'separator',
    { label: app.t('action.rename'), icon: 'rename', onSelect: () => app.dialogs.rename(id) },
    { label: app.t('action.move'), icon: 'move', onSelect: () => app.dialogs.move(ids) },
    { label: app.t('action.category'), icon: 'category', onSelect: () => app.dialogs.category(ids) },
    { label: app.t('action.tags'), icon: 'tag', onSelect: () => app.dialogs.tags(ids) },
    'separator',
    { label: app.t('action.copy_magnet'), icon: 'magnet', disabled: !context.detail.peek(),
      onSelect: () => copyText(app, context.detail.peek()?.magnet ?? '') },
    { label: app.t('action.copy_hash'), icon: 'copy', onSelect: () => copyText(app, torrent.hash) },
    { label: app.t('action.export'), icon: 'save', disabled: torrent.total_bytes === 0,
      onSelect: () => download(app.api.torrentFileUrl(id)) },
    'separator',
    { label: app.t('action.remove'), icon: 'remove', danger: true, onSelect: () => app.dialogs.remove(ids) },
  ];
}
