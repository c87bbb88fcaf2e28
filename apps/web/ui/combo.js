/** Text field with a list of suggestions: the combobox of the ARIA pattern. */

/** @import { Signal } from '../base/signal.js' */
/** @import { FieldOptions } from './field.js' */
/** @import { Text } from './values.js' */

import { each, html } from '../base/html.js';
import { effect, onCleanup, signal } from '../base/signal.js';
import { field } from './field.js';
import { uid } from './values.js';

/** @typedef {{ value: string, label?: string, hint?: string }} Suggestion */
/** @typedef {FieldOptions & { value: Signal<string>, placeholder?: Text, autofocus?: boolean, dir?: string,
 *    suggestions: (text: string, signal: AbortSignal) => Promise<readonly Suggestion[]>,
 *    onChoose?: (suggestion: Suggestion) => void, required?: boolean }} ComboOptions
 *    After `onChoose` the list is asked for again, as for the next folder of a path. */

/** @param {ComboOptions} options */
export function comboField(options) {
  const { value, suggestions, placeholder, autofocus = false, dir = 'auto', onChoose, required = false } = options;
  const listId = uid();
  const found = signal(/** @type {readonly Suggestion[]} */ ([]));
  const isOpen = signal(false);
  const at = signal(-1);
  /** @type {AbortController | null} */
  let request = null;
  /** @type {HTMLInputElement} */
  let input;
  /** @type {HTMLElement} */
  let list;
  onCleanup(() => request?.abort());

  const close = () => {
    request?.abort();
    isOpen.value = false;
    at.value = -1;
  };
  const load = async () => {
    request?.abort();
    const current = (request = new AbortController());
    try {
      const next = await suggestions(input.value, current.signal);
      if (current.signal.aborted) return;
      found.value = unique(next);
      at.value = -1;
      isOpen.value = next.length > 0 && document.activeElement === input;
    } catch {
      // The field works without suggestions.
      if (!current.signal.aborted) close();
    }
  };
  /** @param {Suggestion} suggestion */
  const choose = (suggestion) => {
    value.value = suggestion.value;
    input.setSelectionRange(suggestion.value.length, suggestion.value.length);
    close();
    if (!onChoose) return;
    onChoose(suggestion);
    load();
  };
  /** @param {number} next */
  const moveTo = (next) => {
    at.value = (next + found.peek().length) % found.peek().length;
    list.children[at.peek()]?.scrollIntoView({ block: 'nearest' });
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const { key } = event;
    const suggestion = found.peek()[at.peek()];
    if (!isOpen.peek()) {
      if (key !== 'ArrowDown') return;
      load();
    } else if (key === 'ArrowDown') moveTo(at.peek() + 1);
    else if (key === 'ArrowUp') moveTo(at.peek() < 0 ? -1 : at.peek() - 1);
    else if (key === 'Enter' && suggestion) choose(suggestion);
    // Escape closes the list first, and a dialog around it only then.
    else if (key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return field(options, ({ id, describedBy }) => {
    input = /** @type {HTMLInputElement} */ (html`<input class="k-input" id=${id} type="text" role="combobox"
      autocomplete="off" spellcheck="false" autocapitalize="off" dir=${dir} placeholder=${placeholder}
      ?autofocus=${autofocus} ?required=${required} .value=${value} aria-autocomplete="list" aria-controls=${listId}
      aria-expanded=${() => String(isOpen.value)} aria-describedby=${describedBy}
      aria-activedescendant=${() => (at.value < 0 ? null : `${listId}-${at.value}`)}
      @input=${() => { value.value = input.value; load(); }} @keydown=${onKey} @click=${load} @blur=${close}/>`);
    list = /** @type {HTMLElement} */ (html`<ul class="k-combo-list" id=${listId} role="listbox" popover="manual"
      aria-label=${options.label} @pointerdown=${(/** @type {Event} */ event) => event.preventDefault()}>${
        each(found, (suggestion) => suggestion.value, (suggestion) => html`<li class="k-combo-item" role="option"
          id=${() => `${listId}-${found.value.indexOf(suggestion.value)}`}
          aria-selected=${() => String(found.value[at.value] === suggestion.value)}
          @click=${() => choose(suggestion.peek())}><span dir=${dir}>${() =>
            suggestion.value.label ?? suggestion.value.value}</span>
          <span class="k-combo-hint">${() => suggestion.value.hint}</span></li>`)}</ul>`);
    effect(() => {
      if (!isOpen.value) return void (list.isConnected && list.hidePopover());
      place(list, input);
    });
    return html`<div class="k-combo">${input}${list}</div>`;
  });
}

/** Shows the list below the field, or above it where there is more room.
 *  @param {HTMLElement} list @param {HTMLElement} input */
function place(list, input) {
  list.showPopover();
  const { left, top, bottom, width } = input.getBoundingClientRect();
  const isAbove = innerHeight - bottom < 160 && top > innerHeight - bottom;
  const room = (isAbove ? top : innerHeight - bottom) - 16;
  list.style.setProperty('left', `${left}px`);
  list.style.setProperty('width', `${width}px`);
  list.style.setProperty('max-height', `${Math.min(room, 280)}px`);
  list.style.setProperty('top', isAbove ? 'auto' : `${bottom + 4}px`);
  list.style.setProperty('bottom', isAbove ? `${innerHeight - top + 4}px` : 'auto');
}

/** @param {readonly Suggestion[]} all */
function unique(all) {
  const seen = new Set();
  return all.filter(({ value }) => !seen.has(value) && seen.add(value));
}
