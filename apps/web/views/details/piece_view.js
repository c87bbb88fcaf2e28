/** Map of the pieces with their availability. */

/** @import { Context } from './context.js' */

import { pieceMap } from '../../base/chart.js';
import { html, when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { ACTIVE, HAVE, NO_PIECES, decodePieces, summaryOf } from '../../pieces.js';
import { poll } from '../../ui/poll.js';
import { isolated } from './context.js';

const PIECES_MS = 2000;

/** @param {Context} context */
export function pieceView({ app, id }) {
  /** @type {{ key: string, pieces: typeof NO_PIECES }} Answer that was decoded last. */
  let last = { key: '', pieces: NO_PIECES };
  const { data } = poll(async (signal) => {
    const answer = await app.api.pieces(id, { signal });
    const key = `${answer.have} ${answer.availability} ${answer.partial}`;
    // The map is drawn again only if something has changed.
    if (key !== last.key) last = { key, pieces: decodePieces(answer) };
    return last.pieces;
  }, PIECES_MS);
  const pieces = computed(() => data.value ?? NO_PIECES);
  const summary = computed(() => summaryOf(pieces.value));
  const text = () => {
    const { have, active } = summary.value, f = app.f();
    const present = app.t('details.pieces_present', { have: f.count(have), total: f.count(pieces.value.count) });
    const parts = active > 0 ? [present, app.t('details.pieces_active', { count: active })] : [present];
    return parts.map(isolated).join(' · ');
  };
  const copies = () => app.t('details.copies', { copies: app.f().ratio(summary.value.copies) });
  const hasPeers = computed(() => pieces.value.availability !== undefined);
  const host = /** @type {HTMLElement} */ (html`<div class="d-pieces chart"></div>`);
  pieceMap({
    host, data: pieces,
    describe: () => `${app.t('details.piece_map')}: ${text()}${hasPeers.value ? `. ${copies()}` : ''}`,
    describeAt: (_, index) => {
      const { bytes, peers } = pieces.peek();
      if (index < 0 || index >= bytes.length) return '';
      const state = bytes[index] === HAVE ? 'details.piece_have'
        : bytes[index] === ACTIVE ? 'details.piece_active' : 'details.piece_missing';
      const what = app.t('details.piece_at', { number: app.f().count(index), state: app.t(state) });
      return hasPeers.peek() ? `${what}\n${app.t('details.piece_peers', { count: peers[index] })}` : what;
    },
    theme: app.theme,
  });
  const legend = (/** @type {string} */ kind, /** @type {() => string} */ label) => html`<span class="d-legend-item">
    <span class="d-swatch" data-piece=${kind}></span>${label}</span>`;
  return html`<section class="d-piece-view">
    <div class="d-piece-head"><h3>${() => app.t('details.pieces')}</h3>
      <span class="d-piece-text">${text}</span>
      ${when(hasPeers, () => html`<span class="d-piece-text"
        title=${() => app.t('details.copies_help')}>${copies}</span>`)}
    </div>${host}
    <div class="d-legend">${legend('have', () => app.t('details.piece_have'))}
      ${legend('active', () => app.t('details.piece_active'))}
      ${when(hasPeers, () => legend('availability', () => app.t('details.availability')))}</div></section>`;
}
