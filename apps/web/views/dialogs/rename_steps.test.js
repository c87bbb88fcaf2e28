import assert from 'node:assert/strict';
import { test } from 'node:test';

import { renameSteps } from './rename_steps.js';

const paths = (...list) => new Map(list.map((path, index) => [index, path]));

test('files_with_another_path_are_renamed', () => {
  assert.deepEqual(renameSteps(paths('a/x', 'a/y'), paths('a/x', 'a/y')), []);
  assert.deepEqual(renameSteps(paths('a/x', 'a/y'), paths('a/x', 'a/z')), [{ from: 'a/y', to: 'a/z' }]);
  assert.deepEqual(renameSteps(paths('x'), paths('b/y')), [{ from: 'x', to: 'b/y' }]);
});

test('folder_whose_files_go_together_is_one_step', () => {
  assert.deepEqual(renameSteps(paths('a/s/x', 'a/s/y', 'a/z'), paths('b/s/x', 'b/s/y', 'b/z')),
    [{ from: 'a', to: 'b' }]);
  assert.deepEqual(renameSteps(paths('a/s/x', 'a/s/y', 'a/z'), paths('a/t/x', 'a/t/y', 'a/z')),
    [{ from: 'a/s', to: 'a/t' }]);
  assert.deepEqual(renameSteps(paths('a/x', 'a/y'), paths('b/x', 'a/y')), [{ from: 'a/x', to: 'b/x' }]);
});

test('files_that_exchange_their_names_pass_another', () => {
  const now = paths('a/x', 'a/y'), wanted = paths('a/y', 'a/x');
  const steps = renameSteps(now, wanted);
  assert.deepEqual(steps, [{ from: 'a/x', to: 'a/y.1' }, { from: 'a/y', to: 'a/x' }, { from: 'a/y.1', to: 'a/y' }]);
});

test('steps_lead_to_the_wanted_paths', () => {
  for (const [now, wanted] of [
    [['a/x', 'a/y', 'a/z'], ['a/y', 'a/z', 'a/x']], [['a/x', 'b/x'], ['b/x', 'a/x']],
    [['a/x', 'a/y', 'c'], ['b/x', 'b/w', 'a/x']], [['r/a/1', 'r/a/2', 'r/b'], ['q/c/1', 'q/c/2', 'q/b']],
  ]) {
    let shown = [...now];
    for (const { from, to } of renameSteps(paths(...now), paths(...wanted))) {
      shown = shown.map((path) => (path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path));
      assert.equal(new Set(shown).size, shown.length, `${shown}`);
    }
    assert.deepEqual(shown, wanted);
  }
});
