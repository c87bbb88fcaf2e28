/** Keyboard of the whole page. Text fields, menus and dialogs have their own. */

/** @import { App } from './app.js' */
/** @import { Command } from './commands.js' */

import { onCleanup } from './base/signal.js';
import { COMMANDS, runCommand } from './commands.js';
import { isMac, isTextField } from './input.js';

/** @typedef {Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>} Press */

/** Command keys to the names that are shown, where they differ; the others are keys of the catalogue. */
const MAC = { Mod: '⌘', Shift: '⇧', Alt: '⌥', Delete: '⌦', Enter: '↩' };

/** Returns a key press as commands write it. Letters are those of the Latin layout, so that shortcuts work in others.
 *  @param {Press} press @param {boolean} [onMac] */
export function keyOf({ key, code, ctrlKey, metaKey, altKey, shiftKey }, onMac = isMac) {
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  const isLetter = key.length === 1 && letter !== undefined;
  const isForeign = isLetter && !/^[\x21-\x7e]$/.test(key);
  const name = isForeign ? letter : key.length === 1 ? key.toUpperCase() : key;
  // The shift key is part of a sign such as "?".
  const withShift = shiftKey && (isLetter || key.length > 1);
  const [mod, other] = onMac ? [metaKey, ctrlKey] : [ctrlKey, metaKey];
  return `${other ? 'Other+' : ''}${mod ? 'Mod+' : ''}${altKey ? 'Alt+' : ''}${withShift ? 'Shift+' : ''}${name}`;
}

/** Returns the parts of a key for display. @param {string} key @param {Pick<App, 't'>} app @param {boolean} [onMac] */
export function keyParts(key, { t }, onMac = isMac) {
  return (key === '+' ? [key] : key.split('+')).map((part) => {
    if (onMac && Object.hasOwn(MAC, part)) return MAC[/** @type {keyof typeof MAC} */ (part)];
    switch (part) {
      case 'Mod': return t('key.mod');
      case 'Shift': return t('key.shift');
      case 'Delete': return t('key.delete');
      case 'Insert': return t('key.insert');
      case 'Escape': return t('key.escape');
      case 'Enter': return t('key.enter');
      case 'Space': return t('key.space');
      case 'Home': return t('key.home');
      case 'End': return t('key.end');
      case 'PageUp': return t('key.page_up');
      case 'PageDown': return t('key.page_down');
      case 'ArrowUp': return '↑';
      case 'ArrowDown': return '↓';
      case 'ArrowLeft': return '←';
      case 'ArrowRight': return '→';
      default: return part;
    }
  });
}

/** Returns the first key of a command for a menu, or undefined. @param {Command} command @param {Pick<App, 't'>} app */
export const keyText = ({ keys }, app) => (keys.length > 0 ? keyParts(keys[0], app).join(isMac ? '' : '+') : undefined);

/** True while a menu or a dialog has the keyboard. @param {EventTarget | null} target */
const isElsewhere = (target) => document.querySelector('dialog[open]') !== null
  || (target instanceof Element && target.closest('[role=menu], [role=listbox]') !== null);

/** Preference: true if keys without Ctrl or another modifier are commands too. @param {App} app */
export const singleKeys = (app) => app.prefs.define('singleKeys', true, (value) => typeof value === 'boolean');

/** Runs commands by keys, until the current scope ends. @param {App} app */
export function watchKeys(app) {
  const allowsSingle = singleKeys(app);
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.defaultPrevented || event.isComposing || isTextField(event.target) || isElsewhere(event.target)) return;
    const key = keyOf(event);
    const command = COMMANDS.find(({ keys }) => keys.includes(key));
    if (!command || (key.length === 1 && !allowsSingle.peek())) return;
    if (command.scope !== 'app' && app.page.peek() !== 'torrents') return;
    // A control with the focus keeps Enter; a selection of text keeps its copy.
    if (key === 'Enter' && event.target !== document.body) return;
    if (key === 'Mod+C' && getSelection()?.toString()) return;
    if (event.repeat && command.scope !== 'list') return event.preventDefault();
    if (runCommand(app, command, app.selection.list())) event.preventDefault();
  };
  document.addEventListener('keydown', onKey);
  onCleanup(() => document.removeEventListener('keydown', onKey));
}
