import assert from 'node:assert/strict';
import { test } from 'node:test';

import { resolveTheme } from './theme.js';

test('choice_precedes_the_system', () => {
  const system = (isDark, isContrast) => ({ isDark, isContrast });
  assert.equal(resolveTheme('light', system(true, true)), 'light');
  const shown = [system(false, false), system(true, false), system(true, true)].map((now) => resolveTheme('auto', now));
  assert.deepEqual(shown, ['light', 'dark', 'contrast']);
});
