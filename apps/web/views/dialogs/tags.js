/** Dialog for the tags of torrents: each is on all of them, on some, or on none. */

/** @import { App } from '../../app.js' */
/** @import { Torrent } from '../../types.js' */
/** @import { Change } from './changes.js' */

import { each, html } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { isTag } from '../../ui/tag_text.js';
import { uid } from '../../ui/values.js';
import { changeOf, countTags, groupByAction } from './changes.js';
import { apply, loaded, subject, torrentsOf } from './common.js';

/** @typedef {{ name: string, before: boolean | null, isNew: boolean }} Row `before` is null for some torrents. */

/** @param {App} app @param {readonly number[]} ids */
export async function openTags(app, ids) {
  if (ids.length === 0) return;
  let torrents = /** @type {Torrent[] | null} */ (null);
  /** Choices that differ from what the torrents have. */
  const chosen = signal(/** @type {ReadonlyMap<string, boolean>} */ (new Map()));

  await formDialog({
    title: () => app.t('tag_edit.title', { count: ids.length }), size: 'small',
    body: () => loaded({
      app, load: (abort) => torrentsOf(app, ids, abort),
      render: (known) => { torrents = known; return content(app, ids.length, known, chosen); },
    }),
    submit: { label: () => app.t('dialog.save') },
    onSubmit: async () => {
      if (torrents === null) return false;
      const { changes, undo } = changesOf(ids, torrents, chosen.peek());
      if (changes.length > 0 && !(await apply(app, changes, undo))) return false;
      app.refreshLabels();
      return true;
    },
  }).closed;
}

/** Returns the changes for the choices, and what undoes them.
 *  @param {readonly number[]} ids @param {readonly Torrent[]} torrents @param {ReadonlyMap<string, boolean>} chosen
 *  @returns {{ changes: Change[], undo: Change[] }} */
export function changesOf(ids, torrents, chosen) {
  const [added, removed] = [true, false].map((on) => [...chosen].flatMap(([tag, isOn]) => (isOn === on ? [tag] : [])));
  const changes = [
    ...(added.length > 0 ? [changeOf(ids, { kind: 'add_tags', tags: added })] : []),
    ...(removed.length > 0 ? [changeOf(ids, { kind: 'remove_tags', tags: removed })] : []),
  ];
  const undo = [
    ...groupByAction(torrents, ({ tags }) => {
      const lost = removed.filter((tag) => tags.includes(tag));
      return lost.length > 0 ? { kind: 'add_tags', tags: lost } : null;
    }),
    ...groupByAction(torrents, ({ tags }) => {
      const gained = added.filter((tag) => !tags.includes(tag));
      return gained.length > 0 ? { kind: 'remove_tags', tags: gained } : null;
    }),
  ];
  return { changes, undo };
}

/** @param {App} app @param {number} count @param {readonly Torrent[]} torrents
 *  @param {import('../../base/signal.js').Signal<ReadonlyMap<string, boolean>>} chosen */
function content(app, count, torrents, chosen) {
  const text = signal('');
  const counts = countTags(torrents);
  const known = new Set([...app.tags.peek().map(({ name }) => name), ...counts.keys()]);
  /** @param {string} name @returns {boolean | null} */
  const before = (name) => {
    const having = counts.get(name) ?? 0;
    return having === 0 ? false : having === torrents.length ? true : null;
  };
  const collator = new Intl.Collator(app.i18n.locale.peek(), { numeric: true });
  const rank = (/** @type {string} */ name) => Number(before(name) === false);
  const sorted = [...known].sort((a, b) => rank(a) - rank(b) || collator.compare(a, b));
  const rows = computed(() => {
    const typed = text.value.trim();
    const wanted = typed.toLowerCase();
    const made = [...chosen.value.keys()].filter((name) => !known.has(name));
    const all = [...made, ...sorted].filter((name) => name.toLowerCase().includes(wanted)).slice(0, 200);
    const isNew = isTag(typed) && ![...made, ...known].includes(typed);
    return isNew ? [typed, ...all] : all;
  });
  /** @param {string} name @param {boolean} on */
  const choose = (name, on) => {
    const next = new Map(chosen.peek());
    next.set(name, on);
    if (before(name) === on) next.delete(name);
    chosen.value = next;
  };
  const stateOf = (/** @type {string} */ name) => chosen.value.get(name) ?? before(name);
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const [first] = rows.peek();
    if (event.key !== 'Enter' || text.peek().trim() === '' || first === undefined) return;
    event.preventDefault();
    const exact = rows.peek().find((name) => name === text.peek().trim()) ?? first;
    choose(exact, stateOf(exact) !== true);
    text.value = '';
  };
  /** @param {string} name */
  const row = (name) => {
    const id = uid();
    const node = /** @type {HTMLInputElement} */ (html`<input type="checkbox" id=${id}
      .checked=${() => stateOf(name) === true}
      .indeterminate=${() => stateOf(name) === null} @change=${() => choose(name, node.checked)}/>`);
    const note = () => (!known.has(name) ? app.t('tag_edit.new') : before(name) === null
      ? app.t('tag_edit.some', { count: counts.get(name) ?? 0 }) : '');
    return html`<li class="a-tag-row">
      <div class="k-check">${node}<label for=${id} dir="auto">${app.clean(name)}</label></div>
      <span class="a-note">${note}</span></li>`;
  };
  return html`<div class="a-form">${subject(app, torrents, count)}
    <div @keydown=${onKey}>${textField({
      label: () => app.t('tag_edit.find'), value: text, autofocus: true,
      placeholder: () => app.t('tag_edit.find_hint') })}</div>
    <ul class="a-tag-list" aria-label=${() => app.t('add.tags')}>${
      each(rows, (name) => name, (_, name) => row(name))}</ul>
    <p class="a-note" ?hidden=${() => rows.value.length > 0}>${() => app.t('tag_edit.none')}</p></div>`;
}
