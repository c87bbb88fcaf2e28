/** Facts about a torrent in a definition list. */

/** @import { Context } from './context.js' */
/** @import { Detail, SignatureState, Torrent } from '../../types.js' */
/** @import { Format } from '../../format.js' */
/** @import { Key } from '../../i18n.js' */

import { html, when } from '../../base/html.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { part } from './context.js';

/** @typedef {{ key: Key, value: Node | (() => unknown) | { readonly value: unknown }, isWide?: boolean,
 *    isCode?: boolean }} Fact Code is left to right, and laid out as the page is. */

/** @param {Context} context @param {Fact} fact */
const factView = ({ app }, { key, value, isWide = false, isCode = false }) => html`<div class="d-fact"
  class:d-fact-wide=${isWide}>
  <dt>${() => app.t(/** @type {'column.name'} */ (key))}</dt><dd dir=${isCode ? null : 'auto'}>${value}</dd></div>`;

/** @param {Context} context @param {Key} title @param {Fact[]} facts */
const groupView = (context, title, facts) => html`<section class="d-facts">
  <h3>${() => context.app.t(/** @type {'column.name'} */ (title))}</h3>
  <dl>${facts.map((fact) => factView(context, fact))}</dl></section>`;

/** All facts, in groups. @param {Context} context */
export function factsView(context) {
  const { app, torrent, detail } = context;
  /** @param {(row: Torrent, f: Format) => string} text */
  const row = (text) => part(torrent, (value) => text(value, app.f()), '');
  /** @param {(detail: Detail, f: Format) => string} text */
  const more = (text) => part(detail, (value) => text(value, app.f()), '');
  const missing = () => app.t('details.unknown');

  const transfer = groupView(context, 'details.transfer', [
    { key: 'column.downloaded', value: row((t, f) => f.size(t.downloaded_bytes)) },
    { key: 'column.uploaded', value: row((t, f) => f.size(t.uploaded_bytes)) },
    { key: 'column.ratio', value: row((t, f) => f.ratio(t.ratio)) },
    { key: 'details.wasted', value: more((d, f) => f.size(d.wasted_bytes)) },
    { key: 'column.down', value: row((t, f) => withLimit(context, f.rate(t.down_per_s), t.limits.down_per_s ?? null)) },
    { key: 'column.up', value: row((t, f) => withLimit(context, f.rate(t.up_per_s), t.limits.up_per_s ?? null)) },
    { key: 'column.seeds', value: row((t, f) => ofSwarm(context, f.count(t.seeds), t.swarm_seeds)) },
    { key: 'column.peers', value: row((t, f) => ofSwarm(context, f.count(t.peers - t.seeds), t.swarm_leechers)) },
    { key: 'details.known_peers', value: more((d, f) => f.count(d.known_peers)) },
    { key: 'column.queue', value: row((t, f) => f.count(t.queue_position)) },
  ]);
  const times = groupView(context, 'details.times', [
    { key: 'column.added', value: row((t, f) => f.dateTime(t.added_unix_s)) },
    { key: 'column.finished', value: row((t, f) => f.dateTime(t.finished_unix_s)) },
    { key: 'column.eta', value: row((t, f) => f.eta(t.eta_s)) },
    { key: 'details.active_time', value: row((t, f) => f.duration(t.active_s)) },
    { key: 'details.seeding_time', value: row((t, f) => f.duration(t.seeding_s)) },
  ]);
  const content = groupView(context, 'details.content', [
    { key: 'details.total_size', value: row((t, f) => (t.total_bytes > 0 ? f.size(t.total_bytes) : missing())) },
    { key: 'details.wanted_size', value: row((t, f) => (t.total_bytes > 0 ? f.size(t.size_bytes) : missing())) },
    { key: 'details.files', value: more((d, f) => (d.files === null ? missing() : f.count(d.files))) },
    { key: 'details.pieces', value: more((d, f) => (d.pieces === null ? missing()
      : `${f.count(d.pieces)} × ${f.size(d.piece_bytes)}`)) },
    { key: 'details.access', value: row((t) => (t.is_private === null ? missing()
      : app.t(t.is_private ? 'details.private' : 'details.public'))) },
    { key: 'column.category', value: row((t) => (t.category === null ? app.t('filter.no_category')
      : app.clean(t.category))) },
    { key: 'column.tags', value: row((t) => (t.tags.length === 0 ? app.t('filter.no_tag')
      : t.tags.map(app.clean).join(', '))) },
    { key: 'column.dir', isWide: true, isCode: true, value: copyable(context, row((t) => app.clean(t.dir)),
      () => torrent.peek()?.dir ?? '', 'details.copy_dir') },
  ]);
  return html`<div class="d-fact-groups">${transfer}${times}${content}${originView(context, row, more)}</div>`;
}

/** Texts of the states of signatures. @type {Readonly<Record<SignatureState, 'details.signature_valid'
 *    | 'details.signature_invalid' | 'details.signature_unchecked'>>} */
const STATES = {
  valid: 'details.signature_valid', invalid: 'details.signature_invalid',
  no_certificate: 'details.signature_unchecked', bad_certificate: 'details.signature_unchecked',
  unsupported: 'details.signature_unchecked',
};

/** @param {Context} context @param {(text: (row: Torrent, f: Format) => string) => { readonly value: string }} row
 *  @param {(text: (detail: Detail, f: Format) => string) => { readonly value: string }} more */
function originView(context, row, more) {
  const { app, torrent, detail } = context;
  const hashV2 = () => factView(context, { key: 'details.hash_v2', isWide: true, isCode: true, value: copyable(
    context, row((t) => t.hash_v2 ?? ''), () => torrent.peek()?.hash_v2 ?? '', 'action.copy_hash') });
  const comment = () => factView(context, { key: 'details.comment', isWide: true,
    value: html`<span class="d-comment">${more((d) => cleanLines(app.clean, d.comment ?? ''))}</span>` });
  const signatures = () => factView(context, { key: 'details.signed_by', isWide: true,
    value: html`<span class="d-comment">${more((d) => (d.signatures ?? []).map((s) => app.t('details.signature', {
      name: app.clean(s.common_name ?? s.name), state: app.t(STATES[s.state]) })).join('\n'))}</span>` });
  const updates = () => factView(context, { key: 'details.updates', isWide: true, isCode: true,
    value: more((d) => app.clean(d.publisher?.link ?? d.update_url ?? '')) });
  return html`<section class="d-facts"><h3>${() => app.t('details.origin')}</h3><dl>
    ${factView(context, { key: 'details.hash', isWide: true, isCode: true, value: copyable(context, row((t) => t.hash),
      () => torrent.peek()?.hash ?? '', 'action.copy_hash') })}
    ${when(() => Boolean(torrent.value?.hash_v2 && torrent.value.hash_v2 !== torrent.value.hash), hashV2)}
    ${factView(context, { key: 'details.magnet', isWide: true, isCode: true, value: copyable(context,
      more((d) => d.magnet), () => detail.peek()?.magnet ?? '', 'action.copy_magnet') })}
    ${factView(context, { key: 'details.created_by', value: more((d) => app.clean(d.created_by ?? '—')) })}
    ${factView(context, { key: 'details.created', value: more((d, f) => f.dateTime(d.created_unix_s)) })}
    ${when(() => (detail.value?.signatures ?? []).length > 0, signatures)}
    ${when(() => Boolean(detail.value?.publisher ?? detail.value?.update_url), updates)}
    ${when(() => Boolean(detail.value?.comment), comment)}
  </dl></section>`;
}

/** Keeps the lines of a text, and cleans each. @param {(text: string) => string} clean @param {string} text */
const cleanLines = (clean, text) => text.split(/\r?\n/).map(clean).join('\n');

/** Text in one line with a button that copies all of it.
 *  @param {Context} context @param {{ readonly value: string }} text @param {() => string} whole
 *  @param {'action.copy_hash' | 'action.copy_magnet' | 'details.copy_dir'} label */
const copyable = ({ app }, text, whole, label) => html`<span class="d-copyable">
  <span class="d-mono" dir="ltr" title=${() => text.value}>${() => text.value}</span>
  ${button({ label: () => app.t(label), icon: 'copy', iconOnly: true, kind: 'ghost',
    onClick: () => copyText(app, whole()) })}</span>`;

/** @param {Context} context @param {string} text @param {number | null} limit */
const withLimit = ({ app }, text, limit) =>
  (limit === null ? text : app.t('details.with_limit', { rate: text, limit: app.f().rate(limit) }));

/** Number of connected peers, of those that the trackers count. @param {Context} context @param {string} connected
 *  @param {number | null} known */
const ofSwarm = ({ app }, connected, known) =>
  (known === null ? connected : app.t('details.of_swarm', { connected, known: app.f().count(known) }));
