/** Dialog to give a torrent another name in lists. */

/** @import { App } from '../../app.js' */

import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { changeOf } from './changes.js';
import { apply, loaded } from './common.js';

/** Maximum length of a name, in bytes, as the daemon takes it. */
const MAX_NAME = 1024;

/** @param {App} app @param {number} id */
export async function openRename(app, id) {
  const name = signal('');
  let old = /** @type {string | null} */ (null);
  const fault = () => (/\p{Cc}/u.test(name.value) ? app.t('rename.control')
    : new TextEncoder().encode(name.value).length > MAX_NAME ? app.t('rename.too_long') : null);

  await formDialog({
    title: () => app.t('rename.heading'), size: 'small',
    body: () => loaded({
      app, load: (abort) => app.api.detail(id, { signal: abort }),
      render: (torrent) => {
        old = torrent.name;
        name.value = app.clean(torrent.name);
        const field = textField({
          label: () => app.t('rename.name'), value: name, autofocus: true, error: fault,
          help: () => app.t('rename.hint'),
        });
        queueMicrotask(() => field.querySelector('input')?.select());
        return field;
      },
    }),
    submit: { label: () => app.t('rename.submit') },
    onSubmit: async () => {
      const next = name.peek().trim();
      if (old === null) return false;
      if (next === old) return true;
      const rename = (/** @type {string} */ to) => [changeOf([id], { kind: 'rename', name: to })];
      return apply(app, rename(next), rename(old));
    },
  }).closed;
}
