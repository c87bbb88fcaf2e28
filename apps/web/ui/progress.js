/** Progress bars. */

/** @import { Maybe, Text } from './values.js' */

import { html } from '../base/html.js';
import { f } from './texts.js';
import { read } from './values.js';

/** @typedef {'normal' | 'done' | 'error' | 'paused' | 'checking'} Tone */

/** Bar of a part of a whole, from 0 to 1; null is unknown.
 *  @param {{ value: Maybe<number | null>, label: Text, tone?: Maybe<Tone> }} options */
export function progressBar({ value, label, tone = 'normal' }) {
  const part = () => { const now = read(value); return now === null ? null : Math.min(1, Math.max(0, now)); };
  return html`<div class="k-progress" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax="100"
    aria-valuenow=${() => { const now = part(); return now === null ? null : String(Math.floor(now * 100)); }}
    aria-valuetext=${() => { const now = part(); return now === null ? null : f().percent(now); }}
    data-tone=${() => read(tone)}><span class="k-progress-bar"
    style:transform=${() => `scaleX(${part() ?? 1})`}></span></div>`;
}
