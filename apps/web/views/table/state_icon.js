/** Icon of the state of a torrent: one path, so that a row that shows another torrent changes one attribute. */

/** @import { State } from '../../types.js' */

import { html } from '../../base/html.js';

const CIRCLE = 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z';
/** @type {Record<State | 'moving', string>} Paths on a grid of 24. */
const PATHS = {
  downloading: 'M12 4v12M6.5 10.5 12 16l5.5-5.5M5 20h14',
  seeding: 'M12 16V4M6.5 9.5 12 4l5.5 5.5M5 20h14',
  metadata: `${CIRCLE}M8.3 12h.01M12 12h.01M15.7 12h.01`,
  checking: 'M20 12a8 8 0 1 1-2.5-5.8M20 3.5v3.7h-3.7',
  queued: `${CIRCLE}M12 7.5V12l3 1.8`,
  paused: 'M8.5 6v12M15.5 6v12',
  done: 'M5 12.6l4.6 4.6L19 7.5',
  scheduled: 'M4.5 6h15v14h-15zM4.5 10.5h15M8.5 3.5V8M15.5 3.5V8',
  loading: `${CIRCLE}M8.3 12h.01M12 12h.01M15.7 12h.01`,
  moving: 'M4 12h15M13.5 6.5 19 12l-5.5 5.5',
  error: `${CIRCLE}M12 7.5v5.3M12 16.3h.01`,
  unknown: `${CIRCLE}M9.8 9.8a2.2 2.2 0 1 1 3.4 1.9c-.8.5-1.2 1-1.2 1.8M12 16.5h.01`,
};

/** Creates the icon. @returns {{ node: SVGElement, update: (state: State | 'moving') => void }} */
export function stateIcon() {
  const node = /** @type {SVGElement} */ (
    html`<svg class="t-icon" viewBox="0 0 24 24" aria-hidden="true"><path/></svg>`);
  const path = /** @type {SVGPathElement} */ (node.firstElementChild);
  let shown = '';
  return {
    node,
    update(state) {
      if (state === shown) return;
      shown = state;
      path.setAttribute('d', PATHS[state] ?? PATHS.unknown);
    },
  };
}
