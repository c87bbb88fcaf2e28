/** Icons: strokes on a grid of 24, in the colour of the text. */

import { html } from '../base/html.js';

/** @typedef {keyof typeof PATHS} IconName */

const CIRCLE = 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z';
const FOLDER = 'M3.5 6.2v12.3h17V8.7h-8.2l-2.1-2.5z';

const PATHS = {
  add: 'M12 5v14M5 12h14',
  announce: 'M4 9.8v4.4h3.2l7.8 4V5.8l-7.8 4zM18 9.3a4 4 0 0 1 0 5.4M7.8 14.4v4.4h2.7v-3',
  bell: 'M6 16.6V11a6 6 0 0 1 12 0v5.6l1.4 1.6H4.6zM10.2 20.9h3.6',
  bookmark: 'M6.5 4h11v16.3L12 16l-5.5 4.3z',
  bottom: 'M5.5 20h13M12 4v11.5M6.5 10.2l5.5 5.5 5.5-5.5',
  calendar: 'M4.5 6h15v14h-15zM4.5 10.5h15M8.5 3.5V8M15.5 3.5V8',
  category: 'M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z',
  check: 'M5 12.6l4.6 4.6L19 7.5',
  chevron: 'M6.5 9.5 12 15l5.5-5.5',
  clock: `${CIRCLE}M12 7.3V12l3.2 2`,
  close: 'M6.3 6.3l11.4 11.4M17.7 6.3 6.3 17.7',
  columns: 'M4 5h16v14H4zM9.3 5v14M14.7 5v14',
  contrast: `${CIRCLE}M12 3.5v17M12 7.5h6.7M12 11h8.2M12 14.5h7.9M12 18h5.5`,
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  disk: 'M4 6.7C4 5.2 7.6 4 12 4s8 1.2 8 2.7v10.6c0 1.5-3.6 2.7-8 2.7s-8-1.2-8-2.7zM4 6.7c0 1.5 3.6 2.7 8 '
    + '2.7s8-1.2 8-2.7M4 12c0 1.5 3.6 2.7 8 2.7s8-1.2 8-2.7',
  down: 'M12 5v14M6 13l6 6 6-6',
  download: 'M12 4v11.5M7 10.5l5 5 5-5M4.5 20h15',
  drag: 'M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01',
  edit: 'M4.5 19.5l1-4.2L16.3 4.5l3.2 3.2L8.7 18.5zM13.8 7l3.2 3.2',
  error: `${CIRCLE}M12 7.4v5.4M12 16.4h.01`,
  external: 'M13 4.5h6.5V11M19.5 4.5l-9 9M16.5 13.5v6h-12v-12h6',
  eye: 'M2.5 12S6 5.5 12 5.5s9.5 6.5 9.5 6.5-3.5 6.5-9.5 6.5S2.5 12 2.5 12zM12 14.8a2.8 2.8 0 1 0 0-5.6 2.8 '
    + '2.8 0 0 0 0 5.6z',
  eye_off: 'M4 4l16 16M9.5 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-3 3.7M14.8 18a9 9 0 0 1-2.8.5C6 18.5 '
    + '2.5 12 2.5 12a16 16 0 0 1 3.4-4',
  file: 'M6.5 3.5H14l4 4v13H6.5zM13.8 3.5v4.2H18',
  filter: 'M4 6.5h16M7 12h10M10 17.5h4',
  folder: FOLDER,
  force: 'M4.5 6.2v11.6l7-5.8zM12.8 6.2v11.6l7-5.8z',
  globe: `${CIRCLE}M3.5 12h17M12 3.5c2.4 2.3 3.6 5.2 3.6 8.5s-1.2 6.2-3.6 8.5c-2.4-2.3-3.6-5.2-3.6-8.5s1.2-6.2 `
    + '3.6-8.5z',
  goals: 'M6 20.5V4.5h12l-2.8 4 2.8 4H6',
  help: `${CIRCLE}M9.5 9.6a2.5 2.5 0 1 1 3.8 2.1c-.9.6-1.3 1.1-1.3 2M12 16.7h.01`,
  info: `${CIRCLE}M12 11.2v5.2M12 7.7h.01`,
  keyboard: 'M3 6.5h18v11H3zM6.8 10h.01M10.3 10h.01M13.7 10h.01M17.2 10h.01M7 14h10',
  language: 'M3.5 6.2h9.8M8.4 4v2.2M11.6 6.2c-.8 4-3.5 7-7.3 8.6M6 9.8c1.2 2.3 2.9 3.9 5 4.9M12.3 20.5l4.1-10 '
    + '4.1 10M13.7 17.2h5.4',
  limits: 'M5.2 18.5a8.8 8.8 0 1 1 13.6 0M12 13.8l3.8-5M12 14.5h.01',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1.2 1.2M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2',
  lock: 'M5.5 10.5h13v10h-13zM8.5 10.5V7.3a3.5 3.5 0 0 1 7 0v3.2M12 14.4v2.4',
  log: 'M5.5 3.5h13v17h-13zM9 8.2h6M9 12h6M9 15.8h3.5',
  logout: 'M10 4H4.5v16H10M9.5 12h11M16.2 7.7l4.3 4.3-4.3 4.3',
  magnet: 'M5 4h4.5v8.5a2.5 2.5 0 0 0 5 0V4H19v8.5a7 7 0 0 1-14 0zM5 8h4.5M14.5 8H19',
  menu: 'M4 6.5h16M4 12h16M4 17.5h16',
  moon: 'M20 14.3A8.3 8.3 0 0 1 9.7 4 8.3 8.3 0 1 0 20 14.3z',
  more: 'M5.5 12h.01M12 12h.01M18.5 12h.01',
  move: `${FOLDER}M8.5 13.5h6.8M13 11l2.5 2.5L13 16`,
  offline: 'M4 4l16 16M8 7.6a5 5 0 0 0-.7 9.9H17M10.6 5.7a6 6 0 0 1 7.2 4.9 3.6 3.6 0 0 1 2.6 5.2',
  pause: 'M9 6v12M15 6v12',
  peers: 'M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11zM3 19.5c.4-3.5 2.8-5.5 6-5.5s5.6 2 6 5.5M15.5 4.8a3.2 3.2 '
    + '0 0 1 0 6M17 14.3c2.3.6 3.7 2.4 4 5.2',
  piece: 'M4 4h16v16H4zM4 9.3h16M4 14.7h16M9.3 4v16M14.7 4v16',
  plus: 'M12 5v14M5 12h14',
  queue: 'M4 6h16M4 11h16M4 16h8M15.5 14.5l5 3-5 3z',
  recheck: 'M20 12a8 8 0 1 1-2.5-5.8M20 3.5V7.2h-3.7M8.8 12.2l2.3 2.3 4.2-4.3',
  refresh: 'M20 12a8 8 0 1 1-2.5-5.8M20 3.5V7.2h-3.7',
  regex: 'M5 17.5h.01M14.5 5.5v9.4M10.4 7.8l8.2 4.8M18.6 7.8l-8.2 4.8',
  remove: 'M4.5 7h15M9.5 7V4.3h5V7M6.5 7l.8 13h9.4l.8-13M10.3 11v5M13.7 11v5',
  rename: 'M3.5 17.5l4.3-11 4.3 11M5 13.8h5.6M17.5 5v14M15.5 5h4M15.5 19h4',
  save: 'M4.5 4.5H16l3.5 3.5v11.5h-15zM8 4.5V9h6.5V4.5M7.5 19.5v-6.2h9v6.2',
  search: 'M10.8 17.6a6.8 6.8 0 1 0 0-13.6 6.8 6.8 0 0 0 0 13.6zM15.8 15.8l4.7 4.7',
  settings: 'M4 7.5h8M18 7.5h2M4 16.5h2M12 16.5h8M15 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM9 19a2.5 2.5 0 1 0 '
    + '0-5 2.5 2.5 0 0 0 0 5z',
  several: 'M4 7l1.5 1.5L8.3 5.5M4 16.5l1.5 1.5 2.8-3M12 7.2h8M12 16.7h8',
  sidebar: 'M4 5h16v14H4zM9.5 5v14',
  sort_down: 'M12 6v12M7.5 13.5 12 18l4.5-4.5',
  sort_up: 'M12 18V6M7.5 10.5 12 6l4.5 4.5',
  start: 'M7.5 5.3v13.4L18.3 12z',
  statistics: 'M5 20v-8M12 20V4M19 20v-5',
  stop: 'M6.8 6.8h10.4v10.4H6.8z',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.8v2M12 19.2v2M2.8 12h2M19.2 12h2M5.5 5.5l1.4 1.4M17.1 17.1l1.4 '
    + '1.4M5.5 18.5l1.4-1.4M17.1 6.9l1.4-1.4',
  tag: 'M4 4h8.3l8 8-8.3 8.3-8-8zM8.2 8.2h.01',
  top: 'M5.5 4h13M12 20V8.5M6.5 13.8 12 8.3l5.5 5.5',
  tracker: 'M12 12h.01M8.7 15.3a4.7 4.7 0 0 1 0-6.6M15.3 8.7a4.7 4.7 0 0 1 0 6.6M5.7 18.3a8.9 8.9 0 0 1 0-12.6'
    + 'M18.3 5.7a8.9 8.9 0 0 1 0 12.6',
  turtle: 'M3.5 16c0-4.8 3.3-8.3 7.2-8.3S18 11.2 18 16zM18 13.7c.2-1.9 1.1-3 2.2-3 1.1 0 1.'
    + '8.8 1.8 2 0 2-1.6 3.3-4 3.3M6.5 16v2.8M15 16v2.8M7.6 16l1.5-3.9h3.3l1.5 3.9M9.1 12.1 7.5 9M12.4 12.1l1.6-3.1',
  undo: 'M8.5 4.8 4.5 9l4 4.2M4.5 9H14a5.5 5.5 0 0 1 0 11H9',
  up: 'M12 19V5M6 11l6-6 6 6',
  upload: 'M12 15.5V4M7 9l5-5 5 5M4.5 20h15',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.6-4 3.5-6 7.5-6s6.9 2 7.5 6',
  warning: 'M12 4.2l8.8 15.6H3.2zM12 10v4.5M12 17.2h.01',
  watch: `${FOLDER}M7.3 13.6s1.7-2.7 4.7-2.7 4.7 2.7 4.7 2.7-1.7 2.7-4.7 2.7-4.7-2.7-4.7-2.7zM12 13.6h.01`,
};

/** Icons that are dots for the greater part. */
const DOTS = new Set(['drag', 'more']);
/** Icons that point in the direction of reading. */
const DIRECTED = new Set(['announce', 'force', 'logout', 'move', 'start', 'turtle', 'undo']);

/** Creates an icon. It is hidden from screen readers: its control has a name.
 *  @param {IconName} name @param {{ size?: number }} [options] size in CSS pixels */
export const icon = (name, { size = 20 } = {}) => /** @type {SVGElement} */ (html`<svg class="k-icon"
  viewBox="0 0 24 24" width=${String(size)} height=${String(size)} aria-hidden="true" focusable="false"
  class:k-icon-dots=${DOTS.has(name)} class:k-icon-directed=${DIRECTED.has(name)}><path d=${PATHS[name]}/></svg>`);
