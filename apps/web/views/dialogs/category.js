/** Dialog for the category of torrents. */

/** @import { App } from '../../app.js' */
/** @import { Torrent } from '../../types.js' */

import { html } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { isCategory, tidyCategory } from '../../ui/tag_text.js';
import { categoryField } from '../add/options_view.js';
import { changeOf, commonValue, groupByAction } from './changes.js';
import { apply, footerLink, loaded, mixedHint, subject, torrentsOf } from './common.js';

/** @param {App} app @param {readonly number[]} ids */
export async function openCategory(app, ids) {
  if (ids.length === 0) return;
  const text = signal('');
  let torrents = /** @type {Torrent[] | null} */ (null);
  const fault = () => {
    const path = tidyCategory(text.value);
    return path === '' || isCategory(path) ? null : app.t('add_options.category_fault');
  };
  /** @param {Torrent[]} known */
  const content = (known) => {
    torrents = known;
    const common = commonValue(known, ({ category }) => category);
    text.value = common ?? '';
    return html`<div class="a-form">${subject(app, known, ids.length)}
      ${categoryField({ app, value: text, error: fault, autofocus: true })}
      <p class="a-note">${mixedHint(app, known.length > 1 && common === undefined)}
        ${() => app.t('category_edit.hint')}</p></div>`;
  };

  const dialog = formDialog({
    title: () => app.t('category_edit.title', { count: ids.length }), size: 'small',
    body: () => loaded({ app, load: (abort) => torrentsOf(app, ids, abort), render: content }),
    submit: { label: () => app.t('dialog.save') },
    aside: () => footerLink(() => app.t('category_edit.manage'), () => { dialog.close(); app.dialogs.categories(); }),
    onSubmit: async () => {
      if (torrents === null) return false;
      const category = tidyCategory(text.peek()) || null;
      if (category !== null && !app.categories.peek().some(({ path }) => path === category)) {
        await app.api.putCategory(category, {});
      }
      const undo = groupByAction(torrents, (torrent) => ({ kind: 'set_category', category: torrent.category }));
      if (!(await apply(app, [changeOf(ids, { kind: 'set_category', category })], undo))) return false;
      app.refreshLabels();
      return true;
    },
  });
  await dialog.closed;
}
