/** State of a torrent in words and colours. */

/** @import { App } from '../../app.js' */
/** @import { Torrent } from '../../types.js' */
/** @import { Tone } from '../../ui/progress.js' */

/** @param {App} app @param {Torrent} torrent */
export function stateText(app, torrent) {
  if (torrent.moving) return app.t('state.moving');
  const text = app.t(/** @type {'state.all'} */ (`state.${torrent.state}`));
  return torrent.is_forced && torrent.state !== 'error' ? `${text} · ${app.t('state.forced')}` : text;
}

/** @param {Torrent} torrent @returns {Tone} */
export function toneOf({ state, progress }) {
  if (state === 'error') return 'error';
  if (state === 'checking' || state === 'loading' || state === 'metadata') return 'checking';
  if (state === 'paused' || state === 'scheduled' || state === 'queued') return progress >= 1 ? 'done' : 'paused';
  return progress >= 1 ? 'done' : 'normal';
}

/** Colour of the badge of a state. @param {Torrent} torrent */
export function badgeTone({ state }) {
  const tones = /** @type {const} */ ({
    downloading: 'info', metadata: 'info', seeding: 'ok', done: 'ok', checking: 'warn', error: 'danger',
  });
  return tones[/** @type {keyof typeof tones} */ (state)] ?? 'neutral';
}

/** Part for the bar; unknown while the metadata is fetched. @param {Torrent} torrent */
export const barValue = ({ state, progress, moving }) =>
  (moving && moving.total_bytes > 0 ? moving.done_bytes / moving.total_bytes : state === 'metadata' ? null : progress);

/** Returns true if the torrent can be stopped; otherwise it can be started. @param {Torrent} torrent */
export const isRunning = ({ state }) => !['paused', 'done', 'error'].includes(state);
