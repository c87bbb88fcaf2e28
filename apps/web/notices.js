/** Desktop notifications of finished torrents. The list shows a window only, so the count of complete ones tells. */

/** @import { App } from './app.js' */

import { computed, effect, untracked } from './base/signal.js';

/** Most names that one notification asks for. */
const MOST = 20;

/** Notifies in the current scope. @param {App} app */
export function watchFinished(app) {
  const complete = computed(() => app.live.counts.value?.complete ?? null);
  /** @type {number | null} */
  let before = null;
  /** Time of the server from which torrents count as new; null until it has said so. @type {number | null} */
  let sinceS = null;
  /** @param {number} limit */
  const finished = async (limit) =>
    (await app.api.list({ state: ['complete'], sort: ['-finished'], limit })).torrents;
  const begin = async () => {
    const [last] = await finished(1);
    sinceS ??= (last?.finished_unix_s ?? -1) + 1;
  };

  /** @param {number} count of torrents that are complete since the last call */
  const notify = async (count) => {
    if (sinceS === null) return begin();
    const startS = sinceS;
    const torrents = await finished(Math.min(count, MOST));
    const news = torrents.filter(({ finished_unix_s: at }) => at !== null && at >= startS);
    if (news.length === 0) return;
    sinceS = Math.max(...news.map(({ finished_unix_s: at }) => at ?? 0)) + 1;
    const [first] = news;
    const isOne = news.length === 1;
    const body = isOne ? app.clean(first.name) : app.t('notify.finished_many', { count: news.length });
    const note = new Notification(isOne ? app.t('notify.finished') : 'ztor', { body, tag: 'finished' });
    note.onclick = () => {
      focus();
      if (isOne) app.opened.value = first.id;
      note.close();
    };
  };

  effect(() => {
    const now = complete.value;
    if (now === null) return;
    // A failure is tried again with the next torrent that finishes.
    if (before === null) untracked(() => begin().catch(() => {}));
    const news = before === null ? 0 : now - before;
    before = now;
    if (news <= 0 || !app.prefs.notify.value || !app.can.notifications) return;
    if (Notification.permission !== 'granted') return;
    // A notification that fails is not worth a note about it.
    untracked(() => notify(news).catch(() => {}));
  });
}
