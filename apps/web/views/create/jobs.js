/** Torrents that are being created, and those that were. */

/** @import { App } from '../../app.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Creation } from '../../types.js' */

import { each, html, when } from '../../base/html.js';
import { computed, untracked } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { icon } from '../../ui/icons.js';
import { poll } from '../../ui/poll.js';
import { progressBar } from '../../ui/progress.js';
import { emptyState, errorState } from '../../ui/states.js';

const POLL_MS = 1000;

/** @param {{ app: App, onShow: (torrent: number) => void }} options
 *  @returns {{ view: Node, refresh: () => Promise<void> }} */
export function jobs({ app, onShow }) {
  const { data, error, refresh } = poll((abort) => app.api.creations({ signal: abort }), POLL_MS);
  const all = computed(() => [...(data.value ?? [])].sort((a, b) => b.id - a.id));
  const isFailed = () => data.value === null && error.value !== null;
  const view = html`<section class="a-jobs" aria-label=${() => app.t('create.jobs')}>
    <h3 class="a-jobs-head">${() => app.t('create.jobs')}</h3>
    ${when(isFailed, () => errorState({ app, error: error.peek(), retry: refresh }))}
    ${when(() => data.value !== null && all.value.length === 0, () => emptyState({
      icon: 'piece', title: () => app.t('create.none'), hint: () => app.t('create.none_hint') }))}
    <ul class="a-job-list">${each(all, ({ id }) => id, (job, id) =>
      jobRow({ app, job, id, onShow, refresh }))}</ul></section>`;
  return { view, refresh };
}

/** @param {{ app: App, job: ReadonlySignal<Creation>, id: number, onShow: (torrent: number) => void,
 *    refresh: () => Promise<void> }} options */
function jobRow({ app, job, id, onShow, refresh }) {
  /** A state that this version does not know is one before the end. */
  const state = computed(() => {
    const { state } = job.value;
    return state === 'done' || state === 'failed' ? state : 'hashing';
  });
  const warnings = () => job.value.warnings.map((text) => html`<p class="a-note" dir="auto">${app.clean(text)}</p>`);
  const name = computed(() => {
    const { name, path } = job.value;
    return app.clean(name ?? path.split('/').filter(Boolean).at(-1) ?? path);
  });
  const remove = async () => {
    try { await app.api.removeCreation(id); } catch (cause) { app.fail(cause); }
    await refresh();
  };
  const copyMagnet = () => copyText(app, job.peek().magnet ?? '');
  const part = () => (job.value.total_bytes > 0 ? job.value.done_bytes / job.value.total_bytes : null);
  const hashing = () => html`<div class="a-job-state">${progressBar({ value: part, label: name, tone: 'checking' })}
    <p class="a-note">${() => app.t('create.hashing', {
      part: app.f().percent(part()), size: app.f().size(job.value.total_bytes) })}</p></div>`;
  const done = () => html`<div class="a-job-state"><p class="a-note a-job-done">${icon('check', { size: 16 })}
      <span>${() => app.t(job.value.torrent === null ? 'create.done' : 'create.done_added')}</span></p>${warnings}
    <div class="a-job-actions">
      <a class="k-button" href=${app.api.creationFileUrl(id)} download="">${icon('download', { size: 18 })}
        <span class="k-button-text">${() => app.t('create.download')}</span></a>
      ${button({ label: () => app.t('action.copy_magnet'), icon: 'magnet', onClick: copyMagnet })}
      ${when(() => job.value.torrent !== null, () => button({
        label: () => app.t('add.show'), icon: 'external', onClick: () => onShow(job.peek().torrent ?? 0),
      }))}</div></div>`;
  const failed = () => html`<p class="a-job-fault" role="alert" dir="auto">${icon('error', { size: 16 })}
    <span>${() => job.value.problem?.detail}</span></p>`;
  const views = { hashing, done, failed };
  return html`<li class="a-job"><div class="a-job-head"><span class="a-job-name" dir="auto" title=${() =>
      app.clean(job.value.path)}>${name}</span>
    ${() => {
      const label = app.t(state.value === 'hashing' ? 'dialog.cancel' : 'create.forget');
      return button({
        label: `${label}: ${name.value}`, title: label, icon: 'close', iconOnly: true, kind: 'ghost', onClick: remove,
      });
    }}</div>${() => { const view = views[state.value]; return untracked(view); }}</li>`;
}
