/** Fields for the options of torrents to add. */

/** @import { App } from '../../app.js' */
/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { FolderState } from '../../ui/path.js' */
/** @import { Options } from './options.js' */

import { html, when } from '../../base/html.js';
import { untracked } from '../../base/signal.js';
import { badge } from '../../ui/badge.js';
import { checkbox, comboField, rateField, textField } from '../../ui/fields.js';
import { pathField, spaceWarning } from '../../ui/path.js';
import { tagsField } from '../../ui/tags.js';
import { goalsFields } from '../dialogs/goals_fields.js';
import { foldOut } from './fold_out.js';

/** Field for a category: a known one, or the path of a new one.
 *  @param {{ app: App, value: import('../../base/signal.js').Signal<string>, error?: () => string | null,
 *    autofocus?: boolean }} options */
export function categoryField({ app, value, error = () => null, autofocus }) {
  /** @param {string} text */
  const suggestions = async (text) => {
    const wanted = text.trim().toLowerCase();
    const all = app.categories.peek();
    const matching = all.filter(({ path }) => path.toLowerCase().includes(wanted));
    // The whole text of a known category asks for the others.
    const shown = all.some(({ path }) => path === text) ? all : matching;
    return shown.slice(0, 200).map(({ path, torrents }) =>
      ({ value: path, label: app.clean(path), hint: app.f().count(torrents) }));
  };
  const help = () => {
    const path = value.value.trim().replace(/^\/+|\/+$/g, '');
    const isNew = path !== '' && !app.categories.value.some((known) => known.path === path);
    return isNew ? app.t('add_options.category_new') : '';
  };
  return comboField({
    label: () => app.t('add.category'), value, suggestions, help, error, autofocus,
    placeholder: () => app.t('filter.no_category'),
  });
}

/** @param {{ app: App, options: Options, place: ReadonlySignal<FolderState>, neededBytes: () => number,
 *  isSingle: () => boolean }} config `place` is the state of the folder in effect */
export function optionsView({ app, options, place, neededBytes, isSingle }) {
  const { fields } = options;
  return html`<div class="a-options">
    ${categoryField({ app, value: fields.category, error: options.categoryFault })}
    ${tagsField({ app, label: () => app.t('add.tags'), value: fields.tags })}
    ${pathField({
      app, label: () => app.t('add.dir'), value: fields.dir, state: place,
      placeholder: () => app.clean(options.otherDir.value ?? ''),
    })}
    ${spaceWarning({ app, state: place, needed: neededBytes, free: () => app.statistics.value?.free_bytes ?? null })}
    <div class="a-checks">
      ${checkbox({ label: () => app.t('add.start'), checked: fields.start })}
      ${checkbox({ label: () => app.t('add.to_top'), checked: fields.toTop })}</div>
    ${rareOptions({ app, options, isSingle })}</div>`;
}

/** @param {{ app: App, options: Options, isSingle: () => boolean }} config */
function rareOptions({ app, options, isSingle }) {
  const { fields } = options;
  const sign = () => (options.rare.value > 0 ? untracked(() => badge({
    text: () => app.t('add_options.changed', { count: options.rare.value }), tone: 'accent' })) : null);
  return foldOut({ label: () => app.t('add_options.more'), isOpen: fields.isOpen, sign, content: () => html`
    ${when(isSingle, () => textField({
      label: () => app.t('add_options.name'), value: fields.name, help: () => app.t('add_options.name_hint') }))}
    <div class="a-checks">
      ${checkbox({ label: () => app.t('action.sequential'), checked: fields.sequential })}
      ${checkbox({ label: () => app.t('action.ends_first'), checked: fields.endsFirst })}
      ${checkbox({ label: () => app.t('action.super_seeding'), checked: fields.superSeeding })}</div>
    <div class="a-pair">
      ${rateField({ app, label: () => app.t('limits.down'), value: fields.downPerS })}
      ${rateField({ app, label: () => app.t('limits.up'), value: fields.upPerS })}</div>
    <fieldset class="a-group"><legend class="k-label">${() => app.t('goal_edit.legend')}</legend>
      ${goalsFields({ app, value: fields.goals })}</fieldset>
    ${textField({
      label: () => app.t('add_options.trackers'), value: fields.trackers, multiline: true, rows: 2, dir: 'ltr',
      help: () => app.t('add_options.trackers_hint'), error: options.trackersFault,
    })}
    ${checkbox({
      label: () => app.t('add_options.overwrite'), checked: fields.overwrite,
      help: () => app.t('add_options.overwrite_hint'),
    })}` });
}
