import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createI18n } from './i18n.js';
import { keyOf, keyParts, keyText } from './keyboard.js';

const press = (key, code, mods = '') => ({
  key, code, ctrlKey: mods.includes('c'), metaKey: mods.includes('m'), altKey: mods.includes('a'),
  shiftKey: mods.includes('s'),
});
const app = createI18n({ languages: [] });

test('keys_are_named_as_commands_write_them', () => {
  for (const [event, name] of [
    [press('F3', 'F3'), 'F3'], [press('Delete', 'Delete', 's'), 'Shift+Delete'], [press('a', 'KeyA', 'c'), 'Mod+A'],
    [press('A', 'KeyA', 'cs'), 'Mod+Shift+A'], [press('?', 'Slash', 's'), '?'], [press('/', 'Digit7', 's'), '/'],
    [press('ArrowUp', 'ArrowUp', 'ca'), 'Mod+Alt+ArrowUp'], [press('f', 'KeyF', 'm'), 'Other+F'],
  ]) assert.equal(keyOf(event, false), name);
  assert.equal(keyOf(press('f', 'KeyF', 'm'), true), 'Mod+F');
});

test('letters_of_other_layouts_are_those_of_the_key', () => {
  assert.equal(keyOf(press('ش', 'KeyA', 'c'), false), 'Mod+A');
  assert.equal(keyOf(press('a', 'KeyQ', 'c'), false), 'Mod+A');
});

test('keys_are_shown_by_their_names', () => {
  assert.deepEqual(keyParts('Mod+Delete', app, false), ['Ctrl', 'Del']);
  assert.deepEqual(keyParts('Mod+Shift+A', app, true), ['⌘', '⇧', 'A']);
  assert.equal(keyText({ keys: ['Shift+ArrowUp', 'F3'] }, app), 'Shift+↑');
  assert.equal(keyText({ keys: [] }, app), undefined);
});
