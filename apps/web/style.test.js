import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('.', import.meta.url);
const MOST_COLUMNS = 120;

test('lines_have_at_most_120_columns', () => {
  const names = readdirSync(ROOT, { recursive: true }).filter((name) => /\.(js|css|html)$/.test(name)
    && !name.includes('node_modules'));
  assert.ok(names.length > 100);
  const long = names.flatMap((name) => readFileSync(new URL(name, ROOT), 'utf8').split('\n')
    .flatMap((line, i) => ([...line].length > MOST_COLUMNS ? [`${name}:${i + 1}`] : [])));
  assert.deepEqual(long, []);
});
