/** Parts of the page whose modules are loaded when they are first shown. */

/** @import { App } from '../app.js' */

import { html } from '../base/html.js';
import { onCleanup, signal, untracked } from '../base/signal.js';
import { withMore } from '../more.js';
import { button } from '../ui/button.js';
import { emptyState, errorState, spinner } from '../ui/states.js';

/** Shows a part; until it is loaded a sign of that, and after a failure a way out.
 *  @template T @param {App} app @param {() => Promise<T>} load @param {(module: T) => Node} render
 *  @param {{ isFirst?: boolean }} [options] `isFirst` if it has no need of the later messages and styles */
export function part(app, load, render, { isFirst = false } = {}) {
  const content = signal(/** @type {() => unknown} */ (() => spinner(() => app.t('part.loading'))));
  let isEnded = false;
  onCleanup(() => { isEnded = true; });
  const run = async () => {
    /** @type {() => unknown} */
    let next;
    try {
      const module = await (isFirst ? load() : withMore(app, load));
      next = () => guarded(app, () => render(module));
    } catch {
      next = () => failed(app);
    }
    if (!isEnded) content.value = next;
  };
  run();
  return html`<div class="s-part">${() => { const show = content.value; return untracked(show); }}</div>`;
}

/** @param {App} app */
const failed = (app) => emptyState({
  icon: 'warning', title: () => app.t('part.failed'), hint: () => app.t('part.failed_hint'),
  actions: button({ label: () => app.t('part.reload'), icon: 'refresh', kind: 'primary',
    onClick: () => location.reload() }),
});

/** Keeps a defect of one part from ending the others. @param {App} app @param {() => Node} render */
function guarded(app, render) {
  try { return render(); } catch (error) {
    reportError(error);
    return errorState({ app, error, retry: () => location.reload() });
  }
}
