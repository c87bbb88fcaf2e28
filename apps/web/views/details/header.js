/** Header of the details: the name of the torrent, its state and progress, and its actions. */

/** @import { Context } from './context.js' */

import { html, when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { badge } from '../../ui/badge.js';
import { button } from '../../ui/button.js';
import { progressBar } from '../../ui/progress.js';
import { actionButtons } from './actions.js';
import { isolated, part } from './context.js';
import { badgeTone, barValue, stateText, toneOf } from './state_view.js';

/** @param {Context} context @param {string} titleId id of the name, which names the pane */
export function header(context, titleId) {
  const { app, torrent } = context;
  const close = () => { app.opened.value = null; };
  const name = part(torrent, ({ name }) => app.clean(name), '');
  const status = () => html`${badge({
    text: part(torrent, (row) => stateText(app, row), ''), tone: part(torrent, badgeTone, 'neutral') })}
    ${progressBar({ value: part(torrent, barValue, null), label: () => app.t('column.progress'),
      tone: part(torrent, toneOf, 'normal') })}
    <span class="d-status-text">${statusText(context)}</span>`;
  return html`<header class="d-header">
    ${when(app.isPhone, () => button({ label: () => app.t('details.back'), icon: 'chevron', iconOnly: true,
      kind: 'ghost', onClick: close }))}
    <h2 class="d-title" id=${titleId} dir="auto" title=${name}>${name}</h2>
    <div class="d-actions">${actionButtons(context)}
      ${when(app.isPhone, () => null, () => button({ label: () => app.t('details.close'), icon: 'close',
        iconOnly: true, kind: 'ghost', onClick: close }))}</div>
    <div class="d-status">${when(() => torrent.value !== null, status)}</div></header>`;
}

/** Returns the numbers that matter in the present state. @param {Context} context */
function statusText({ app, torrent }) {
  return computed(() => {
    const row = torrent.value, f = app.f();
    if (!row) return '';
    if (row.moving) return bytesText(f, row.moving.done_bytes, row.moving.total_bytes);
    const parts = [f.percent(row.progress)];
    if (row.left_bytes > 0 && row.state !== 'checking') {
      parts.push(bytesText(f, row.size_bytes - row.left_bytes, row.size_bytes));
    }
    if (row.down_per_s > 0) parts.push(`↓ ${f.rate(row.down_per_s)}`);
    if (row.up_per_s > 0) parts.push(`↑ ${f.rate(row.up_per_s)}`);
    if (row.eta_s !== null) parts.push(app.t('details.eta', { time: f.eta(row.eta_s) }));
    return parts.map(isolated).join(' · ');
  });
}

/** @param {ReturnType<Context['app']['f']>} f @param {number} done @param {number} total */
const bytesText = (f, done, total) => `${f.size(done)} / ${f.size(total)}`;
