import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { log, reportedBy } from './signal.helpers.js';
import { batch, computed, effect, inScope, onCleanup, scope, signal, untracked } from './signal.js';

test('effect_nested_is_disposed_when_the_outer_runs_again', () => {
  const [outer, inner] = [signal(1), signal(1)];
  const seen = [];
  effect(() => {
    const id = outer.value;
    effect(() => void seen.push(`${id}:${inner.value}`));
  });
  batch(() => (inner.value = 2));
  batch(() => (outer.value = 2));
  batch(() => (inner.value = 3));
  assert.deepEqual(seen, ['1:1', '1:2', '2:2', '2:3']);
  assert.equal(inner.observers.size, 1);
});

test('effect_nested_with_the_same_source_is_disposed_before_it_runs', async () => {
  const item = signal({ name: 'x' });
  const seen = [];
  const errors = await reportedBy(() => {
    const present = computed(() => item.value !== null);
    // The inner effect subscribes to `item` before the outer one does.
    const inner = () => effect(() => void seen.push(item.value.name));
    effect(() => { if (untracked(() => present.value)) inner(); present.value; });
    batch(() => (item.value = null));
  });
  assert.deepEqual(errors, []);
  assert.deepEqual(seen, ['x']);
});

test('cleanup_before_a_rerun_and_on_disposal_runs_last_first', () => {
  const a = signal(1);
  const seen = [];
  const dispose = effect(() => {
    const value = a.value;
    onCleanup(() => seen.push(`first ${value}`));
    onCleanup(() => seen.push(`second ${value}`));
  });
  batch(() => (a.value = 2));
  dispose();
  dispose();
  assert.deepEqual(seen, ['second 1', 'first 1', 'second 2', 'first 2']);
});

test('cleanup_registered_twice_runs_twice', () => {
  let runs = 0;
  const fn = () => (runs += 1);
  const [, dispose] = scope(() => { onCleanup(fn); onCleanup(fn); });
  dispose();
  assert.equal(runs, 2);
});

test('cleanup_reading_a_signal_is_not_tracked', () => {
  const [a, b] = [signal(1), signal(1)];
  const { seen, dispose } = log(() => { onCleanup(() => b.value); return a.value; });
  batch(() => (a.value = 2));
  batch(() => (b.value = 2));
  assert.deepEqual(seen, [1, 2]);
  dispose();
});

test('cleanup_that_throws_does_not_stop_others', async () => {
  const seen = [];
  const errors = await reportedBy(() => {
    const [, dispose] = scope(() => {
      onCleanup(() => seen.push('last'));
      onCleanup(() => { throw new Error('cleanup'); });
    });
    dispose();
  });
  assert.deepEqual(seen, ['last']);
  assert.equal(errors.length, 1);
});

test('cleanup_without_a_scope_throws', () => {
  assert.throws(() => onCleanup(() => {}), /no scope/);
  assert.throws(() => computed(() => onCleanup(() => {})).value, /no scope/);
});

test('effect_disposed_while_it_waits_does_not_run', () => {
  const a = signal(1);
  const { seen, dispose } = log(() => a.value);
  batch(() => {
    a.value = 2;
    dispose();
  });
  assert.deepEqual(seen, [1]);
  assert.equal(a.observers.size, 0);
});

test('effect_that_disposes_itself_leaves_nothing', () => {
  const [a, b] = [signal(1), signal(1)];
  let cleanups = 0;
  const dispose = effect(() => {
    if (a.value < 2) return;
    dispose();
    onCleanup(() => (cleanups += 1));
    effect(() => void b.value);
    b.value;
  });
  batch(() => (a.value = 2));
  assert.equal(cleanups, 1);
  assert.equal(a.observers.size + b.observers.size, 0);
});

test('effect_that_disposes_itself_before_it_reads_again_is_unsubscribed', () => {
  const [a, b] = [signal(1), signal(1)];
  const dispose = effect(() => {
    if (a.value === 2) dispose();
    b.value;
  });
  batch(() => (a.value = 2));
  assert.equal(a.observers.size + b.observers.size, 0);
});

test('scope_disposed_ends_all_of_its_effects', () => {
  const a = signal(1);
  const seen = [];
  const [result, dispose] = scope(() => {
    assert.ok(inScope());
    effect(() => void seen.push(a.value));
    effect(() => effect(() => void seen.push(-a.value)));
    return 'result';
  });
  assert.ok(!inScope());
  assert.equal(result, 'result');
  dispose();
  batch(() => (a.value = 2));
  assert.deepEqual(seen, [1, -1]);
  assert.equal(a.observers.size, 0);
});

test('scope_inside_an_effect_outlives_the_run', () => {
  const [a, b] = [signal(1), signal(1)];
  const seen = [];
  let disposeRow;
  effect(() => {
    if (a.value === 1) [, disposeRow] = scope(() => effect(() => void seen.push(b.value)));
  });
  batch(() => (a.value = 2));
  batch(() => (b.value = 2));
  disposeRow();
  batch(() => (b.value = 3));
  assert.deepEqual(seen, [1, 2]);
});

test('scope_that_throws_disposes_what_it_created', () => {
  const a = signal(1);
  assert.throws(() => scope(() => { effect(() => void a.value); throw new Error('scope'); }), /scope/);
  assert.equal(a.observers.size, 0);
});

test('scope_does_not_track_the_effect_around_it', () => {
  const a = signal(1);
  const { seen } = log(() => scope(() => a.value)[0]);
  batch(() => (a.value = 2));
  assert.deepEqual(seen, [1]);
});

test('disposal_of_all_readers_unsubscribes_the_whole_chain', () => {
  const a = signal(1);
  const b = computed(() => a.value + 1);
  const c = computed(() => b.value + 1);
  const readers = [log(() => c.value), log(() => c.value)];
  assert.equal(a.observers.size, 1);
  readers[0].dispose();
  assert.equal(a.observers.size, 1);
  readers[1].dispose();
  assert.deepEqual([a, b, c].map((cell) => cell.observers.size), [0, 0, 0]);
  a.value = 5;
  assert.equal(c.value, 7, 'still computed on demand');
});

/** Returns true if the garbage collector frees all objects of the references. */
async function areCollected(references) {
  setFlagsFromString('--expose-gc');
  await new Promise((resolve) => setTimeout(resolve)); // Ends the job that keeps the targets alive.
  runInNewContext('gc')();
  return references.every((reference) => reference.deref() === undefined);
}

test('computed_without_readers_is_collected', async () => {
  const a = signal(1);
  const references = Array.from({ length: 10 }, () => {
    const cell = computed(() => [a.value]);
    log(() => cell.value).dispose();
    cell.value;
    return new WeakRef(cell);
  });
  assert.ok(await areCollected(references));
  assert.equal(a.peek(), 1);
});

test('effect_disposed_before_its_scope_is_collected', async () => {
  const [references, dispose] = scope(() => Array.from({ length: 10 }, () => {
    const fn = () => {};
    effect(fn)();
    return new WeakRef(fn);
  }));
  assert.ok(await areCollected(references));
  dispose();
});
