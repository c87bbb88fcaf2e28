/** Details of the torrent that is open: a pane below the list, or a page on a phone. */

/** @import { App } from '../../app.js' */
/** @import { Signal } from '../../base/signal.js' */
/** @import { Context } from './context.js' */

import { html, when } from '../../base/html.js';
import { computed, effect, untracked } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { emptyState, errorState, spinner } from '../../ui/states.js';
import { tabs } from '../../ui/tabs.js';
import { uid } from '../../ui/values.js';
import { createContext } from './context.js';
import { filesView } from './files.js';
import { header } from './header.js';
import { logView } from './log.js';
import { optionsView } from './options.js';
import { overview } from './overview.js';
import { peersView } from './peers.js';
import { createSamples } from './samples.js';
import { speedView } from './speed.js';
import { trackersView } from './trackers.js';

/** @typedef {ReturnType<typeof createSamples>} Samples */

/** Samples outlive the pane: it may be closed and opened again. @type {WeakMap<App, Samples>} */
const samplesOf = new WeakMap();

/** Creates the pane. Its content follows `app.opened`. @param {App} app */
export function detailsPane(app) {
  const samples = samplesOf.get(app) ?? createSamples();
  samplesOf.set(app, samples);
  return html`<div class="d-pane">${() => {
    const id = app.opened.value;
    return untracked(() => (id === null ? null : torrentView(createContext(app, id), samples)));
  }}</div>`;
}

/** @param {Context} context @param {Samples} samples */
function torrentView(context, samples) {
  const { app } = context;
  const titleId = uid();
  record(context, samples);
  const close = () => { app.opened.value = null; };
  const gone = () => emptyState({ icon: 'remove', title: () => app.t('details.gone'), actions:
    button({ label: () => app.t('details.close'), onClick: close }) });
  return html`<section class="d-view" aria-labelledby=${titleId}>
    ${header(context, titleId)}
    <div class="d-body">${when(context.isGone, gone, () => when(() => context.torrent.value !== null,
      () => torrentTabs(context, samples), () => firstState(context)))}</div></section>`;
}

/** Before the first answer. @param {Context} context */
const firstState = (context) => when(() => context.error.value !== null,
  () => errorState({ app: context.app, error: context.error.peek(), retry: context.refresh }),
  () => spinner(() => context.app.t('details.loading')));

/** @param {Context} context @param {Samples} samples */
function torrentTabs(context, samples) {
  const { app } = context;
  const view = /** @type {HTMLElement} */ (tabs({
    label: () => app.t('details.tabs'),
    active: /** @type {Signal<string>} */ (app.tab),
    tabs: [
      { key: 'overview', label: () => app.t('details.overview'), render: () => overview(context) },
      { key: 'files', label: () => app.t('details.files'), render: () => filesView(context) },
      { key: 'peers', label: () => app.t('column.peers'), render: () => peersView(context) },
      { key: 'trackers', label: () => app.t('details.trackers'), render: () => trackersView(context) },
      { key: 'speed', label: () => app.t('details.speed'), render: () => speedView(context, samples) },
      { key: 'log', label: () => app.t('details.log'), render: () => logView(context) },
      { key: 'options', label: () => app.t('details.options'), render: () => optionsView(context) },
    ],
  }));
  // The row of tabs scrolls on a phone.
  effect(() => {
    [app.tab.value];
    queueMicrotask(() => view.querySelector('[role=tab][aria-selected=true]')?.scrollIntoView({
      block: 'nearest', inline: 'nearest' }));
  });
  return view;
}

/** Samples the rates each second: those of this torrent, and of others opened before while the list shows them.
 *  @param {Context} context @param {Samples} samples */
function record({ app, id, torrent }, samples) {
  samples.open(id);
  const row = computed(() => torrent.value);
  effect(() => {
    const nowS = Math.floor(app.nowS.value);
    untracked(() => {
      for (const other of samples.ids()) {
        const known = other === id ? row.peek() : app.live.row(other);
        if (known) samples.add(other, nowS, known.down_per_s, known.up_per_s);
      }
    });
  });
}
