/** Field for tags: chips, and a text with suggestions. */

/** @import { Signal } from '../base/signal.js' */
/** @import { App } from '../app.js' */
/** @import { Text } from './values.js' */

import { each, html } from '../base/html.js';
import { effect, signal, untracked } from '../base/signal.js';
import { comboField } from './fields.js';
import { icon } from './icons.js';
import { withTags } from './tag_text.js';
import { read } from './values.js';

/** @param {{ app: App, label: Text, value: Signal<readonly string[]>, help?: Text }} options */
export function tagsField({ app, label, value, help }) {
  const text = signal('');
  const bad = signal(/** @type {readonly string[]} */ ([]));

  const take = () => {
    const next = withTags(value.peek(), text.peek());
    value.value = next.tags;
    bad.value = next.bad;
    text.value = next.bad.join(', ');
  };
  /** @param {string} tag */
  const remove = (tag) => {
    value.value = value.peek().filter((known) => known !== tag);
    input().focus();
  };
  /** @param {string} typed */
  const suggestions = async (typed) => {
    const wanted = typed.trim().toLowerCase();
    return app.tags.peek().filter(({ name }) => name.toLowerCase().includes(wanted) && !value.peek().includes(name))
      .slice(0, 100).map(({ name, torrents }) =>
        ({ value: name, label: app.clean(name), hint: app.f().count(torrents) }));
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.target !== input()) return;
    if (event.key === 'Enter' && text.peek().trim() !== '') take();
    else if (event.key === 'Backspace' && text.peek() === '' && value.peek().length > 0) {
      value.value = value.peek().slice(0, -1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  // A text that was not confirmed counts, as users expect when they go on to another field.
  const onLeave = () => { if (text.peek().trim() !== '') take(); };
  const combo = comboField({
    label, help, value: text, suggestions, onChoose: take, placeholder: app.t('tag_edit.placeholder'),
    error: () => (bad.value.length > 0 ? app.t('tag_edit.bad', { name: app.clean(bad.value.join(', ')) }) : null),
  });
  // After the binding of the field, which must see the text before it is taken.
  // A comma ends a tag, also in a list that is pasted.
  effect(() => { if (text.value.includes(',') && bad.peek().length === 0) untracked(take); });
  effect(() => { if (text.value === '') bad.value = []; });
  const input = () => /** @type {HTMLInputElement} */ (combo.querySelector('input'));
  /** @param {string} tag */
  const chip = (tag) => html`<li class="a-chip"><span dir="auto">${app.clean(tag)}</span>
    <button type="button" class="a-chip-remove" aria-label=${() => app.t('tag_edit.remove', { name: app.clean(tag) })}
      @click=${() => remove(tag)}>${icon('close', { size: 14 })}</button></li>`;
  return /** @type {HTMLElement} */ (html`<div class="a-tags" @keydown=${onKey} @focusout=${onLeave}>
    <ul class="a-chips" aria-label=${() => read(label)} ?hidden=${() => value.value.length === 0}>${
      each(value, (tag) => tag, (_, tag) => chip(tag))}</ul>${combo}</div>`);
}
