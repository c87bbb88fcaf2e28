/** Mark and name of the app. */

import { html } from '../base/html.js';

/** The mark, as in icon.svg: a Z whose ends are arrows. @param {{ size?: number }} [options] */
export const mark = ({ size = 28 } = {}) => html`<svg class="s-mark" viewBox="0 0 512 512" width=${String(size)}
  height=${String(size)} aria-hidden="true" focusable="false"><rect width="512" height="512" rx="124"/>
  <path d="M112 166h280L120 346h280"/>
  <path class="s-mark-arrows" d="M180 98l-68 68 68 68M332 278l68 68-68 68"/></svg>`;

/** @param {{ size?: number }} [options] */
export const brand = (options) => html`<span class="s-brand">${mark(options)}
  <span class="s-brand-name">ztor</span></span>`;
