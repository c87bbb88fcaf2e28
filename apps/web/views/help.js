/** Sheet of keys: all commands with a key, and the keys of the list. */

/** @import { App } from '../app.js' */
/** @import { Key } from '../i18n.js' */

import { html } from '../base/html.js';
import { COMMANDS } from '../commands.js';
import { keyParts, singleKeys } from '../keyboard.js';
import { button } from '../ui/button.js';
import { openDialog } from '../ui/dialog.js';
import { switchField } from '../ui/fields.js';

/** Keys of the list, which no command has. @type {readonly (readonly [Key, readonly string[]])[]} */
const LIST_KEYS = [
  ['help.move', ['ArrowUp', 'ArrowDown']],
  ['help.page', ['PageUp', 'PageDown']],
  ['help.ends', ['Home', 'End']],
  ['help.range', ['Shift+ArrowUp', 'Shift+ArrowDown']],
  ['help.move_only', ['Mod+ArrowUp', 'Mod+ArrowDown']],
  ['help.toggle', ['Space']],
  ['help.menu', ['Shift+F10']],
];
/** @type {readonly (readonly [Key, readonly string[]])[]} */
const HEADER_KEYS = [
  ['help.sort', ['Enter']],
  ['help.sort_also', ['Shift+Enter']],
  ['help.resize', ['Shift+ArrowLeft', 'Shift+ArrowRight']],
  ['help.reorder', ['Mod+ArrowLeft', 'Mod+ArrowRight']],
];

/** @param {App} app */
export async function openHelp(app) {
  /** @param {'torrents' | 'list' | 'app'} scope */
  const commands = (scope) => COMMANDS.filter((command) => command.scope === scope && command.keys.length > 0)
    .map(({ label, keys }) => /** @type {const} */ ([label, keys]));
  const dialog = openDialog({
    title: () => app.t('command.help'), size: 'large',
    body: () => html`<div class="t-help">
      ${section(app, 'help.torrents', commands('torrents'))}
      ${section(app, 'help.list', [...commands('list'), ...LIST_KEYS])}
      ${section(app, 'help.app', commands('app'))}
      ${section(app, 'help.header', HEADER_KEYS)}</div>
      ${switchField({ label: () => app.t('help.single_keys'), help: () => app.t('help.single_keys_hint'),
        checked: singleKeys(app) })}`,
    footer: ({ close }) => button({ label: () => app.t('dialog.close'), onClick: () => close() }),
  });
  await dialog.closed;
}

/** @param {App} app @param {Key} title @param {readonly (readonly [Key, readonly string[]])[]} rows */
const section = (app, title, rows) => html`<section class="t-help-section">
  <h3 class="t-help-title">${() => app.t(/** @type {'help.list'} */ (title))}</h3>
  <dl class="t-help-list">${rows.map(([label, keys]) => html`<div class="t-help-row">
    <dt>${() => app.t(/** @type {'help.list'} */ (label)).replace(/…$/, '')}</dt>
    <dd>${keys.map((key) => html`<span class="t-keys">${keyParts(key, app).map((part) =>
      html`<kbd class="t-key">${part}</kbd>`)}</span>`)}</dd></div>`)}</dl></section>`;
