import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GROUPS, groupsFor, sectionOf } from './sections.js';

test('sections_of_a_newer_daemon_are_shown', () => {
  assert.equal(groupsFor([{ section: 'queue' }]), GROUPS);
  const groups = groupsFor([{ section: 'queue' }, { section: 'rss' }, { section: 'rss' }]);
  const keys = groups.flatMap(({ sections }) => sections.map(({ key }) => key));
  assert.deepEqual(keys.filter((key) => key === 'rss'), ['rss']);
});

test('name_that_is_no_section_shows_the_first', () => {
  assert.deepEqual([sectionOf(GROUPS, 'tags'), sectionOf(GROUPS, 'x'), sectionOf(GROUPS, null)],
    ['tags', 'folders', 'folders']);
});
