/** Schedule as it is edited, until it is saved. It outlives the page, so that a look at another page loses nothing. */

/** @import { Signal } from '../../base/signal.js' */
/** @import { Store } from './store.js' */
/** @import { Effect, Entry } from '../schedule.js' */
/** @import { Stroke } from '../schedule_grid.js' */

import { computed, signal } from '../../base/signal.js';
import { DAY_MINUTES, effectAt, entriesOf, entryText, isSameEffect, paint, parseEntries, weekOf } from '../schedule.js';

/** @typedef {Signal<readonly Entry[] | null>} Draft Null while nothing is changed. */

/** @type {WeakMap<object, Draft>} */
const drafts = new WeakMap();

/** Returns the draft of an app. @param {object} app @returns {Draft} */
export function draftOf(app) {
  const draft = drafts.get(app) ?? signal(/** @type {readonly Entry[] | null} */ (null));
  drafts.set(app, draft);
  return draft;
}

/** @param {Pick<Store, 'settings' | 'change'>} store @param {Draft} draft */
export function createScheduleDraft(store, draft) {
  const texts = computed(() => {
    const value = store.settings.value?.find(({ key }) => key === 'schedule')?.value;
    return Array.isArray(value) ? value : null;
  });
  const saved = computed(() => parseEntries(texts.value ?? []));
  const entries = computed(() => draft.value ?? saved.value.entries ?? []);
  const week = computed(() => weekOf(entries.value));

  return {
    entries, week,
    /** Entries in effect; null until they are loaded. */
    texts,
    /** Entry that this page does not understand; null if there is none. */
    fault: computed(() => (draft.value ? null : saved.value.fault)),
    isChanged: computed(() => draft.value !== null
      && draft.value.map(entryText).join(';') !== (saved.value.entries?.map(entryText).join(';') ?? null)),
    /** @param {readonly Entry[]} next */
    set(next) { draft.value = next; },
    discard() { draft.value = null; },
    /** Paints an effect. Where all has the effect already, it is erased.
     *  @param {readonly Stroke[]} strokes @param {Effect | null} effect */
    paint(strokes, effect) {
      const before = week.peek();
      const has = effect !== null
        && strokes.every(({ day, from, minutes }) => isAll(before, day, from, minutes, effect));
      draft.value = entriesOf(strokes.reduce((painted, { day, from, minutes }) =>
        paint(painted, day * DAY_MINUTES + from, minutes, has ? null : effect), before));
    },
    async save() {
      const sent = draft.peek();
      await store.change('schedule', entries.peek().map(entryText));
      // It may have been painted on meanwhile.
      if (draft.peek() === sent) draft.value = null;
    },
  };
}

/** @param {import('../schedule.js').Week} week @param {number} day @param {number} from @param {number} minutes
 *  @param {Effect} effect */
function isAll(week, day, from, minutes, effect) {
  const start = day * DAY_MINUTES + from;
  for (let minute = start; minute < start + minutes; minute += 1) {
    const other = effectAt(week, minute);
    if (!other || !isSameEffect(other, effect)) return false;
  }
  return true;
}
