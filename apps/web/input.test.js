import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAdding, isMenuClick } from './input.js';

test('control_adds_to_a_selection_and_opens_the_menu_on_a_mac', () => {
  const [plain, control, command] = [[false, false], [true, false], [false, true]].map(([ctrlKey, metaKey]) =>
    ({ ctrlKey, metaKey }));
  for (const [event, onMac, adds, opens] of [
    [plain, false, false, false], [control, false, true, false], [command, false, false, false],
    [plain, true, false, false], [control, true, false, true], [command, true, true, false],
  ]) assert.deepEqual([isAdding(event, onMac), isMenuClick(event, onMac)], [adds, opens]);
});
