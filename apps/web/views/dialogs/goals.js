/** Dialog for the goals of torrents. */

/** @import { App } from '../../app.js' */
/** @import { Detail } from '../../types.js' */

import { html } from '../../base/html.js';
import { signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { inParallel } from '../add/batches.js';
import { changeOf, commonValue, groupByAction } from './changes.js';
import { apply, loaded, subject } from './common.js';
import { goalsAction, validGoals } from './goal_text.js';
import { goalsFields } from './goals_fields.js';

/** Number of torrents whose goals are read, each by a request of its own. */
const MAX_READ = 20;

/** @param {App} app @param {readonly number[]} ids */
export async function openGoals(app, ids) {
  if (ids.length === 0) return;
  const goals = signal(validGoals(null));
  let torrents = /** @type {Detail[] | null} */ (null);

  /** @param {AbortSignal} abort */
  const load = async (abort) => {
    /** @type {Detail[]} */
    const details = [];
    const read = ids.length <= MAX_READ ? ids : [];
    await inParallel([...read], 4, async (id) => { details.push(await app.api.detail(id, { signal: abort })); });
    return details;
  };
  /** @param {Detail[]} known */
  const content = (known) => {
    torrents = known;
    const common = commonValue(known, (torrent) => validGoals(torrent.goals));
    goals.value = validGoals(common);
    const isMixed = known.length > 1 && common === undefined;
    const note = isMixed ? 'goal_edit.mixed' : known.length === 0 ? 'goal_edit.for_all' : null;
    return html`<div class="a-form">${subject(app, known, ids.length)}
      ${note && html`<p class="a-note">${() => app.t(note)}</p>`}
      ${goalsFields({ app, value: goals })}</div>`;
  };

  await formDialog({
    title: () => app.t('goal_edit.title', { count: ids.length }),
    body: () => loaded({ app, load, render: content }),
    submit: { label: () => app.t('dialog.save') },
    onSubmit: () => {
      if (torrents === null) return false;
      const undo = groupByAction(torrents, (torrent) => goalsAction(torrent.goals));
      return apply(app, [changeOf(ids, goalsAction(goals.peek()))], undo);
    },
  }).closed;
}
