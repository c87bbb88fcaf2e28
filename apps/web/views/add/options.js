/** Options of torrents to add: the state of their fields, and what is remembered for the next time. */

/** @import { App } from '../../app.js' */
/** @import { AddOptions, Category, Goals } from '../../types.js' */
/** @import { Signal } from '../../base/signal.js' */

import { computed, signal } from '../../base/signal.js';
import { isAbsolute, joinPath, tidyPath } from '../../ui/path_text.js';
import { isCategory, isTag, tidyCategory } from '../../ui/tag_text.js';
import { parseTiers } from '../dialogs/changes.js';
import { validGoals } from '../dialogs/goal_text.js';

/** @typedef {object} Stored
 *  @property {string} category
 *  @property {string[]} tags
 *  @property {string} dir
 *  @property {boolean | null} start null before the first choice: the settings decide
 *  @property {boolean} toTop
 *  @property {boolean} sequential
 *  @property {boolean} endsFirst
 *  @property {boolean} superSeeding
 *  @property {number | null} downPerS
 *  @property {number | null} upPerS
 *  @property {Required<Goals>} goals
 *  @property {boolean} isOpen true if the rare options are shown */

/** @type {Stored} */
export const USUAL = {
  category: '', tags: [], dir: '', start: null, toTop: false, sequential: false, endsFirst: false, superSeeding: false,
  downPerS: null,
  upPerS: null, goals: validGoals(null), isOpen: false,
};

/** Returns the options in any stored value. @param {unknown} stored @returns {Stored} */
export function validStored(stored) {
  const { category, tags, dir, start, downPerS, upPerS, goals, ...flags } = /** @type {Record<string, unknown>} */ (
    typeof stored === 'object' && stored !== null ? stored : {});
  const rate = (/** @type {unknown} */ value) =>
    (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : null);
  return {
    category: typeof category === 'string' && isCategory(category) ? category : '',
    tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string' && isTag(tag)).slice(0, 100) : [],
    dir: typeof dir === 'string' && isAbsolute(dir) ? dir : '',
    start: typeof start === 'boolean' ? start : null,
    toTop: flags.toTop === true, sequential: flags.sequential === true, endsFirst: flags.endsFirst === true,
    superSeeding: flags.superSeeding === true,
    downPerS: rate(downPerS), upPerS: rate(upPerS), goals: validGoals(goals), isOpen: flags.isOpen === true,
  };
}

/** Returns the folder of a category, which need not exist; null if the settings decide.
 *  @param {readonly Category[]} categories @param {string} path @returns {string | null} */
export function folderOf(categories, path) {
  const known = categories.find((category) => category.path === path);
  if (known) return known.effective_save_path;
  const end = path.lastIndexOf('/');
  const parent = end > 0 ? folderOf(categories, path.slice(0, end)) : null;
  return parent === null ? null : joinPath(parent, path.slice(end + 1));
}

/** Creates the state of the fields. @param {App} app */
export function createOptions(app) {
  const stored = /** @type {Signal<Stored>} */ (app.prefs.define('add', USUAL, validStored));
  const last = stored.peek();
  const fields = {
    category: signal(last.category), tags: signal(/** @type {readonly string[]} */ (last.tags)), dir: signal(last.dir),
    start: signal(last.start ?? true), toTop: signal(last.toTop), sequential: signal(last.sequential),
    endsFirst: signal(last.endsFirst), superSeeding: signal(last.superSeeding),
    downPerS: signal(last.downPerS), upPerS: signal(last.upPerS),
    goals: signal(last.goals), isOpen: signal(last.isOpen),
    name: signal(''), trackers: signal(''), overwrite: signal(false),
  };
  /** Download folder of the settings. */
  const usualDir = signal(/** @type {string | null} */ (null));
  let isStartChosen = last.start !== null;
  const loadDefaults = async () => {
    const values = await Promise.all(['download_dir', 'start_paused'].map((key) =>
      app.api.setting(key).then(({ value }) => value, () => null)));
    if (typeof values[0] === 'string') usualDir.value = values[0];
    if (!isStartChosen && values[1] === true) fields.start.value = false;
  };
  loadDefaults();

  const category = computed(() => tidyCategory(fields.category.value));
  const ofCategory = computed(() => (category.value === '' ? null : folderOf(app.categories.value, category.value)));
  return {
    fields, category,
    /** Folder if the user names none. */
    otherDir: computed(() => ofCategory.value ?? usualDir.value),
    /** Folder in effect. */
    dir: computed(() => tidyPath(fields.dir.value) || ofCategory.value || usualDir.value || ''),
    /** Number of rare options that are not the usual ones. */
    rare: computed(() => {
      const { sequential, endsFirst, superSeeding, downPerS, upPerS, goals, name, trackers, overwrite } = fields;
      return [sequential.value, endsFirst.value, superSeeding.value, downPerS.value, upPerS.value,
        name.value.trim(), trackers.value.trim(), overwrite.value,
        JSON.stringify(goals.value) !== JSON.stringify(USUAL.goals)].filter(Boolean).length;
    }),
    categoryFault: () =>
      (category.value === '' || isCategory(category.value) ? null : app.t('add_options.category_fault')),
    trackersFault: () => {
      const { bad } = parseTiers(fields.trackers.value);
      return bad.length === 0 ? null : app.t('tracker_edit.bad', { url: app.clean(bad[0].slice(0, 80)) });
    },
    /** @returns {AddOptions} */
    toRequest: () => ({
      dir: tidyPath(fields.dir.peek()) || null, category: category.peek() || null, tags: [...fields.tags.peek()],
      paused: !fields.start.peek(), name: fields.name.peek().trim() || null,
      limits: { down_per_s: fields.downPerS.peek(), up_per_s: fields.upPerS.peek() }, goals: fields.goals.peek(),
      sequential: fields.sequential.peek() || null, ends_first: fields.endsFirst.peek() || null,
      super_seeding: fields.superSeeding.peek() || null,
      to_top: fields.toTop.peek() || null, overwrite: fields.overwrite.peek(),
      trackers: parseTiers(fields.trackers.peek()).tiers.flat(),
    }),
    /** Keeps the options for the next time. */
    remember: () => {
      isStartChosen = true;
      stored.value = {
        category: isCategory(category.peek()) ? category.peek() : '', tags: [...fields.tags.peek()],
        dir: tidyPath(fields.dir.peek()), start: fields.start.peek(), toTop: fields.toTop.peek(),
        sequential: fields.sequential.peek(), endsFirst: fields.endsFirst.peek(),
        superSeeding: fields.superSeeding.peek(), downPerS: fields.downPerS.peek(),
        upPerS: fields.upPerS.peek(), goals: fields.goals.peek(), isOpen: fields.isOpen.peek(),
      };
    },
  };
}

/** @typedef {ReturnType<typeof createOptions>} Options */
