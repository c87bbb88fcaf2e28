/** Settings of this torrent. Switches and lists apply at once, texts after Save. */

/** @import { Key } from '../../i18n.js' */
/** @import { Action, Torrent } from '../../types.js' */
/** @import { Context } from './context.js' */

import { html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { rateField, selectField, switchField, textField } from '../../ui/fields.js';
import { pathField } from '../../ui/path.js';
import { spinner } from '../../ui/states.js';
import { tagsField } from '../../ui/tags.js';
import { apply } from '../dialogs/common.js';
import { changesOf } from '../dialogs/tags.js';
import { part } from './context.js';
import { createDraft, isSameList, saveAtOnce } from './draft.js';
import { formSection } from './form_section.js';
import { goalsForm } from './goals_form.js';

/** @param {Context} context */
export function optionsView(context) {
  const { app, detail } = context;
  const forms = () => html`<div class="d-options">
    ${limitsForm(context)}${orderForm(context)}${goalsForm(context)}${labelsForm(context)}${nameForm(context)}
    ${folderForm(context)}</div>`;
  return html`<div class="d-tab">${when(() => detail.value !== null, forms,
    () => spinner(() => app.t('details.loading')))}</div>`;
}

/** Follows a part of the torrent. @template T @param {Context} context @param {(torrent: Torrent) => T} fn
 *  @param {T} otherwise */
const torrentPart = ({ torrent }, fn, otherwise) => part(torrent, fn, otherwise);

/** @param {Context} context @param {Action} action @param {Action} undo */
const save = (context, action, undo) => context.act(action, { quiet: true, undo: { action: undo } });

/** @param {Context} context */
function limitsForm(context) {
  const { app } = context;
  const down = createDraft(torrentPart(context, ({ limits }) => limits.down_per_s ?? null, null));
  const up = createDraft(torrentPart(context, ({ limits }) => limits.up_per_s ?? null, null));
  const faults = signal(/** @type {Readonly<Record<string, boolean>>} */ ({}));
  /** @param {'down' | 'up'} name @param {typeof down} draft */
  const field = (name, draft) => rateField({
    app, label: () => app.t(name === 'down' ? 'limits.down' : 'limits.up'), value: draft.value,
    onFault: (fault) => { faults.value = { ...faults.peek(), [name]: fault !== null }; },
  });
  return formSection(context, {
    title: 'details.limits', fields: () => [field('down', down), field('up', up)],
    isDirty: computed(() => down.isDirty.value || up.isDirty.value || Object.values(faults.value).includes(true)),
    canSave: computed(() => !Object.values(faults.value).includes(true)),
    reset: () => { faults.value = {}; down.reset(); up.reset(); },
    save: () => save(context,
      { kind: 'set_limits', down_per_s: down.value.peek(), up_per_s: up.value.peek() },
      { kind: 'set_limits', ...context.torrent.peek()?.limits }),
  });
}

/** @param {Context} context */
function orderForm(context) {
  const { app } = context;
  /** @param {'set_sequential' | 'set_ends_first' | 'set_super_seeding'} kind
   *  @param {(torrent: Torrent) => boolean} read
   *  @param {'action.sequential' | 'action.ends_first' | 'action.super_seeding'} label @param {Key} help */
  const field = (kind, read, label, help) => {
    const source = torrentPart(context, read, false);
    const draft = createDraft(source);
    saveAtOnce(draft, source, (on, old) => save(context, { kind, on }, { kind, on: old }));
    return switchField({ label: () => app.t(label), checked: draft.value,
      help: () => app.t(/** @type {'dialog.save'} */ (help)) });
  };
  return formSection(context, { title: 'details.order', fields: () => [
    field('set_sequential', (torrent) => torrent.is_sequential, 'action.sequential', 'details.sequential_help'),
    field('set_ends_first', (torrent) => torrent.is_ends_first, 'action.ends_first', 'details.ends_first_help'),
    field('set_super_seeding', (torrent) => torrent.is_super_seeding, 'action.super_seeding',
      'details.super_seeding_help'),
  ] });
}

/** @param {Context} context */
function labelsForm(context) {
  const { app } = context;
  const category = torrentPart(context, (torrent) => torrent.category ?? '', '');
  const categoryDraft = createDraft(category);
  saveAtOnce(categoryDraft, category, (value, old) => save(context,
    { kind: 'set_category', category: value || null }, { kind: 'set_category', category: old || null }));
  const options = computed(() => [{ value: '', label: app.t('filter.no_category') },
    ...app.categories.value.map(({ path }) => ({ value: path, label: app.clean(path) }))]);
  const tags = torrentPart(context, (torrent) => /** @type {readonly string[]} */ (torrent.tags), []);
  const tagsDraft = createDraft(tags, isSameList);
  return formSection(context, {
    title: 'details.labels', isDirty: tagsDraft.isDirty, reset: tagsDraft.reset,
    fields: () => [
      selectField({ label: () => app.t('column.category'), value: categoryDraft.value, options }),
      tagsField({ app, label: () => app.t('column.tags'), value: tagsDraft.value }),
    ],
    save: async () => {
      const [next, old] = [tagsDraft.value.peek(), tags.peek()];
      const torrent = context.torrent.peek();
      if (!torrent) return;
      const chosen = new Map([...next.map((tag) => /** @type {const} */ ([tag, true])),
        ...old.filter((tag) => !next.includes(tag)).map((tag) => /** @type {const} */ ([tag, false]))]);
      const { changes, undo } = changesOf([context.id], [torrent], chosen);
      await apply(app, changes, undo);
      await Promise.all([context.refresh(), app.refreshLabels()]);
    },
  });
}

/** @param {Context} context */
function nameForm(context) {
  const { app } = context;
  const name = torrentPart(context, (torrent) => torrent.name, '');
  const draft = createDraft(name);
  return formSection(context, {
    title: 'column.name', isDirty: draft.isDirty, reset: draft.reset, saveLabel: 'rename.submit',
    fields: () => [textField({ label: () => app.t('rename.name'), value: draft.value,
      help: () => app.t('rename.hint') })],
    save: () => save(context, { kind: 'rename', name: draft.value.peek().trim() },
      { kind: 'rename', name: name.peek() }),
  });
}

/** @param {Context} context */
function folderForm(context) {
  const { app } = context;
  const draft = createDraft(torrentPart(context, (torrent) => torrent.dir, ''));
  const isMoving = torrentPart(context, ({ moving }) => moving !== null, false);
  return formSection(context, {
    title: 'column.dir', isDirty: draft.isDirty, reset: draft.reset, saveLabel: 'move.submit',
    canSave: computed(() => draft.value.value.startsWith('/') && !isMoving.value),
    fields: () => [pathField({ app, label: () => app.t('move.dir'), value: draft.value,
      help: () => (isMoving.value ? app.t('state.moving') : '') })],
    save: () => context.act({ kind: 'move', dir: draft.value.peek().trim() }),
  });
}
