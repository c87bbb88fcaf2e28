import assert from 'node:assert/strict';
import test from 'node:test';

import { reasonOf } from './field.js';

test('each_reason_of_a_browser_has_a_message', () => {
  assert.equal(reasonOf({ valueMissing: true, patternMismatch: true }), 'field.required');
  assert.equal(reasonOf({ rangeOverflow: true }), 'field.range');
  assert.equal(reasonOf({ tooLong: true }), 'field.length');
  assert.equal(reasonOf({ badInput: true }), 'field.form');
});

test('the_error_of_a_field_is_no_reason_of_the_browser', () => {
  assert.equal(reasonOf({ customError: true }), null);
  assert.equal(reasonOf({ valid: true }), null);
});
