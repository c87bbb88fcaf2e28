/** Dialog for the rate limits of torrents. */

/** @import { App } from '../../app.js' */
/** @import { Torrent } from '../../types.js' */

import { html } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { rateField } from '../../ui/fields.js';
import { changeOf, changedLimits, commonValue, groupByAction } from './changes.js';
import { apply, loaded, subject, torrentsOf } from './common.js';

/** @param {App} app @param {readonly number[]} ids */
export async function openLimits(app, ids) {
  if (ids.length === 0) return;
  const [down, up] = [signal(/** @type {number | null} */ (null)), signal(/** @type {number | null} */ (null))];
  let torrents = /** @type {Torrent[] | null} */ (null);
  /** Fields that the user has not changed and in which the torrents differ. */
  const kept = { down: false, up: false };

  /** @param {readonly Torrent[]} known */
  const content = (known) => {
    const downOld = commonValue(known, ({ limits }) => limits.down_per_s);
    const upOld = commonValue(known, ({ limits }) => limits.up_per_s);
    kept.down = known.length > 0 && downOld === undefined;
    kept.up = known.length > 0 && upOld === undefined;
    // A limit of 0 stops transfers and cannot be typed; it shows as none.
    down.value = downOld || null;
    up.value = upOld || null;
    const field = (/** @type {'down' | 'up'} */ name, /** @type {typeof down} */ value) => html`<div
      @input=${() => { kept[name] = false; }}>${rateField({
        app, label: () => app.t(`limits.${name}`), value,
        ...(kept[name] && { placeholder: app.t('change.mixed_short') }),
      })}</div>`;
    return html`<div class="a-form">${subject(app, known, ids.length)}
      <div class="a-pair">${field('down', down)}${field('up', up)}</div>
      <p class="a-note">${() => app.t('limits.hint')}</p></div>`;
  };

  await formDialog({
    title: () => app.t('limits.title', { count: ids.length }), size: 'small',
    body: () => loaded({
      app, load: (abort) => torrentsOf(app, ids, abort),
      render: (known) => { torrents = known; return content(known); },
    }),
    submit: { label: () => app.t('dialog.save') },
    onSubmit: () => {
      if (torrents === null) return false;
      const change = { down: kept.down ? undefined : down.peek(), up: kept.up ? undefined : up.peek() };
      if (torrents.length === 0) {
        const limits = { down_per_s: change.down ?? null, up_per_s: change.up ?? null };
        return apply(app, [changeOf(ids, { kind: 'set_limits', ...limits })]);
      }
      const changes = groupByAction(torrents, ({ limits }) =>
        ({ kind: 'set_limits', ...changedLimits(limits, change) }));
      const undo = groupByAction(torrents, ({ limits }) => ({ kind: 'set_limits', ...limits }));
      return apply(app, changes, undo);
    },
  }).closed;
}
