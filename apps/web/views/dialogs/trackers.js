/** Dialog for the trackers of torrents: all URLs of one as a text, or the URLs that several have. */

/** @import { App } from '../../app.js' */
/** @import { Signal } from '../../base/signal.js' */

import { html } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { formDialog } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { inParallel } from '../add/batches.js';
import { changeOf, groupByAction, isTrackerUrl, parseTiers, tiersOf, tiersText, trackerAction } from './changes.js';
import { MAX_READ, apply, loaded } from './common.js';

/** Number of different URLs with fields of their own. */
const MAX_ROWS = 100;

/** @typedef {{ id: number, tiers: string[][] }} Known */
/** @typedef {{ url: string, count: number, text: Signal<string> }} Row The text replaces the URL; empty removes it. */

/** @param {App} app @param {readonly number[]} ids */
export async function openTrackers(app, ids) {
  if (ids.length === 0) return;
  await (ids.length === 1 ? editOne(app, ids[0]) : editMany(app, ids));
}

/** @param {App} app @param {string} text */
function tiersFault(app, text) {
  const { bad } = parseTiers(text);
  return bad.length === 0 ? null : app.t('tracker_edit.bad', { url: app.clean(bad[0].slice(0, 80)) });
}

/** @param {App} app @param {number} id */
async function editOne(app, id) {
  const text = signal('');
  let old = /** @type {string[][] | null} */ (null);
  const fault = () => tiersFault(app, text.value);
  await formDialog({
    title: () => app.t('tracker_edit.title', { count: 1 }),
    body: () => loaded({
      app, load: (abort) => app.api.trackers(id, { signal: abort }, true),
      render: (trackers) => {
        old = tiersOf(trackers);
        text.value = tiersText(old);
        return textField({
          label: () => app.t('tracker_edit.urls'), value: text, multiline: true, rows: 12, autofocus: true,
          dir: 'ltr', error: fault, help: () => app.t('tracker_edit.tiers_hint'),
        });
      },
    }),
    submit: { label: () => app.t('dialog.save') },
    onSubmit: () => {
      if (old === null) return false;
      const { tiers } = parseTiers(text.peek());
      if (JSON.stringify(tiers) === JSON.stringify(old)) return true;
      const change = (/** @type {string[][]} */ set) => [changeOf([id], { kind: 'edit_trackers', set })];
      return apply(app, change(tiers), change(old));
    },
  }).closed;
}

/** @param {App} app @param {readonly number[]} ids */
async function editMany(app, ids) {
  const added = signal('');
  let known = /** @type {Known[] | null} */ (null);
  let rows = /** @type {Row[]} */ ([]);
  const read = signal(0);

  /** @param {AbortSignal} abort */
  const load = async (abort) => {
    /** @type {Known[]} */
    const all = [];
    await inParallel(ids.length <= MAX_READ ? [...ids] : [], 4, async (id) => {
      abort.throwIfAborted();
      all.push({ id, tiers: tiersOf(await app.api.trackers(id, { signal: abort }, true)) });
      read.value = all.length;
    });
    return all;
  };
  await formDialog({
    title: () => app.t('tracker_edit.title', { count: ids.length }),
    body: () => [
      loaded({
        app, load,
        render: (all) => {
          known = all;
          rows = rowsOf(all);
          return manyContent(app, { rows, added, count: ids.length, isKnown: all.length > 0 });
        },
      }),
      html`<p class="a-note a-center" ?hidden=${() => read.value === 0 || read.value === ids.length}>${() =>
        app.t('tracker_edit.reading', { count: read.value, total: app.f().count(ids.length) })}</p>`,
    ],
    submit: { label: () => app.t('dialog.save') },
    onSubmit: () => {
      if (known === null) return false;
      const edit = {
        add: parseTiers(added.peek()).tiers.flat(),
        remove: rows.filter(({ text }) => text.peek().trim() === '').map(({ url }) => url),
        replace: Object.fromEntries(rows.map(({ url, text }) => [url, text.peek().trim()])
          .filter(([url, next]) => next !== '' && next !== url)),
      };
      if (known.length === 0) {
        return edit.add.length === 0 || apply(app, [changeOf(ids, { kind: 'edit_trackers', add: edit.add })]);
      }
      const changes = groupByAction(known, ({ tiers }) => trackerAction(tiers.flat(), edit));
      const changed = new Set(changes.flatMap((change) => change.ids));
      const undo = groupByAction(known.filter(({ id }) => changed.has(id)), ({ tiers }) =>
        ({ kind: 'edit_trackers', set: tiers }));
      return changes.length === 0 || apply(app, changes, undo);
    },
  }).closed;
}

/** Returns the URLs of torrents, the most common first. @param {readonly Known[]} known @returns {Row[]} */
function rowsOf(known) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { tiers } of known) for (const url of new Set(tiers.flat())) counts.set(url, (counts.get(url) ?? 0) + 1);
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return sorted.slice(0, MAX_ROWS).map(([url, count]) => ({ url, count, text: signal(url) }));
}

/** @param {App} app @param {{ rows: readonly Row[], added: Signal<string>, count: number, isKnown: boolean }} config */
function manyContent(app, { rows, added, count, isKnown }) {
  const fault = () => tiersFault(app, added.value);
  return html`<div class="a-form">
    ${textField({
      label: () => app.t('tracker_edit.add'), value: added, multiline: true, rows: 3, autofocus: true, dir: 'ltr',
      error: fault, help: () => app.t('add_options.trackers_hint'),
    })}
    ${isKnown ? null : html`<p class="a-note">${() => app.t('tracker_edit.too_many', { count })}</p>`}
    ${rows.length > 0 && html`<fieldset class="a-group">
      <legend class="k-label">${() => app.t('tracker_edit.present')}</legend>
      <p class="a-note">${() => app.t('tracker_edit.present_hint')}</p>
      <ul class="a-tracker-list">${rows.map((row) => trackerRow(app, row, count))}</ul></fieldset>`}</div>`;
}

/** @param {App} app @param {Row} row @param {number} total */
function trackerRow(app, { url, count, text }, total) {
  const isRemoved = computed(() => text.value.trim() === '');
  const isChanged = computed(() => !isRemoved.value && text.value.trim() !== url);
  const fault = () => (isRemoved.value || isTrackerUrl(text.value.trim()) ? null
    : app.t('tracker_edit.bad', { url: app.clean(text.value.slice(0, 80)) }));
  const note = () => (isRemoved.value ? app.t('tracker_edit.is_removed')
    : isChanged.value ? app.t('tracker_edit.is_replaced')
    : app.t('tracker_edit.on', { count, total: app.f().count(total) }));
  const field = textField({
    label: () => app.t('tracker_edit.url', { url: app.clean(url) }), hideLabel: true, value: text, dir: 'ltr',
    error: fault, placeholder: app.clean(url),
  });
  const toggle = () => { text.value = text.peek() === url ? '' : url; };
  return html`<li class="a-tracker" class:a-tracker-removed=${isRemoved}>${field}
    ${() => {
      const isSame = text.value === url;
      return button({
        label: app.t(isSame ? 'tracker_edit.remove' : 'action.undo'), icon: isSame ? 'remove' : 'undo', iconOnly: true,
        kind: 'ghost', onClick: toggle,
      });
    }}
    <span class="a-note">${note}</span></li>`;
}
