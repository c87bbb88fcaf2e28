/** Export of the settings as a configuration file. */

/** @import { App } from '../../app.js' */
/** @import { Store } from './store.js' */

import { html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { copyText } from '../../ui/clipboard.js';
import { saveFile } from '../../ui/download.js';
import { checkbox } from '../../ui/fields.js';
import { errorState, skeletonRows } from '../../ui/states.js';
import { isSame, tomlOf } from './values.js';

/** @param {App} app @param {Store} store */
export function exportPage(app, store) {
  const isShort = signal(true);
  const text = computed(() => {
    const all = store.settings.value ?? [];
    return tomlOf(isShort.value ? all.filter((setting) => !isSame(setting.value, setting.default)) : all);
  });
  const isEmpty = () => text.value === '';
  return html`<div class="p-export"><p class="p-intro">${() => app.t('export.intro')}</p>
    ${when(() => store.settings.value !== null, () => html`<div class="p-card">
      ${checkbox({ label: () => app.t('export.changed_only'), checked: isShort })}
      ${when(isEmpty, () => html`<p class="p-empty">${() => app.t('export.nothing')}</p>`, () => html`<div>
        <pre class="p-toml" tabindex="0" role="region" dir="ltr" aria-label=${() => app.t('export.text')}>${text}</pre>
        <div class="p-actions">
          ${button({ label: () => app.t('copy.copy'), icon: 'copy', onClick: () => copyText(app, text.peek()) })}
          ${button({ label: () => app.t('export.save'), icon: 'download', onClick: () =>
            saveFile('ztor.toml', text.peek()) })}</div></div>`)}</div>`,
    () => html`<div>${when(() => store.error.value !== null, () =>
      errorState({ app, error: store.error.peek(), retry: store.load }), () => skeletonRows(6))}</div>`)}</div>`;
}
