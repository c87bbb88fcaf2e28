/** Dialog that saves the filters, the order and the columns of the list under a name. */

/** @import { App } from '../app.js' */

import { html } from '../base/html.js';
import { signal } from '../base/signal.js';
import { MAX_VIEWS, withView } from '../prefs.js';
import { toHash } from '../query.js';
import { formDialog } from '../ui/dialog.js';
import { textField } from '../ui/fields.js';

/** @param {App} app */
export async function openSaveView(app) {
  const hash = toHash(app.view.peek());
  const { savedViews } = app.prefs;
  const name = signal(savedViews.peek().find((view) => view.hash === hash)?.name ?? '');
  const exists = () => savedViews.value.some((view) => view.name === name.value.trim());
  const isFull = () => !exists() && savedViews.value.length >= MAX_VIEWS;
  await formDialog({
    title: app.t('saved.title'), size: 'small', submit: { label: app.t('dialog.save') },
    body: () => html`${textField({
      label: app.t('column.name'), value: name, required: true, autofocus: true,
      help: () => app.t(exists() ? 'saved.replaces' : 'saved.help'),
      error: () => (isFull() ? app.t('saved.full', { count: MAX_VIEWS }) : null),
    })}`,
    onSubmit: () => {
      if (name.peek().trim() === '' || isFull()) return false;
      savedViews.value = withView(savedViews.peek(), { name: name.peek(), hash });
      app.toasts.show({ topic: 'views', kind: 'success', text: app.t('saved.saved', { name: name.peek().trim() }) });
      return true;
    },
  }).closed;
}
