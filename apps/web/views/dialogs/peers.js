/** Dialog to add addresses of peers. */

/** @import { App } from '../../app.js' */

import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { textField } from '../../ui/fields.js';
import { changeOf, parsePeers } from './changes.js';
import { apply } from './common.js';

/** @param {App} app @param {readonly number[]} ids */
export async function openPeers(app, ids) {
  if (ids.length === 0) return;
  const text = signal('');
  const fault = () => {
    const { bad } = parsePeers(text.value);
    return bad.length === 0 ? null : app.t('peer_add.bad', { peer: app.clean(bad[0].slice(0, 60)) });
  };
  await formDialog({
    title: () => app.t('peer_add.title', { count: ids.length }), size: 'small',
    body: () => textField({
      label: () => app.t('peer_add.label'), value: text, multiline: true, rows: 5, required: true, autofocus: true,
      dir: 'ltr', placeholder: '192.0.2.1:6881\n[2001:db8::1]:6881', error: fault,
      help: () => app.t('peer_add.hint'),
    }),
    submit: { label: () => app.t('peer_add.submit') },
    onSubmit: () => {
      const { peers } = parsePeers(text.peek());
      return apply(app, [changeOf(ids, { kind: 'add_peers', peers })]);
    },
  }).closed;
}
