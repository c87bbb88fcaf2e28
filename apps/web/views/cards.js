/** Cards: the list of torrents on a phone. A tap shows the details, a long touch selects. */

/** @import { App } from '../app.js' */
/** @import { ReadonlySignal } from '../base/signal.js' */
/** @import { Torrent } from '../types.js' */
/** @import { Table } from './table/table.js' */

import { html, toElement, when } from '../base/html.js';
import { effect } from '../base/signal.js';
import { shownState, stateText, toneOf } from '../columns.js';
import { commandOf, runCommand, selectAll } from '../commands.js';
import { button } from '../ui/button.js';
import { menuButton } from '../ui/menu.js';
import { attributeOf, progressTone, styleOf, textIn } from './table/cells.js';
import { contextMenu } from './table/menu.js';
import { markRow } from './table/rows.js';
import { stateIcon } from './table/state_icon.js';

/** Height of a card with its gap, in CSS pixels; also in the style sheet. */
export const CARD_PX = 92;

let lastCard = 0;

/** @param {Table} table @param {ReadonlySignal<Torrent | undefined>} item */
export function renderCard(table, item) {
  const { app } = table;
  const icon = stateIcon();
  const parts = ['t-card-name', 't-card-state', 't-card-size', 't-card-rates'].map((name) =>
    toElement(html`<span class=${name}></span>`));
  const [name, state, size, rates] = parts;
  name.dir = 'auto';
  const bar = toElement(html`<span class="t-card-bar" aria-hidden="true"></span>`);
  const card = toElement(html`<div class="t-card" role="gridcell">
    <span class="t-card-top">${icon.node}${name}</span>${bar}
    <span class="t-card-line">${state}${rates}</span>${size}</div>`);
  const row = toElement(html`<div class="t-row t-card-row" id=${`t-card-${(lastCard += 1)}`}>${card}</div>`);
  const [showName, showState, showSize, showRates] = parts.map(textIn);
  const [setTone, setBarTone] = [attributeOf(card, 'data-tone'), attributeOf(bar, 'data-tone')];
  const setPart = styleOf(bar, '--part');
  effect(() => {
    const torrent = item.value;
    row.classList.toggle('t-loading', torrent === undefined);
    if (!torrent) return;
    const context = { t: app.t, f: app.f(), clean: app.clean };
    showName(app.clean(torrent.name));
    showState(stateText(torrent, context));
    showSize(sizeLine(app, torrent));
    showRates(rateLine(app, torrent));
    setTone(toneOf(torrent));
    setBarTone(progressTone(torrent));
    setPart(String(Math.round(torrent.progress * 1000) / 1000));
    icon.update(shownState(torrent));
  });
  markRow(table, row, item);
  return row;
}

/** @param {App} app @param {Torrent} torrent */
function sizeLine(app, { progress, size_bytes: size, left_bytes: left, eta_s: eta, ratio }) {
  const f = app.f();
  if (progress >= 1) {
    return `${f.size(size)}${ratio === null ? '' : ` · ${app.t('column.ratio')} ${f.ratio(ratio)}`}`;
  }
  const done = app.t('table.done_of', { done: f.size(size - left), size: f.size(size) });
  return [f.percent(progress), done, ...(eta === null ? [] : [f.eta(eta)])].join(' · ');
}

/** @param {App} app @param {Torrent} torrent */
function rateLine(app, { down_per_s: down, up_per_s: up }) {
  const f = app.f();
  return [down > 0 ? `↓ ${f.rate(down)}` : '', up > 0 ? `↑ ${f.rate(up)}` : ''].filter(Boolean).join('  ');
}

/** Bar with actions for the selected torrents. @param {App} app */
export const selectionBar = (app) => when(() => app.selection.count.value > 0, () => {
  /** @param {string} id */
  const action = (id) => {
    const command = commandOf(id);
    return button({ label: () => app.t(command.label), icon: command.icon, iconOnly: true, kind: 'ghost',
      onClick: () => runCommand(app, command, app.selection.list()) });
  };
  return html`<div class="t-bar" role="toolbar" aria-label=${() => app.t('table.selection')}>
    ${button({ label: () => app.t('action.clear_selection'), icon: 'close', iconOnly: true, kind: 'ghost',
      onClick: () => app.selection.clear() })}
    <span class="t-bar-count" role="status">${() => app.t('list.selected', { count: app.selection.count.value })}</span>
    ${button({ label: () => app.t('action.select_all'), icon: 'check', iconOnly: true, kind: 'ghost',
      onClick: () => selectAll(app) })}
    ${action('start')}${action('stop')}${action('remove')}
    ${menuButton({ label: () => app.t('action.more'), icon: 'more', iconOnly: true,
      items: () => contextMenu(app, app.selection.list()) })}</div>`;
});
