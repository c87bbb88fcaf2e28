/** Row of a setting: name and help, control, default, source, and the feedback of a change. */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Setting } from '../../types.js' */
/** @import { App } from '../../app.js' */
/** @import { Edit, Store } from './store.js' */

import { html, when } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { badge } from '../../ui/badge.js';
import { button } from '../../ui/button.js';
import { icon } from '../../ui/icons.js';
import { uid } from '../../ui/values.js';
import { controlOf } from './controls.js';
import { settingName, valueName } from './names.js';
import { marked } from './parts.js';
import { createEdit } from './store.js';
import { isSame } from './values.js';

/** @typedef {{ app: App, store: Store, words: ReadonlySignal<readonly string[]> }} PageContext */

/** @param {PageContext} context @param {ReadonlySignal<Setting>} setting */
export function settingRow({ app, store, words }, setting) {
  const { key, kind } = setting.peek();
  const edit = createEdit(store, setting);
  const id = uid();
  const describedBy = `${id}-help ${id}-meta ${id}-state`;
  const name = () => settingName(app, key);
  // A button that goes away after its click must not take the focus with it.
  const focus = () => document.getElementById(id)?.focus();
  const isPending = () => setting.value.is_pending;
  const title = kind.type === 'path' && key.endsWith('_dir')
    ? html`<span class="p-name">${marked(name, words)}</span>`
    : html`<label class="p-name" for=${id}>${marked(name, words)}</label>`;

  return html`<div class="p-row" class:p-row-pending=${isPending} class:p-row-switch=${kind.type === 'bool'}>
    <div class="p-row-text">
      <div class="p-row-title">${title}${when(isPending, () =>
        badge({ text: () => app.t('edit.is_pending'), tone: 'warn' }))}</div>
      <p class="p-help" id=${`${id}-help`} dir="auto" lang="en">${marked(() => setting.value.help, words)}</p>
      <p class="p-meta" id=${`${id}-meta`}>${meta(app, setting, words)}</p>
    </div>
    <div class="p-row-control">${controlOf({ app, setting, edit, id, describedBy })}
      ${when(() => kind.type === 'list', () => html`<p class="p-help">${() => app.t('edit.one_per_line')}</p>`)}
      <div class="p-row-state" id=${`${id}-state`} role="status">${() => feedback(app, edit, focus)}</div>
      ${when(() => setting.value.source.source === 'changed', () => button({
        label: () => app.t('edit.reset'), title: () => app.t('edit.reset_title', { name: name() }), icon: 'undo',
        kind: 'ghost', onClick: () => { focus(); return edit.reset(); } }))}
    </div></div>`;
}

/** Default, source and time of effect of a setting. @param {App} app @param {ReadonlySignal<Setting>} setting
 *  @param {PageContext['words']} words */
function meta(app, setting, words) {
  const isDefault = computed(() => isSame(setting.value.value, setting.value.default));
  const source = computed(() => sourceText(app, setting.value));
  return [
    html`<code class="p-key">${marked(() => setting.value.key, words)}</code>`,
    when(() => !isDefault.value, () => html`<span class="p-meta-part">${() => app.t('edit.default', {
      value: valueName(app, setting.value, setting.value.default) })}</span>`),
    when(source, () => html`<span class="p-meta-part" dir="auto" title=${() => hintOf(app, setting.value)}>${source}
      </span>`),
    when(() => setting.value.needs_restart, () => html`<span class="p-meta-part">${() =>
      app.t('edit.needs_restart')}</span>`),
  ];
}

/** Returns where a value comes from; null if it is the default. @param {App} app @param {Setting} setting */
function sourceText(app, { source }) {
  switch (source.source) {
    case 'default': return null;
    case 'changed': return app.t('edit.changed');
    case 'file':
      return app.t('edit.from_file', { path: app.clean(source.path ?? ''), line: app.f().count(source.line) });
    case 'environment': return app.t('edit.from_variable', { name: source.variable ?? '' });
    case 'flag': return app.t('edit.from_flag', { name: source.flag ?? '' });
    default: return source.source;
  }
}

/** @param {App} app @param {Setting} setting */
const hintOf = (app, { source: { source } }) =>
  (source === 'file' || source === 'environment' || source === 'flag' ? app.t('edit.pinned_hint') : null);

/** @param {App} app @param {Edit} edit @param {() => void} focus */
function feedback(app, edit, focus) {
  const state = edit.state.value;
  switch (state.kind) {
    case 'idle': return null;
    case 'saving': return html`<span class="p-saving">${app.t('edit.saving')}</span>`;
    case 'failed': return html`<span class="p-error" dir="auto">${icon('error', { size: 16 })}
      <span>${state.message}</span></span>`;
    case 'saved': return html`<span class="p-saved">${icon('check', { size: 16 })}${app.t('edit.saved')}
      ${button({ label: app.t('edit.undo'), kind: 'ghost', onClick: () => { focus(); return edit.undo(); } })}
      </span>`;
  }
}
