/** Tabs. Only the active panel exists. */

/** @import { Signal } from '../base/signal.js' */
/** @import { Text } from './values.js' */

import { html } from '../base/html.js';
import { computed, untracked } from '../base/signal.js';
import { read, uid } from './values.js';

/** @typedef {{ key: string, label: () => string, render: () => Node }} Tab */

/** @param {{ label: Text, tabs: readonly Tab[], active: Signal<string>, actions?: Node }} options `actions` are at the
 *  end of the row of tabs */
export function tabs({ label, tabs: all, active, actions }) {
  const id = uid();
  const current = computed(() => all.find(({ key }) => key === active.value) ?? all[0]);
  /** @param {Tab} tab */
  const idOf = (tab) => `${id}-${tab.key}`;

  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const isRtl = document.documentElement.dir === 'rtl';
    const at = all.indexOf(current.peek());
    const steps = /** @type {Record<string, number>} */ ({
      [isRtl ? 'ArrowLeft' : 'ArrowRight']: at + 1, [isRtl ? 'ArrowRight' : 'ArrowLeft']: at - 1, Home: 0,
      End: all.length - 1,
    });
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const next = all[(steps[event.key] + all.length) % all.length];
    active.value = next.key;
    document.getElementById(idOf(next))?.focus();
  };
  /** @param {Tab} tab */
  const head = (tab) => html`<button type="button" class="k-tab" role="tab" id=${idOf(tab)}
    aria-selected=${() => String(current.value === tab)} tabindex=${() => (current.value === tab ? '0' : '-1')}
    aria-controls=${`${id}-panel`} @click=${() => (active.value = tab.key)}>${tab.label}</button>`;

  return html`<div class="k-tabs">
    <div class="k-tabs-head"><div class="k-tabs-list" role="tablist" aria-label=${() => read(label)}
      @keydown=${onKey}>${all.map(head)}</div>${actions}</div>
    <div class="k-tabs-panel" role="tabpanel" id=${`${id}-panel`} tabindex="0"
      aria-labelledby=${() => idOf(current.value)}>${() => { const tab = current.value; return untracked(tab.render); }}
    </div></div>`;
}
