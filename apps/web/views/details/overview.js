/** Overview: what is wrong and what to do, the pieces, and all facts. */

/** @import { Context } from './context.js' */
/** @import { Key } from '../../i18n.js' */
/** @import { IconName } from '../../ui/icons.js' */

import { html, when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { icon } from '../../ui/icons.js';
import { progressBar } from '../../ui/progress.js';
import { part } from './context.js';
import { factsView } from './facts.js';
import { pieceView } from './piece_view.js';

/** What to do about each kind of fault. @type {Readonly<Record<string, Key>>} */
const ADVICE = {
  full: 'details.fault_full', missing: 'details.fault_missing', permission: 'details.fault_permission',
  changed: 'details.fault_changed', in_the_way: 'details.fault_in_the_way', io: 'details.fault_io',
  metadata: 'details.fault_metadata', load: 'details.fault_load',
};

/** @param {Context} context */
export function overview(context) {
  const { torrent } = context;
  const hasPieces = computed(() => (torrent.value?.total_bytes ?? 0) > 0);
  return html`<div class="d-overview">
    ${when(part(torrent, ({ fault }) => fault !== null, false), () => faultNotice(context))}
    ${when(part(torrent, ({ tracker_error }) => tracker_error !== null, false), () => trackerNotice(context))}
    ${when(part(torrent, ({ moving }) => moving !== null, false), () => movingNotice(context))}
    ${when(part(torrent, ({ state }) => state === 'checking', false), () => checkingNotice(context))}
    ${when(part(torrent, ({ state }) => state === 'metadata', false), () => metadataNotice(context))}
    ${when(hasPieces, () => pieceView(context))}
    ${factsView(context)}</div>`;
}

/** @param {{ tone: 'danger' | 'warn' | 'info', name: IconName, title: () => string, text?: () => string,
 *    actions?: Node[], bar?: Node }} notice */
const notice = ({ tone, name, title, text, actions = [], bar }) => html`<div class="d-notice" data-tone=${tone}>
  ${icon(name)}<div class="d-notice-text"><p class="d-notice-title" dir="auto">${title}</p>
  ${text && html`<p dir="auto">${text}</p>`}${bar}</div>
  ${actions.length > 0 && html`<div class="d-notice-actions">${actions}</div>`}</div>`;

/** @param {Context} context */
function faultNotice(context) {
  const { app, torrent } = context;
  const kind = part(torrent, ({ fault }) => fault?.kind ?? '', '');
  const advice = () => (Object.hasOwn(ADVICE, kind.value)
    ? app.t(/** @type {'details.fault_io'} */ (ADVICE[kind.value])) : app.t('details.fault_other'));
  const actions = [button({ label: () => app.t('action.retry'), icon: 'refresh', kind: 'primary',
    onClick: () => context.act({ kind: 'retry' }, { quiet: true }) })];
  if (kind.peek() === 'missing' || kind.peek() === 'full') {
    actions.push(button({ label: () => app.t('action.move'), icon: 'move',
      onClick: () => app.dialogs.move([context.id]) }));
  }
  if (kind.peek() === 'changed') {
    actions.push(button({ label: () => app.t('action.recheck'), icon: 'recheck',
      onClick: () => context.act({ kind: 'recheck' }) }));
  }
  return notice({ tone: 'danger', name: 'error', actions, text: advice,
    title: () => app.clean(torrent.value?.fault?.message ?? '') });
}

/** @param {Context} context */
function trackerNotice(context) {
  const { app, torrent } = context;
  return notice({ tone: 'warn', name: 'warning', title: () => app.t('details.tracker_error'),
    text: () => app.clean(torrent.value?.tracker_error ?? ''),
    actions: [
      button({ label: () => app.t('details.show_trackers'), icon: 'tracker',
        onClick: () => { app.tab.value = 'trackers'; } }),
      button({ label: () => app.t('action.reannounce'), icon: 'announce',
        onClick: () => context.act({ kind: 'reannounce' }) }),
    ] });
}

/** @param {Context} context */
function movingNotice({ app, torrent }) {
  const moving = computed(() => torrent.value?.moving ?? null);
  const value = () => {
    const { done_bytes: done, total_bytes: total } = moving.value ?? { done_bytes: 0, total_bytes: 0 };
    return total > 0 ? done / total : null;
  };
  return notice({ tone: 'info', name: 'move', title: () => app.t('state.moving'),
    text: () => {
      const { done_bytes: done, total_bytes: total } = moving.value ?? { done_bytes: 0, total_bytes: 0 };
      return total > 0 ? app.t('details.moved', { done: app.f().size(done), total: app.f().size(total) }) : '';
    },
    bar: progressBar({ value, label: () => app.t('state.moving'), tone: 'checking' }) });
}

/** @param {Context} context */
const checkingNotice = ({ app, torrent }) => notice({ tone: 'info', name: 'recheck',
  title: () => app.t('details.checking', { part: app.f().percent(torrent.value?.progress) }),
  text: () => app.t('details.checking_hint'),
  bar: progressBar({ value: part(torrent, ({ progress }) => progress, 0), label: () => app.t('state.checking'),
    tone: 'checking' }) });

/** @param {Context} context */
const metadataNotice = (context) => notice({ tone: 'info', name: 'magnet',
  title: () => context.app.t('state.metadata'), text: () => context.app.t('details.metadata_hint'),
  actions: [button({ label: () => context.app.t('details.add_peers'), icon: 'peers',
    onClick: () => context.app.dialogs.peers([context.id]) })] });
