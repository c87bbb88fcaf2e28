/** Chips and counts. */

/** @import { Maybe, Text } from './values.js' */

import { html } from '../base/html.js';

/** @param {{ text: Text, tone?: Maybe<'neutral' | 'accent' | 'ok' | 'warn' | 'danger' | 'info'> }} options */
export const badge = ({ text, tone = 'neutral' }) =>
  html`<span class="k-badge" data-tone=${tone} dir="auto">${text}</span>`;
