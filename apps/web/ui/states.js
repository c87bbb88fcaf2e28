/** Contents for a page or a pane without data: empty, loading, failed. */

/** @import { IconName } from './icons.js' */
/** @import { Text } from './values.js' */

import { html } from '../base/html.js';
import { button } from './button.js';
import { icon as iconOf } from './icons.js';
import { errorText, t } from './texts.js';

/** Nothing is there, and what to do about it.
 *  @param {{ icon: IconName, title: Text, hint?: Text, actions?: Node | readonly Node[] }} options */
export const emptyState = ({ icon, title, hint, actions }) => html`<div class="k-state">
  <span class="k-state-icon">${iconOf(icon, { size: 28 })}</span>
  <p class="k-state-title">${title}</p>${hint && html`<p class="k-state-hint">${hint}</p>`}
  ${actions && html`<div class="k-state-actions">${actions}</div>`}</div>`;

/** Sign that something is loaded. @param {Text} label */
export const spinner = (label) => html`<div class="k-spinner" role="status">
  <span class="k-spinner-sign" aria-hidden="true"></span><span>${label}</span></div>`;

/** Failure with its reason and a way out.
 *  @param {{ app?: unknown, error: unknown, retry?: () => unknown }} options */
export const errorState = ({ error, retry }) => html`<div class="k-state k-state-error" role="alert">
  <span class="k-state-icon">${iconOf('error', { size: 28 })}</span>
  <p class="k-state-title" dir="auto">${errorText(error)}</p>
  ${retry && html`<div class="k-state-actions">${button({
    label: () => t('action.retry'), icon: 'refresh', onClick: retry })}</div>`}</div>`;

/** Shapes of rows that are loaded. @param {number} n */
export const skeletonRows = (n) => html`<div class="k-skeleton" aria-hidden="true">${Array.from({ length: n }, (_, i) =>
  html`<div class="k-skeleton-row"><span style:width=${`${[52, 38, 61, 45][i % 4]}%`}></span>
    <span class="k-skeleton-short"></span></div>`)}</div>`;
