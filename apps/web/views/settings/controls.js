/**
 * Controls of settings, by kind. Switches and choices save at once; texts with Enter or when the focus leaves them.
 * Escape restores the value in effect.
 */

/** @import { ReadonlySignal, Signal } from '../../base/signal.js' */
/** @import { Setting } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { Edit } from './store.js' */

import { html } from '../../base/html.js';
import { effect, signal, untracked } from '../../base/signal.js';
import { pathField } from '../../ui/path.js';
import { choiceName, noneName, settingName } from './names.js';
import { fieldText, isOptional, parseField } from './values.js';

/** @typedef {object} ControlContext
 *  @property {App} app
 *  @property {ReadonlySignal<Setting>} setting
 *  @property {Edit} edit
 *  @property {string} id of the control
 *  @property {string} describedBy */

/** Creates the control of a setting. @param {ControlContext} context @returns {Node} */
export function controlOf(context) {
  const { kind, key } = context.setting.peek();
  switch (kind.type) {
    case 'bool': return switchControl(context);
    case 'choice': return choiceControl(context);
    case 'list': return listControl(context);
    case 'path': return /_dir$/.test(key) ? folderControl(context) : textControl(context);
    case 'text': case 'count': case 'rate': case 'time': case 'ratio': return textControl(context);
    default: return readOnly(context);
  }
}

/** @param {ControlContext} context */
function switchControl({ setting, edit, id, describedBy }) {
  const isOn = () => setting.value.value === true;
  /** @type {HTMLInputElement} */
  const input = /** @type {HTMLInputElement} */ (html`<input type="checkbox" role="switch" id=${id} .checked=${isOn}
    aria-describedby=${describedBy} @change=${async () => {
      if (!(await edit.save(input.checked))) input.checked = setting.peek().value === true;
    }}/>`);
  return html`<span class="k-check k-switch p-switch">${input}</span>`;
}

/** @param {ControlContext} context */
function choiceControl({ app, setting, edit, id, describedBy }) {
  const { key, kind } = setting.peek();
  const words = kind.type === 'choice' ? kind.choices : [];
  const select = /** @type {HTMLSelectElement} */ (html`<select class="k-input k-select" id=${id}
    aria-describedby=${describedBy} @change=${async () => {
      if (!(await edit.save(select.value))) select.value = String(setting.peek().value);
    }}>${words.map((word) => html`<option value=${word}>${() => choiceName(app, key, word)}</option>`)}
    </select>`);
  effect(() => { select.value = String(setting.value.value); });
  return select;
}

/** @param {ControlContext} context */
function textControl(context) {
  const { app, setting, id, describedBy } = context;
  const { kind, key } = setting.peek();
  const draft = createDraft(context);
  const isNumber = kind.type === 'count' || kind.type === 'ratio';
  return html`<input class="k-input" id=${id} .value=${draft.text} dir="ltr" spellcheck="false" autocapitalize="off"
    autocomplete="off" class:p-short=${isNumber || kind.type === 'rate' || kind.type === 'time'}
    inputmode=${kind.type === 'count' ? 'numeric' : null} aria-describedby=${describedBy}
    aria-invalid=${draft.isInvalid} placeholder=${() => (isOptional(setting.value) ? noneName(app, key, kind) : null)}
    @input=${draft.onInput} @change=${draft.commit}
    @keydown=${(/** @type {KeyboardEvent} */ event) => draft.onKey(event, true)}/>`;
}

/** @param {ControlContext} context */
function listControl(context) {
  const { app, setting, id, describedBy } = context;
  const draft = createDraft(context);
  return html`<textarea class="k-input p-list" id=${id} .value=${draft.text} dir="ltr" spellcheck="false"
    rows=${() => String(Math.min(8, Math.max(2, draft.text.value.split('\n').length)))} aria-describedby=${describedBy}
    aria-invalid=${draft.isInvalid} placeholder=${() => noneName(app, setting.peek().key, setting.peek().kind)}
    @input=${draft.onInput} @change=${draft.commit}
    @keydown=${(/** @type {KeyboardEvent} */ event) => draft.onKey(event, event.ctrlKey || event.metaKey)}></textarea>`;
}

/** Field of a folder on the server, with completion. @param {ControlContext} context */
function folderControl(context) {
  const { app, setting, edit, describedBy } = context;
  const { key } = setting.peek();
  const draft = createDraft(context);
  const field = pathField({
    app, label: () => settingName(app, key), hideLabel: true, value: draft.text, hasHome: true,
    placeholder: () => (isOptional(setting.value) ? noneName(app, key, setting.value.kind) : ''),
  });
  /** @param {FocusEvent} event */
  const onLeave = (event) => {
    // The list of suggestions belongs to the field.
    const isInside = wrapper.contains(/** @type {Node | null} */ (event.relatedTarget));
    if (!isInside && input.validity.valid) draft.commit();
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (!event.defaultPrevented) draft.onKey(event, input.validity.valid);
  };
  const wrapper = /** @type {HTMLElement} */ (html`<div class="p-folder" @focusout=${onLeave}
    @keydown=${onKey}>${field}</div>`);
  const input = /** @type {HTMLInputElement} */ (wrapper.querySelector('input'));
  input.setAttribute('aria-describedby', `${input.getAttribute('aria-describedby') ?? ''} ${describedBy}`.trim());
  effect(() => { input.classList.toggle('p-invalid', edit.state.value.kind === 'failed'); });
  return wrapper;
}

/** @param {ControlContext} context */
function readOnly({ app, setting, id }) {
  const text = () => {
    const { value } = setting.value;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  };
  return html`<div><output class="p-code" id=${id} dir="auto">${text}</output>
    <p class="p-help">${() => app.t('edit.read_only')}</p></div>`;
}

/** Creates the text of a field, which follows the value in effect while the user does not change it.
 *  @param {ControlContext} context */
function createDraft({ app, setting, edit }) {
  /** @type {Signal<string>} */
  const text = signal('');
  const valueText = () => fieldText(setting.value.kind, setting.value.value);
  /** Text of the value that was followed last. */
  let followed = '';
  const restore = () => { text.value = followed = untracked(valueText); };
  effect(() => {
    const next = valueText();
    // What the user has typed meanwhile stays.
    if (text.peek() === followed) text.value = next;
    followed = next;
  });

  const commit = async () => {
    const now = setting.peek();
    // A text that was not touched may be a shorter form of the value.
    if (text.peek() === fieldText(now.kind, now.value)) return edit.state.peek().kind === 'failed' && edit.refuse(null);
    const typed = now.kind.type === 'path' ? text.peek().replace(/(.)\/+$/, '$1') : text.peek();
    const parsed = parseField(now, typed, app.f().decimal);
    if (parsed.fault) return edit.refuse(faultText(app, now, parsed.fault));
    const sent = text.peek();
    // The daemon may write the value in another way.
    if (await edit.save(parsed.value) && text.peek() === sent) restore();
  };
  return {
    text, commit,
    isInvalid: () => (edit.state.value.kind === 'failed' ? 'true' : null),
    /** @param {Event} event */
    onInput(event) { text.value = /** @type {HTMLInputElement} */ (event.target).value; },
    /** @param {KeyboardEvent} event @param {boolean} saves true if Enter saves */
    onKey(event, saves) {
      if (event.isComposing) return;
      if (event.key === 'Enter' && saves) {
        event.preventDefault();
        commit();
      } else if (event.key === 'Escape' && text.peek() !== untracked(valueText)) {
        event.stopPropagation();
        restore();
        edit.refuse(null);
      }
    },
  };
}

/** Returns a fault in words. @param {App} app @param {Setting} setting @param {import('./values.js').Fault} fault */
function faultText(app, { kind }, fault) {
  if (kind.type === 'count' && fault === 'count') {
    return app.t('edit.fault_count', { min: app.f().count(kind.min), max: app.f().count(kind.max) });
  }
  if (kind.type === 'time' && fault === 'time') {
    return app.t('edit.fault_time', { min: fieldText(kind, kind.min_s), max: fieldText(kind, kind.max_s) });
  }
  switch (fault) {
    case 'unit': case 'range': case 'zero': return app.t(`input.${fault}`);
    case 'ratio': return app.t('edit.fault_ratio');
    case 'missing': return app.t('edit.fault_missing');
    default: return app.t('input.number');
  }
}
