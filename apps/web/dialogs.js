/** Openers of the dialogs, whose modules are loaded when they are first needed. */

/** @import { App } from './app.js' */

import { withMore } from './more.js';
import { t } from './ui/texts.js';

/** @typedef {{ files?: readonly File[], text?: string, isPreviewed?: boolean }} AddInit `isPreviewed` is false for a
 *    text that a page may have sent, for which nothing is fetched. */
/** @typedef {readonly number[]} Ids */
/** @typedef {{ withData?: boolean }} RemoveInit `withData` proposes to delete the files. */
/** @typedef {(ids: Ids) => Promise<void>} OpenForIds */
/** @typedef {() => Promise<void>} Open */
/** @typedef {{ add: (init?: AddInit) => Promise<void>, create: Open,
 *    remove: (ids: Ids, init?: RemoveInit) => Promise<void>, move: OpenForIds,
 *    rename: (id: number) => Promise<void>, limits: OpenForIds, goals: OpenForIds, category: OpenForIds,
 *    tags: OpenForIds, trackers: OpenForIds, peers: OpenForIds, categories: Open, help: Open, columns: Open,
 *    handlers: Open, password: Open, offerPassword: Open, saveView: Open }} Dialogs */

/** Loads a module; a failure is a note with a way out, and resolves to null.
 *  @template T @param {Pick<App, 'toasts'>} app @param {() => Promise<T>} load @returns {Promise<T | null>} */
export async function loadPart(app, load) {
  try { return await load(); } catch {
    app.toasts.show({
      kind: 'error', text: t('part.failed'), action: { label: t('part.reload'), run: () => location.reload() },
    });
    return null;
  }
}

/** @param {() => App} appOf @returns {Dialogs} */
export function createDialogs(appOf) {
  /** Makes an opener. @template T @template {unknown[]} A @param {() => Promise<T>} load
   *  @param {(module: T, app: App, ...args: A) => unknown} open @returns {(...args: A) => Promise<void>} */
  const lazy = (load, open) => async (...args) => {
    const app = appOf();
    const module = await loadPart(app, () => withMore(app, load));
    if (module) await open(module, app, ...args);
  };
  return {
    add: lazy(() => import('./views/add/add.js'), (module, app, /** @type {AddInit | undefined} */ init) =>
      module.openAdd(app, init ?? {})),
    create: lazy(() => import('./views/create/create.js'), (module, app) => module.openCreate(app)),
    remove: lazy(() => import('./views/dialogs/remove.js'), (module, app, /** @type {Ids} */ ids,
      /** @type {RemoveInit | undefined} */ init) => module.openRemove(app, ids, init)),
    move: lazy(() => import('./views/dialogs/move.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openMove(app, ids)),
    rename: lazy(() => import('./views/dialogs/rename.js'), (module, app, /** @type {number} */ id) =>
      module.openRename(app, id)),
    limits: lazy(() => import('./views/dialogs/limits.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openLimits(app, ids)),
    goals: lazy(() => import('./views/dialogs/goals.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openGoals(app, ids)),
    category: lazy(() => import('./views/dialogs/category.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openCategory(app, ids)),
    tags: lazy(() => import('./views/dialogs/tags.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openTags(app, ids)),
    trackers: lazy(() => import('./views/dialogs/trackers.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openTrackers(app, ids)),
    peers: lazy(() => import('./views/dialogs/peers.js'), (module, app, /** @type {Ids} */ ids) =>
      module.openPeers(app, ids)),
    categories: async () => appOf().goTo('settings', 'categories'),
    help: lazy(() => import('./views/help.js'), (module, app) => module.openHelp(app)),
    columns: lazy(() => import('./views/table/columns_dialog.js'), (module, app) => module.openColumns(app)),
    /** Opens magnet links and torrent files of the system with the app. */
    handlers: lazy(() => import('./views/add/handlers.js'), (module, app) => module.registerHandlers(app)),
    /** Asks for a password, for a user who has none. */
    password: lazy(() => import('./views/password.js'), (module, app) => module.openPassword(app)),
    /** Offers to set a password, if there is none. */
    offerPassword: async () => {
      const app = appOf();
      try {
        const { has_password: hasPassword, is_from_file: isFromFile } = await app.api.account();
        if (!hasPassword && !isFromFile) await app.dialogs.password();
      } catch {
        // It is an offer; the settings have the same.
      }
    },
    saveView: lazy(() => import('./views/save_view.js'), (module, app) => module.openSaveView(app)),
  };
}
