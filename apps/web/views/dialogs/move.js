/** Dialog to move the files of torrents to another folder on the server. */

/** @import { App } from '../../app.js' */
/** @import { Signal } from '../../base/signal.js' */
/** @import { Torrent } from '../../types.js' */

import { html } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { folderState, pathField, rememberFolder, spaceWarning } from '../../ui/path.js';
import { isAbsolute, tidyPath } from '../../ui/path_text.js';
import { changeOf, commonValue, groupByAction } from './changes.js';
import { apply, loaded, subject, torrentsOf } from './common.js';

/** @param {App} app @param {readonly number[]} ids */
export async function openMove(app, ids) {
  if (ids.length === 0) return;
  const dir = signal('');
  let torrents = /** @type {Torrent[] | null} */ (null);

  await formDialog({
    title: () => app.t('move.title', { count: ids.length }),
    body: () => loaded({
      app, load: (abort) => torrentsOf(app, ids, abort),
      render: (known) => {
        torrents = known;
        dir.value = commonValue(known, (torrent) => torrent.dir) ?? '';
        return content(app, ids.length, known, dir);
      },
    }),
    submit: { label: () => app.t('move.submit') },
    onSubmit: async () => {
      const target = tidyPath(dir.peek());
      if (torrents === null || !isAbsolute(target)) return false;
      const others = torrents.filter((torrent) => torrent.dir !== target);
      const moved = torrents.length > 0 ? others.map(({ id }) => id) : [...ids];
      if (moved.length === 0) return true;
      const undo = groupByAction(others, (torrent) => ({ kind: 'move', dir: torrent.dir }));
      if (!(await apply(app, [changeOf(moved, { kind: 'move', dir: target })], undo))) return false;
      rememberFolder(app, target);
      return true;
    },
  }).closed;
}

/** @param {App} app @param {number} count @param {readonly Torrent[]} torrents @param {Signal<string>} dir */
function content(app, count, torrents, dir) {
  const state = folderState(app, dir);
  // Moving within a disk needs no space; whether it is the same is known to the server only.
  const needed = () => torrents.filter((torrent) => torrent.dir !== tidyPath(dir.value))
    .reduce((sum, { size_bytes, left_bytes }) => sum + Math.max(0, size_bytes - left_bytes), 0);
  const isMixed = torrents.length > 1 && commonValue(torrents, (torrent) => torrent.dir) === undefined;
  return html`<div class="a-form">${subject(app, torrents, count)}
    ${pathField({
      app, label: () => app.t('move.dir'), value: dir, state, required: true, autofocus: true,
      help: () => (isMixed ? app.t('move.mixed') : ''),
    })}
    ${spaceWarning({ app, state, needed })}
    <p class="a-note">${() => app.t('move.hint')}</p></div>`;
}
