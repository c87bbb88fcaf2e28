import assert from 'node:assert/strict';
import { test } from 'node:test';

import { log, microtask, reportedBy } from './signal.helpers.js';
import { batch, computed, effect, isSignal, signal, untracked } from './signal.js';

test('signal_written_with_the_same_value_changes_nothing', () => {
  const [number, zero] = [signal(NaN), signal(0)];
  const { seen } = log(() => [number.value, zero.value]);
  batch(() => (number.value = NaN));
  assert.equal(seen.length, 1);
  batch(() => (zero.value = -0));
  assert.equal(seen.length, 2, 'Object.is tells 0 from -0');
});

test('signal_peeked_is_not_a_source', () => {
  const a = signal(1);
  const { seen } = log(() => a.peek());
  batch(() => (a.value = 2));
  assert.deepEqual(seen, [1]);
  assert.equal(a.peek(), 2);
});

test('is_signal_of_signals_and_others_tells_them_apart', () => {
  assert.ok(isSignal(signal(1)));
  assert.ok(isSignal(computed(() => 1)));
  assert.ok(!isSignal(null) && !isSignal({ value: 1 }) && !isSignal(() => 1));
});

test('computed_without_a_reader_does_not_run', () => {
  let runs = 0;
  const a = signal(1);
  const double = computed(() => ((runs += 1), a.value * 2));
  a.value = 2;
  assert.equal(runs, 0);
  assert.equal(double.value, 4);
  assert.equal(double.value, 4);
  assert.equal(runs, 1);
});

test('computed_after_writes_to_other_signals_does_not_run', () => {
  let runs = 0;
  const [a, other] = [signal(1), signal(1)];
  const double = computed(() => ((runs += 1), a.value * 2));
  assert.equal(double.value, 2);
  other.value = 2;
  assert.equal(double.value, 2);
  assert.equal(runs, 1);
});

test('computed_of_undefined_runs_once_per_change', () => {
  let runs = 0;
  const a = signal(1);
  const nothing = computed(() => ((runs += 1), void a.value));
  const other = signal(0);
  assert.equal(nothing.value, undefined);
  other.value = 1;
  assert.equal(nothing.value, undefined);
  assert.equal(runs, 1);
  a.value = 2;
  assert.equal(nothing.value, undefined);
  assert.equal(runs, 2);
});

test('computed_with_an_equal_result_does_not_rerun_its_readers', () => {
  const a = signal(1);
  const parity = computed(() => a.value % 2);
  const { seen } = log(() => parity.value);
  batch(() => (a.value = 3));
  batch(() => (a.value = 4));
  assert.deepEqual(seen, [1, 0]);
});

test('computed_with_a_condition_follows_only_the_branch_taken', () => {
  let runs = 0;
  const [useA, a, b] = [signal(true), signal('a1'), signal('b1')];
  const chosen = computed(() => ((runs += 1), useA.value ? a.value : b.value));
  const { seen } = log(() => chosen.value);
  batch(() => (b.value = 'b2'));
  assert.equal(runs, 1);
  batch(() => (useA.value = false));
  batch(() => (a.value = 'a2'));
  assert.equal(runs, 2);
  batch(() => (b.value = 'b3'));
  assert.deepEqual(seen, ['a1', 'b2', 'b3']);
  assert.equal(a.observers.size, 0);
});

test('computed_guarded_by_another_is_not_run_after_the_guard_fails', () => {
  const item = signal({ name: 'x' });
  const present = computed(() => item.value !== null);
  const name = computed(() => item.value.name);
  const { seen } = log(() => (present.value ? name.value : 'none'));
  batch(() => (item.value = null));
  assert.deepEqual(seen, ['x', 'none']);
});

test('computed_that_throws_throws_to_each_reader_until_it_recovers', async () => {
  const a = signal(0);
  let runs = 0;
  const inverse = computed(() => {
    runs += 1;
    if (a.value === 0) throw new RangeError('zero');
    return 1 / a.value;
  });
  assert.throws(() => inverse.value, RangeError);
  assert.throws(() => inverse.peek(), RangeError);
  assert.equal(runs, 1);
  const seen = [];
  const errors = await reportedBy(() => {
    effect(() => void seen.push(inverse.value));
    batch(() => (a.value = 2));
    batch(() => (a.value = 0));
    batch(() => (a.value = 4));
  });
  assert.deepEqual(seen, [0.5, 0.25]);
  assert.equal(errors.length, 2);
});

test('computed_that_depends_on_itself_throws', () => {
  const a = computed(() => b.value + 1);
  const b = computed(() => a.value + 1);
  assert.throws(() => a.value, /depends on itself/);
});

test('computed_that_writes_a_signal_throws', () => {
  const a = signal(1);
  const bad = computed(() => (a.value = 2));
  const hidden = computed(() => untracked(() => (a.value = 2)));
  assert.throws(() => bad.value, /cannot write/);
  assert.throws(() => hidden.value, /cannot write/);
  assert.throws(() => { computed(() => 1).value = 2; }, /cannot write/);
  assert.equal(a.value, 1);
});

test('diamond_after_a_write_runs_each_node_once', () => {
  let joins = 0;
  const a = signal(1);
  const left = computed(() => a.value + 1);
  const right = computed(() => a.value * 10);
  const join = computed(() => ((joins += 1), `${left.value} ${right.value}`));
  const { seen } = log(() => join.value);
  batch(() => (a.value = 2));
  assert.deepEqual(seen, ['2 10', '3 20']);
  assert.equal(joins, 2);
});

for (const observed of [true, false]) {
  test(`ladder_of_diamonds_${observed ? 'with' : 'without'}_an_effect_runs_each_node_once`, () => {
    let runs = 0;
    const source = signal(1);
    let last = source;
    for (let depth = 0; depth < 60; depth += 1) {
      const below = last;
      const [left, right] = [computed(() => below.value), computed(() => below.value)];
      last = computed(() => ((runs += 1), (left.value + right.value) / 2));
    }
    const { seen } = observed ? log(() => last.value) : { seen: [last.value] };
    batch(() => (source.value = 2));
    if (!observed) seen.push(last.value);
    assert.deepEqual(seen, [1, 2]);
    assert.equal(runs, 120);
  });
}

test('effects_after_writes_run_once_in_a_microtask', async () => {
  const [a, b] = [signal(1), signal(1)];
  const { seen } = log(() => a.value + b.value);
  a.value = 2;
  b.value = 2;
  assert.deepEqual(seen, [2]);
  await microtask();
  assert.deepEqual(seen, [2, 4]);
});

test('effect_of_a_value_written_back_does_not_run', () => {
  const a = signal(1);
  const double = computed(() => a.value * 2);
  const { seen } = log(() => double.value);
  batch(() => {
    a.value = 2;
    a.value = 1;
  });
  assert.deepEqual(seen, [2]);
});

test('batch_nested_runs_effects_at_the_end_of_the_outermost', () => {
  const a = signal(1);
  const { seen } = log(() => a.value);
  const result = batch(() => {
    batch(() => (a.value = 2));
    assert.deepEqual(seen, [1]);
    return 'result';
  });
  assert.equal(result, 'result');
  assert.deepEqual(seen, [1, 2]);
});

test('batch_that_throws_still_runs_effects', () => {
  const a = signal(1);
  const { seen } = log(() => a.value);
  assert.throws(() => batch(() => { a.value = 2; throw new Error('batch'); }), /batch/);
  assert.deepEqual(seen, [1, 2]);
});

test('computed_read_in_a_batch_is_current', () => {
  const a = signal(1);
  const double = computed(() => a.value * 2);
  log(() => double.value);
  batch(() => {
    a.value = 2;
    assert.equal(double.value, 4);
  });
});

test('effect_that_writes_its_own_source_runs_until_it_settles', () => {
  const a = signal(0);
  const { seen } = log(() => {
    if (a.value < 3) a.value += 1;
    return a.peek();
  });
  batch(() => {});
  assert.equal(a.value, 3);
  assert.deepEqual(seen, [1, 2, 3, 3]);
});

test('effect_that_reads_before_and_after_its_own_write_runs_again', () => {
  const a = signal(0);
  const { seen } = log(() => {
    const before = a.value;
    if (before < 2) a.value = before + 1;
    return [before, a.value];
  });
  batch(() => {});
  assert.deepEqual(seen, [[0, 1], [1, 2], [2, 2]]);
});

test('effects_that_trigger_each_other_are_stopped_and_reported', async () => {
  const a = signal(0);
  const errors = await reportedBy(() => {
    const { dispose } = log(() => (a.value += 1));
    batch(() => {});
    dispose();
  });
  assert.equal(errors.length, 1);
  assert.match(errors[0].message, /trigger each other/);
  const { seen } = log(() => a.value);
  batch(() => (a.value = -1));
  assert.equal(seen.at(-1), -1, 'later effects still run');
});

test('effect_that_throws_does_not_stop_others_and_runs_again', async () => {
  const a = signal(0);
  const seen = [];
  const errors = await reportedBy(async () => {
    effect(() => { if (a.value === 1) throw new Error('first'); seen.push(`x${a.value}`); });
    effect(() => void seen.push(`y${a.value}`));
    a.value = 1;
    await microtask();
    a.value = 2;
    await microtask();
  });
  assert.deepEqual(seen, ['x0', 'y0', 'y1', 'x2', 'y2']);
  assert.deepEqual(errors.map((error) => error.message), ['first']);
});

test('effect_that_throws_without_report_error_goes_to_the_console', () => {
  const original = console.error;
  const errors = [];
  console.error = (error) => errors.push(error.message);
  try { effect(() => { throw new Error('to the console'); }); } finally { console.error = original; }
  assert.deepEqual(errors, ['to the console']);
});
