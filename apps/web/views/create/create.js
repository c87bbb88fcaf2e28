/** Dialog to create torrents from files and folders on the server. */

/** @import { App } from '../../app.js' */
/** @import { Signal } from '../../base/signal.js' */
/** @import { Stored } from './request.js' */

import { html, when } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { checkbox, radioGroup, selectField, textField } from '../../ui/fields.js';
import { pathField } from '../../ui/path.js';
import { tidyPath } from '../../ui/path_text.js';
import { isCategory, tidyCategory } from '../../ui/tag_text.js';
import { foldOut } from '../add/fold_out.js';
import { categoryField } from '../add/options_view.js';
import { parseTiers } from '../dialogs/changes.js';
import { jobs } from './jobs.js';
import { PIECE_SIZES, USUAL, badWebSeed, requestOf, validStored } from './request.js';

/** @param {App} app */
export async function openCreate(app) {
  const stored = /** @type {Signal<Stored>} */ (app.prefs.define('create', USUAL, validStored));
  const last = stored.peek();
  const form = {
    path: signal(''), format: signal(/** @type {string} */ (last.format)), pieceBytes: signal(''), trackers: signal(''),
    webSeeds: signal(''), comment: signal(''), source: signal(''), ignore: signal(last.ignore), category: signal(''),
    isPrivate: signal(last.isPrivate), hasHidden: signal(last.hasHidden), isAdded: signal(last.isAdded),
  };
  let refresh = async () => {};

  const submit = async () => {
    const texts = {
      path: tidyPath(form.path.peek()), format: form.format.peek(), pieceBytes: form.pieceBytes.peek(),
      trackers: form.trackers.peek(), webSeeds: form.webSeeds.peek(), comment: form.comment.peek(),
      source: form.source.peek(), ignore: form.ignore.peek(), category: tidyCategory(form.category.peek()),
      isPrivate: form.isPrivate.peek(), hasHidden: form.hasHidden.peek(), isAdded: form.isAdded.peek(),
    };
    const request = requestOf(texts);
    await app.api.create(request);
    stored.value = {
      format: request.format ?? USUAL.format, isPrivate: texts.isPrivate, isAdded: texts.isAdded,
      hasHidden: texts.hasHidden, ignore: texts.ignore,
    };
    // The form stays for the next one.
    form.path.value = '';
    await refresh();
    dialog.element.querySelector('.a-jobs')?.scrollIntoView({ block: 'nearest' });
    return false;
  };
  const dialog = formDialog({
    title: () => app.t('create.title'), size: 'large',
    body: () => {
      const list = jobs({
        app, onShow: (torrent) => { dialog.close(); app.goTo('torrents'); app.opened.value = torrent; },
      });
      refresh = list.refresh;
      return html`<div class="a-add"><div class="a-add-main a-form">${fields(app, form)}</div>
        <div class="a-add-side">${list.view}</div></div>`;
    },
    submit: { label: () => app.t('create.submit') },
    onSubmit: submit,
  });
  await dialog.closed;
}

/** @typedef {Record<'path' | 'format' | 'pieceBytes' | 'trackers' | 'webSeeds' | 'comment' | 'source' | 'ignore'
 *    | 'category', Signal<string>> & Record<'isPrivate' | 'hasHidden' | 'isAdded', Signal<boolean>>} Form */

/** @param {App} app @param {Form} form */
function fields(app, form) {
  const trackersFault = () => {
    const { bad } = parseTiers(form.trackers.value);
    return bad.length === 0 ? null : app.t('tracker_edit.bad', { url: app.clean(bad[0].slice(0, 80)) });
  };
  const formats = /** @type {const} */ (['hybrid', 'v1', 'v2']).map((value) =>
    ({ value, label: app.t(`create.${value}`), help: app.t(`create.${value}_hint`) }));
  return [
    pathField({
      app, label: () => app.t('create.path'), value: form.path, required: true, autofocus: true,
      isSource: true, help: () => app.t('create.path_hint'),
    }),
    radioGroup({ label: () => app.t('create.format'), value: form.format, options: formats }),
    textField({
      label: () => app.t('create.trackers'), value: form.trackers, multiline: true, rows: 3, dir: 'ltr',
      error: trackersFault, help: () => app.t('tracker_edit.tiers_hint'),
    }),
    html`<div class="a-checks">
      ${checkbox({
        label: () => app.t('create.private'), checked: form.isPrivate, help: () => app.t('create.private_hint') })}
      ${checkbox({
        label: () => app.t('create.seed'), checked: form.isAdded, help: () => app.t('create.seed_hint') })}</div>`,
    html`${when(form.isAdded, () => categoryField({
      app, value: form.category, error: () => categoryFault(app, form.category.value) }))}`,
    rareFields(app, form),
  ].map((part) => html`${part}`);
}

/** @param {App} app @param {string} text */
function categoryFault(app, text) {
  const path = tidyCategory(text);
  return path === '' || isCategory(path) ? null : app.t('add_options.category_fault');
}

/** @param {App} app @param {Form} form */
function rareFields(app, form) {
  const seedFault = () => {
    const bad = badWebSeed(form.webSeeds.value);
    return bad === null ? null : app.t('create.web_seed_fault', { url: app.clean(bad.slice(0, 80)) });
  };
  const sizes = () => [{ value: '', label: app.t('create.piece_auto') },
    ...PIECE_SIZES.map((bytes) => ({ value: String(bytes), label: app.f().size(bytes) }))];
  return foldOut({ label: () => app.t('add_options.more'), isOpen: signal(false), content: () => html`
    ${selectField({
      label: () => app.t('create.piece_size'), value: form.pieceBytes, options: sizes,
      help: () => app.t('create.piece_hint') })}
    ${textField({ label: () => app.t('create.comment'), value: form.comment })}
    ${textField({ label: () => app.t('create.source'), value: form.source, help: () => app.t('create.source_hint') })}
    ${textField({
      label: () => app.t('create.web_seeds'), value: form.webSeeds, multiline: true, rows: 2, dir: 'ltr',
      error: seedFault, help: () => app.t('create.web_seeds_hint'),
    })}
    ${textField({
      label: () => app.t('create.ignore'), value: form.ignore, multiline: true, rows: 2, dir: 'ltr',
      placeholder: '*.tmp',
      help: () => app.t('create.ignore_hint') })}
    ${checkbox({ label: () => app.t('create.hidden'), checked: form.hasHidden })}` });
}
