/** Connected peers in a table. */

/** @import { Peer } from '../../types.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Context } from './context.js' */
/** @import { Grid, GridColumn, Order } from './grid.js' */
/** @import { Flag, PeerKey } from './peer_facts.js' */

import { html, when } from '../../base/html.js';
import { virtualList } from '../../base/list.js';
import { computed } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { openDialog } from '../../ui/dialog.js';
import { menuButton, openMenu } from '../../ui/menu.js';
import { poll } from '../../ui/poll.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';
import { part } from './context.js';
import { gridHead, orderItems, orderOf, partBar } from './grid.js';
import { FLAG_LETTERS, LARGEST_FIRST, flagsOf, hostOf, lettersOf, sortPeers } from './peer_facts.js';
import { isRunning } from './state_view.js';

const PEERS_MS = 2000;
const ROW_PX = 30, PHONE_ROW_PX = 84;

/** @type {readonly GridColumn<PeerKey>[]} */
const COLUMNS = [
  { key: 'addr', label: 'details.address' },
  { key: 'client', label: 'details.client' },
  { key: 'flags', label: 'details.flags' },
  { key: 'progress', label: 'column.progress' },
  { key: 'down', label: 'status.down', isNumber: true },
  { key: 'up', label: 'status.up', isNumber: true },
  { key: 'downloaded', label: 'column.downloaded', isNumber: true },
  { key: 'uploaded', label: 'column.uploaded', isNumber: true },
  { key: 'transport', label: 'details.transport' },
  { key: 'encryption', label: 'details.encryption' },
  { key: 'sources', label: 'details.sources' },
  { key: 'connected', label: 'details.connected', isNumber: true },
];
const SOURCES = new Set(['user', 'tracker', 'local', 'incoming', 'dht', 'pex', 'hole_punch']);

/** @param {Context} context */
export function peersView(context) {
  const { app, id } = context;
  const { data, error, refresh } = poll((signal) => app.api.peers(id, { signal }), PEERS_MS);
  const count = part(data, (peers) => peers.length, 0);
  /** @type {Order<PeerKey>} */
  const initial = { key: 'down', isDescending: true };
  /** @type {Grid<PeerKey>} */
  const grid = { app, columns: COLUMNS, largestFirst: LARGEST_FIRST, order: orderOf(app, 'peers', initial) };
  const body = () => when(() => count.value > 0, () => peerTable(context, grid, data), () => noPeers(context));
  return html`<div class="d-tab">
    <div class="d-toolbar"><span class="d-toolbar-text">${() => (data.value === null ? ''
      : app.t('details.peer_count', { count: count.value }))}</span>
      ${when(app.isPhone, () => menuButton({ label: () => app.t('details.sort'), icon: 'sort_down', iconOnly: true,
        items: () => orderItems(grid) }))}
      ${button({ label: () => app.t('details.flags_help'), icon: 'help', iconOnly: true, kind: 'ghost',
        onClick: () => { showFlags(context); } })}
      ${button({ label: () => app.t('details.add_peers'), icon: 'plus', onClick: () => app.dialogs.peers([id]) })}</div>
    ${when(() => data.value !== null, body, () => when(() => error.value !== null,
      () => errorState({ app, error: error.peek(), retry: refresh }), () => skeletonRows(5)))}</div>`;
}

/** @param {Context} context */
function noPeers(context) {
  const { app, torrent } = context;
  const canStart = part(torrent, (row) => !isRunning(row) && row.state !== 'error', false);
  const start = () => button({ label: () => app.t('action.start'), icon: 'start', kind: 'primary',
    onClick: () => context.act({ kind: 'start' }, { quiet: true }) });
  return html`<div class="d-empty-state">${emptyState({
    icon: 'peers', title: () => app.t('details.no_peers'),
    hint: () => app.t(torrent.value && isRunning(torrent.value) ? 'details.no_peers_running'
      : 'details.no_peers_stopped'),
  })}${when(canStart, start)}</div>`;
}

/** @param {Context} context @param {Grid<PeerKey>} grid @param {ReadonlySignal<readonly Peer[] | null>} data */
function peerTable(context, grid, data) {
  const { app } = context;
  const rows = computed(() => sortPeers(data.value ?? [], grid.order.value.key, grid.order.value.isDescending));
  const scroller = /** @type {HTMLElement} */ (html`<div class="d-grid d-peer-grid" role="table" tabindex="0"
    aria-label=${() => app.t('column.peers')} @contextmenu=${(/** @type {MouseEvent} */ event) => {
      const addr = /** @type {HTMLElement} */ (event.target).closest('[data-addr]')?.getAttribute('data-addr');
      if (!addr) return;
      event.preventDefault();
      openMenu([{ label: app.t('details.copy_address'), icon: 'copy', onSelect: () => copyText(app, addr) },
        { label: app.t('details.ban'), icon: 'lock', danger: true, onSelect: () => ban(app, hostOf(addr)) }],
      { x: event.clientX, y: event.clientY });
    }}>${gridHead(grid)}</div>`);
  virtualList({
    scroller,
    source: computed(() => ({ total: rows.value.length, first: 0, rows: rows.value })),
    rowHeight: computed(() => (app.isPhone.value ? PHONE_ROW_PX : ROW_PX)),
    keyOf: ({ addr, transport }) => `${transport} ${addr}`,
    render: (item) => peerRow(context, item),
    onWindow: () => {},
    headerRows: 1,
  });
  return scroller;
}

/** Bans a host, and offers to lift the ban. @param {Context['app']} app @param {string} address */
async function ban(app, address) {
  try {
    await app.api.ban({ addresses: [address], time_s: null, reason: '' });
    app.toasts.show({ text: app.t('details.banned', { name: address }),
      action: { label: app.t('edit.undo'), run: () => app.api.unban(address).catch(app.fail) } });
  } catch (cause) { app.fail(cause); }
}

/** @param {Context} context @param {ReadonlySignal<Peer | undefined>} item */
function peerRow({ app }, item) {
  /** @param {(peer: Peer) => string} fn */
  const text = (fn) => part(item, fn, '');
  /** @param {PeerKey} key @param {unknown} value @param {'ltr' | 'auto' | null} [dir] */
  const cell = (key, value, dir = null) =>
    html`<span class=${`d-cell d-peer-${key}`} role="cell" dir=${dir}>${value}</span>`;
  /** @param {PeerKey} key @param {unknown} value */
  const number = (key, value) =>
    html`<span class=${`d-cell d-num d-peer-${key}`} role="cell"><bdi>${value}</bdi></span>`;
  const rate = (/** @type {number} */ perS) => (perS > 0 ? app.f().rate(perS) : '');
  const size = (/** @type {number} */ bytes) => (bytes > 0 ? app.f().size(bytes) : '');
  const flags = text((peer) => flagsOf(peer).map((flag) => flagText(app, flag)).join('\n'));
  return html`<div class="d-row d-peer-row" data-addr=${text(({ addr }) => addr)}>
    ${cell('addr', text(({ addr }) => addr), 'ltr')}
    ${cell('client', text(({ client }) => app.clean(client ?? '—')), 'auto')}
    <span class="d-cell d-peer-flags" role="cell" title=${flags}><span aria-hidden="true">${text(lettersOf)}</span>
      <span class="k-hidden">${flags}</span></span>
    ${cell('progress', partBar(app, () => item.value?.progress ?? null))}
    ${number('down', text((peer) => rate(peer.down_per_s)))}
    ${number('up', text((peer) => rate(peer.up_per_s)))}
    ${number('downloaded', text((peer) => size(peer.downloaded_bytes)))}
    ${number('uploaded', text((peer) => size(peer.uploaded_bytes)))}
    ${cell('transport', text(({ transport }) => (transport === 'utp' ? 'µTP' : transport.toUpperCase())))}
    ${cell('encryption', text((peer) => app.t(peer.is_encrypted ? 'details.encrypted' : 'details.plain')))}
    ${cell('sources', text(({ sources }) => sources.map((source) => sourceText(app, source)).join(', ')))}
    ${number('connected', text((peer) => app.f().duration(peer.connected_s)))}</div>`;
}

/** @param {Context['app']} app @param {string} source */
const sourceText = (app, source) =>
  (SOURCES.has(source) ? app.t(/** @type {'details.source_dht'} */ (`details.source_${source}`)) : source);

/** @param {Context['app']} app @param {Flag} flag */
const flagText = (app, flag) =>
  `${FLAG_LETTERS[flag]}: ${app.t(/** @type {'details.flag_snubbed'} */ (`details.flag_${flag}`))}`;

/** Shows what each letter means. @param {Context} context */
function showFlags({ app }) {
  const flags = /** @type {[Flag, string][]} */ (Object.entries(FLAG_LETTERS));
  openDialog({
    title: app.t('details.flags_help'), size: 'small',
    body: () => html`<dl class="d-flag-list">${flags.map(([flag, letter]) => html`<div><dt>${letter}</dt>
      <dd>${app.t(/** @type {'details.flag_snubbed'} */ (`details.flag_${flag}`))}</dd></div>`)}</dl>`,
  });
}
