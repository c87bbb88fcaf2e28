import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cleanText } from './text.js';

test('characters_that_do_not_show_are_replaced', () => {
  assert.equal(cleanText('a\0b\n\x7f\x9bc\u202ecod.exe\u2066'), 'a\u2400b\u240a\u2421\ufffdc\ufffdcod.exe\ufffd');
});

test('other_text_stays', () => {
  for (const text of ['', '<img onerror=alert(1)>', 'naïve 漢字 😀 עברית', 'e\u0301']) assert.equal(cleanText(text), text);
});
