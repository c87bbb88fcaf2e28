import assert from 'node:assert/strict';
import { test } from 'node:test';

import { random as numbersFrom } from '../base/random.helpers.js';
import { DAY_MINUTES, WEEK_MINUTES, effectAt, effectText, entriesOf, entryText, isMixed, paint, parseEntries,
  parseEntry, parseMinute, weekOf } from './schedule.js';

const week = (...texts) => weekOf(texts.map(parseEntry));
const texts = (value) => entriesOf(value).map(entryText);
const PAUSE = { kind: 'pause' };

test('canonical_text_of_an_entry_is_that_of_the_daemon', () => {
  for (const [text, canonical] of [
    ['mon-fri 8:00-18:00 up=200k down=1MiB/s', 'mon-fri 08:00-18:00 down=1MiB/s up=200KiB/s'],
    ['SUN,sat 00:00-24:00 unlimited', 'sat,sun 00:00-24:00 unlimited'],
    ['daily 02:00-06:00 pause', 'daily 02:00-06:00 pause'],
    ['sat-mon 22:00-00:00 down=1MB', 'mon,sat,sun 22:00-24:00 down=1MB/s'],
    ['mon-sun 00:00-00:00 down=unlimited', 'daily 00:00-24:00 unlimited'],
    ['tue,wed,thu,sun 23:30-06:15 up=1025', 'tue-thu,sun 23:30-06:15 up=1025B/s'],
  ]) {
    const entry = parseEntry(text);
    assert.equal(entryText(entry), canonical);
    assert.deepEqual(parseEntry(canonical), entry);
  }
});

test('text_that_is_no_entry_is_refused', () => {
  for (const text of ['', 'mon', 'mon 08:00', 'mon 08:00-09:00', 'mon 8-9 pause', 'mon 24:00-01:00 pause',
    'mon 08:00-24:01 pause', 'mon 08:60-09:00 pause', 'mon 08:00-09:00 pause now', 'mon 08:00-09:00 unlimited up=1k',
    'mon 08:00-09:00 up=0', 'mon 08:00-09:00 up=1k up=2k', 'mon 08:00-09:00 left=1k', 'moon 08:00-09:00 pause',
    ',mon 08:00-09:00 pause', 'mon-tue-wed 08:00-09:00 pause', 'mon 08:00-09:00-10:00 pause', 'mon 099:00-10:00 pause',
  ]) assert.equal(parseEntry(text), null, text);
  assert.deepEqual(parseEntries(['daily 00:00-24:00 pause', ' no entry ']), { entries: null, fault: 'no entry' });
  assert.deepEqual([parseMinute('24:00'), parseMinute('24:01'), parseMinute('x')], [1440, null, null]);
});

test('entry_past_midnight_belongs_to_the_day_on_which_it_starts', () => {
  const night = week('sun 22:00-06:00 pause');
  const at = (day, hour) => effectAt(night, day * DAY_MINUTES + hour * 60);
  assert.deepEqual([at(6, 22), at(0, 5), at(0, 6), at(6, 3)], [PAUSE, PAUSE, null, null]);
  assert.deepEqual(texts(night), ['sun 22:00-06:00 pause']);
});

test('last_of_several_entries_counts', () => {
  const both = week('daily 00:00-24:00 down=1k', 'sat,sun 01:00-02:00 pause');
  assert.deepEqual(effectAt(both, 5 * DAY_MINUTES + 60), PAUSE);
  assert.deepEqual(texts(both), ['mon-fri 00:00-24:00 down=1KiB/s', 'sat,sun 00:00-01:00 down=1KiB/s',
    'sat,sun 01:00-02:00 pause', 'sat,sun 02:00-24:00 down=1KiB/s']);
});

test('painting_keeps_borders_between_slots_and_erases', () => {
  const start = week('mon 08:15-09:00 pause');
  assert.ok(isMixed(start, 480, 30) && !isMixed(start, 510, 30));
  const limits = { kind: 'limits', down: 1024, up: null };
  const painted = paint(paint(start, 540, 60, limits), 510, 30, null);
  assert.deepEqual(texts(painted), ['mon 08:15-08:30 pause', 'mon 09:00-10:00 down=1KiB/s']);
  assert.deepEqual(texts(paint(start, WEEK_MINUTES - 60, 120, PAUSE)),
    ['mon 08:15-09:00 pause', 'sun 23:00-01:00 pause']);
  assert.deepEqual(texts(start), ['mon 08:15-09:00 pause']);
});

test('entries_of_a_week_have_the_effects_of_the_week', () => {
  const random = numbersFrom(7);
  const effects = [null, PAUSE, { kind: 'unlimited' }, { kind: 'limits', down: 1024, up: 500 }];
  for (let round = 0; round < 60; round += 1) {
    let painted = week();
    for (let stroke = 0; stroke < 12; stroke += 1) {
      const [start, length] = [random(336) * 30, (1 + random(120)) * 30];
      painted = paint(painted, start, length, effects[random(effects.length)]);
    }
    const again = weekOf(entriesOf(painted).map((entry) => parseEntry(entryText(entry))));
    for (let minute = 0; minute < WEEK_MINUTES; minute += 15) {
      const [a, b] = [effectAt(again, minute), effectAt(painted, minute)];
      assert.equal(a && effectText(a), b && effectText(b), `round ${round}, minute ${minute}`);
    }
  }
});

test('a_whole_week_of_one_effect_is_one_entry', () => {
  assert.deepEqual(texts(paint(week(), 0, WEEK_MINUTES, PAUSE)), ['daily 00:00-24:00 pause']);
  assert.deepEqual(texts(week('daily 22:00-06:00 pause')), ['daily 22:00-06:00 pause']);
  assert.deepEqual(texts(week()), []);
});
