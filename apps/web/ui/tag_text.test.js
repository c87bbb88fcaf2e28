import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isCategory, isTag, tidyCategory, withTags } from './tag_text.js';

test('names_follow_the_rules_of_the_daemon', () => {
  for (const tag of ['a', 'two words', 'ä/b', 'a'.repeat(255)]) assert.ok(isTag(tag), tag);
  for (const tag of ['', '.', '..', 'a,b', 'a\nb', 'ä'.repeat(128)]) assert.ok(!isTag(tag), tag);
  for (const path of ['a', 'a/b c', Array(16).fill('a').join('/')]) assert.ok(isCategory(path), path);
  for (const path of ['', 'a//b', 'a/..', 'a\\b', 'a\tb', Array(17).fill('a').join('/')]) {
    assert.ok(!isCategory(path), path);
  }
  assert.equal(tidyCategory(' /a/b/ '), 'a/b');
});

test('tags_are_added_once', () => {
  assert.deepEqual(withTags(['a'], ' b, a ,, ..'), { tags: ['a', 'b'], bad: ['..'] });
  const { tags, bad } = withTags(Array.from({ length: 100 }, (_, i) => `t${i}`), 'x');
  assert.deepEqual([tags.length, bad], [100, ['x']]);
});
