/**
 * Settings of the daemon, and the change of one with its feedback.
 */

/** @import { ReadonlySignal } from '../../base/signal.js' */
/** @import { Setting, SettingValue } from '../../types.js' */
/** @import { App } from '../../app.js' */

import { onCleanup, signal } from '../../base/signal.js';
import { errorText } from '../../ui/texts.js';
import { isSame } from './values.js';

/** @typedef {ReturnType<typeof createStore>} Store */
/** @typedef {ReturnType<typeof createEdit>} Edit */
/** @typedef {{ kind: 'idle' } | { kind: 'saving' } | { kind: 'saved', before: Setting }
 *    | { kind: 'failed', message: string }} EditState */

/** Loads the settings, in the current scope. @param {App} app */
export function createStore(app) {
  const settings = signal(/** @type {readonly Setting[] | null} */ (null));
  const error = signal(/** @type {unknown} */ (null));
  const abort = new AbortController();
  onCleanup(() => abort.abort());

  const load = async () => {
    error.value = null;
    try { settings.value = await app.api.settings({ signal: abort.signal }); } catch (cause) {
      if (!abort.signal.aborted) error.value = cause;
    }
  };
  /** @param {Setting} setting */
  const replace = (setting) => {
    settings.value = settings.peek()?.map((known) => (known.key === setting.key ? setting : known)) ?? null;
    return setting;
  };
  load();
  return {
    settings, error, load,
    /** @param {string} key @param {SettingValue} value */
    change: async (key, value) => replace(await app.api.changeSetting(key, value)),
    /** @param {string} key */
    reset: async (key) => replace(await app.api.resetSetting(key)),
  };
}

/** Creates the state of a change of one setting.
 *  @param {Pick<Store, 'change' | 'reset'>} store @param {ReadonlySignal<Setting>} setting */
export function createEdit(store, setting) {
  const state = signal(/** @type {EditState} */ ({ kind: 'idle' }));
  const { key } = setting.peek();
  /** Number of changes of the state that the user has caused: an answer to one before the last says nothing new. */
  let turns = 0;

  /** @param {() => Promise<unknown>} send @param {Setting | null} before state for an undo
   *  @returns {Promise<boolean>} */
  const run = async (send, before) => {
    const turn = (turns += 1);
    /** @param {EditState} next */
    const settle = (next) => { if (turn === turns) state.value = next; };
    state.value = { kind: 'saving' };
    try {
      await send();
      settle(before ? { kind: 'saved', before } : { kind: 'idle' });
      return turn === turns;
    } catch (error) {
      settle({ kind: 'failed', message: errorText(error) });
      return false;
    }
  };
  /** @param {Setting} to */
  const restore = (to) => (to.source.source === 'changed' ? store.change(key, to.value) : store.reset(key));

  return {
    state: /** @type {ReadonlySignal<EditState>} */ (state),
    /** Saves a value; nothing happens if it is in effect. @param {SettingValue} value */
    async save(value) {
      const before = setting.peek();
      if (!isSame(value, before.value)) return run(() => store.change(key, value), before);
      if (state.peek().kind === 'failed') state.value = { kind: 'idle' };
      return true;
    },
    /** Removes the change that a front end has made. */
    reset: () => run(() => store.reset(key), setting.peek()),
    async undo() {
      const current = state.peek();
      if (current.kind === 'saved') await run(() => restore(current.before), null);
    },
    /** Shows a fault that was found before anything was sent. @param {string | null} message */
    refuse(message) {
      turns += 1;
      state.value = message === null ? { kind: 'idle' } : { kind: 'failed', message };
    },
  };
}
