import assert from 'node:assert/strict';
import { test } from 'node:test';

import { random } from './random.helpers.js';
import { batch, computed, effect, signal } from './signal.js';

/**
 * Random graphs with conditional reads, compared with a model that computes all from scratch. Checks after each batch:
 * values, that an effect ran once if and only if a value that it read has changed, and no computed value twice.
 */
function compareWithModel(seed) {
  const pick = random(seed);
  const sources = Array.from({ length: 2 + pick(5) }, () => signal(pick(4)));
  const cells = [...sources];
  /** @type {(() => number)[]} */
  const models = sources.map((source) => () => source.peek());
  const runs = [];
  for (let n = 3 + pick(15); n > 0; n -= 1) {
    const [test, a, b, modulus] = [pick(cells.length), pick(cells.length), pick(cells.length), 2 + pick(5)];
    const at = cells.length;
    runs[at] = 0;
    cells.push(computed(() => {
      runs[at] += 1;
      return (cells[test].value % 2 ? cells[a].value + 1 : cells[a].value * cells[b].value) % modulus;
    }));
    models.push(() => (models[test]() % 2 ? models[a]() + 1 : models[a]() * models[b]()) % modulus);
  }
  const effects = Array.from({ length: 1 + pick(6) }, () => {
    const [test, a] = [pick(cells.length), pick(cells.length)];
    const model = () => (models[test]() ? [models[test](), models[a]()] : [0]);
    const record = { runs: 0, seen: [], live: true, model };
    record.dispose = effect(() => {
      record.runs += 1;
      record.seen = cells[test].value ? [cells[test].value, cells[a].value] : [0];
    });
    return record;
  });
  for (let step = 0; step < 30; step += 1) {
    const before = effects.map((record) => ({ runs: record.runs, seen: record.seen }));
    runs.fill(0);
    batch(() => {
      for (let writes = 1 + pick(4); writes > 0; writes -= 1) sources[pick(sources.length)].value = pick(4);
      if (pick(3) === 0) cells[pick(cells.length)].value; // A read in the middle of a batch.
      if (pick(12) === 0) {
        const record = effects[pick(effects.length)];
        record.dispose();
        record.live = false;
      }
    });
    effects.forEach((record, i) => {
      const expected = record.live ? record.model() : before[i].seen;
      const changed = expected.join() !== before[i].seen.join();
      assert.deepEqual(record.seen, expected, `seed ${seed}, step ${step}, effect ${i}`);
      assert.equal(record.runs - before[i].runs, Number(changed), `seed ${seed}, step ${step}, runs of effect ${i}`);
    });
    cells.forEach((cell, i) => {
      // One run is for a read in the middle of the batch, the other for later writes.
      assert.ok(!(runs[i] > 2), `seed ${seed}, step ${step}, runs of cell ${i}`);
      if (pick(4) === 0) assert.equal(cell.value, models[i](), `seed ${seed}, step ${step}, cell ${i}`);
    });
  }
  for (const record of effects) record.dispose();
  for (const cell of cells) assert.equal(cell.observers.size, 0, `seed ${seed}: subscription after disposal`);
}

test('graph_of_random_shape_agrees_with_the_model', () => {
  for (let seed = 1; seed <= 2000; seed += 1) compareWithModel(seed);
});
