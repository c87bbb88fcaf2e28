//! Schedules by weekday and time of day.

use thiserror::Error;
use ztor_base::Duration;

use crate::clock::{DAY_MINUTES, LocalTime, Weekdays};
use crate::limits::Limits;

/// Maximum number of entries of a schedule.
pub const MAX_SCHEDULE_ENTRIES: usize = 1000;

/// Effect of a schedule entry while it is in force.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScheduleAction {
    /// These limits replace the normal ones.
    Limits(Limits),
    /// No limits, whatever the normal ones are.
    Unlimited,
    /// All torrents stop, except those with forced start.
    Pause,
}

/// Error of [`Schedule::new`] and [`ScheduleEntry::new`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ScheduleError {
    /// A minute beyond the end of the day.
    #[error("bad schedule entry: minute {minute} is not in a day; use 0 to 1439")]
    BadMinute {
        /// Minute that was given.
        minute: u16,
    },
    /// An entry without a weekday.
    #[error("bad schedule entry: it has no weekday; add at least one")]
    NoDay,
    /// Too many entries.
    #[error("bad schedule: {count} entries exceed the maximum of {MAX_SCHEDULE_ENTRIES}; remove some")]
    TooMany {
        /// Number of entries that was given.
        count: usize,
    },
}

/// An entry of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScheduleEntry {
    days: Weekdays,
    from: u16,
    to: u16,
    action: ScheduleAction,
}

impl ScheduleEntry {
    /// Creates an entry that is in force on `days`, from minute `from` of the day until before minute `to`.
    ///
    /// If `to` is not after `from`, the entry ends on the next day, and `days` are the days on which it starts. Equal
    /// minutes are a span of 24 hours.
    ///
    /// # Errors
    /// If a minute is not in 0 to 1439, or `days` is empty.
    pub fn new(days: Weekdays, from: u16, to: u16, action: ScheduleAction) -> Result<Self, ScheduleError> {
        if let Some(minute) = [from, to].into_iter().find(|minute| *minute >= DAY_MINUTES) {
            return Err(ScheduleError::BadMinute { minute });
        }
        if days == Weekdays::NONE {
            return Err(ScheduleError::NoDay);
        }
        Ok(Self { days, from, to, action })
    }

    /// Returns true if the entry is in force at a local time.
    pub fn is_in_force(&self, local: LocalTime) -> bool {
        let (today, yesterday) = (local.weekday(), local.weekday().previous());
        let (is_from, is_before) = (self.from <= local.minute(), local.minute() < self.to);
        if self.from < self.to {
            self.days.contains(today) && is_from && is_before
        } else {
            self.days.contains(today) && is_from || self.days.contains(yesterday) && is_before
        }
    }

    /// Returns the days on which the entry starts.
    pub const fn days(&self) -> Weekdays {
        self.days
    }

    /// Returns the first minute of the day, and the minute after the last one.
    pub const fn minutes(&self) -> (u16, u16) {
        (self.from, self.to)
    }

    /// Returns the effect.
    pub const fn action(&self) -> ScheduleAction {
        self.action
    }
}

/// A list of entries. Where several are in force, the last one counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Schedule {
    entries: Vec<ScheduleEntry>,
}

impl Schedule {
    /// Creates a schedule.
    ///
    /// # Errors
    /// If there are more than [`MAX_SCHEDULE_ENTRIES`].
    pub fn new(entries: Vec<ScheduleEntry>) -> Result<Self, ScheduleError> {
        let count = entries.len();
        if count > MAX_SCHEDULE_ENTRIES {
            return Err(ScheduleError::TooMany { count });
        }
        Ok(Self { entries })
    }

    /// Returns the entries.
    pub fn entries(&self) -> &[ScheduleEntry] {
        &self.entries
    }

    /// Returns the action in force at a local time.
    pub fn action_at(&self, local: LocalTime) -> Option<ScheduleAction> {
        self.entries.iter().rev().find(|entry| entry.is_in_force(local)).map(ScheduleEntry::action)
    }

    /// Returns the time until any entry may start or end, at most a day; `None` without entries.
    pub(crate) fn next_border(&self, local: LocalTime) -> Option<Duration> {
        let day_s = u64::from(DAY_MINUTES) * 60;
        let now_s = u64::from(local.minute()) * 60 + u64::from(local.second());
        let borders = self.entries.iter().flat_map(|entry| [entry.from, entry.to]);
        let waits = borders.map(|minute| (u64::from(minute) * 60 + day_s - now_s - 1) % day_s + 1);
        waits.min().map(Duration::from_secs)
    }
}

/// Choice of the user between the schedule and fixed limits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Alternative {
    /// The schedule decides.
    #[default]
    Auto,
    /// The alternative limits apply. The schedule is ignored, with its pauses.
    On,
    /// The normal limits apply. The schedule is ignored, with its pauses.
    Off,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock::Weekday;

    fn entry(days: Weekdays, from: u16, to: u16) -> ScheduleEntry {
        ScheduleEntry::new(days, from, to, ScheduleAction::Pause).unwrap()
    }

    fn at(weekday: Weekday, hour: u16, minute: u16) -> LocalTime {
        LocalTime::new(weekday, hour * 60 + minute, 0)
    }

    #[test]
    fn entry_past_midnight_belongs_to_the_day_on_which_it_starts() {
        let night = entry(Weekdays::NONE.with(Weekday::Sunday), 22 * 60, 6 * 60);
        assert!(
            night.is_in_force(at(Weekday::Sunday, 22, 0)) && night.is_in_force(at(Weekday::Monday, 5, 59))
        );
        for outside in
            [at(Weekday::Monday, 6, 0), at(Weekday::Sunday, 21, 59), at(Weekday::Sunday, 3, 0)].into_iter()
        {
            assert!(!night.is_in_force(outside), "{outside:?}");
        }
    }

    #[test]
    fn entry_with_equal_minutes_lasts_a_day() {
        let day = entry(Weekdays::NONE.with(Weekday::Monday), 0, 0);
        let noon = entry(Weekdays::NONE.with(Weekday::Monday), 720, 720);
        let minutes = |entry: &ScheduleEntry| {
            let all =
                Weekday::ALL.into_iter().flat_map(|day| (0..1440).map(move |m| LocalTime::new(day, m, 0)));
            all.filter(|local| entry.is_in_force(*local)).count()
        };
        assert_eq!((minutes(&day), minutes(&noon)), (1440, 1440));
        assert!(day.is_in_force(at(Weekday::Monday, 23, 59)) && !day.is_in_force(at(Weekday::Tuesday, 0, 0)));
        assert!(noon.is_in_force(at(Weekday::Tuesday, 11, 59)));
    }

    #[test]
    fn schedule_with_several_entries_in_force_takes_the_last() {
        let limits = ScheduleAction::Limits(Limits { down_per_s: Some(1), up_per_s: None });
        let all = ScheduleEntry::new(Weekdays::ALL, 0, 0, limits).unwrap();
        let schedule = Schedule::new(vec![all, entry(Weekdays::WEEKEND, 60, 120)]).unwrap();
        assert_eq!(schedule.action_at(at(Weekday::Saturday, 1, 0)), Some(ScheduleAction::Pause));
        assert_eq!(schedule.action_at(at(Weekday::Saturday, 2, 0)), Some(limits));
        assert_eq!(schedule.action_at(at(Weekday::Friday, 1, 0)), Some(limits));
    }

    #[test]
    fn next_border_is_after_now_and_at_most_a_day_away() {
        let schedule = Schedule::new(vec![entry(Weekdays::ALL, 60, 120)]).unwrap();
        let wait = |minute, second| {
            schedule.next_border(LocalTime::new(Weekday::Monday, minute, second)).unwrap().as_secs()
        };
        assert_eq!((wait(59, 30), wait(60, 0), wait(119, 59)), (30, 3600, 1));
        assert_eq!(wait(120, 0), 23 * 3600);
        assert_eq!(Schedule::default().next_border(at(Weekday::Monday, 0, 0)), None);
    }

    #[test]
    fn entry_with_bad_values_is_an_error() {
        let new = |days, from, to| ScheduleEntry::new(days, from, to, ScheduleAction::Unlimited);
        assert_eq!(new(Weekdays::ALL, 1440, 0), Err(ScheduleError::BadMinute { minute: 1440 }));
        assert_eq!(new(Weekdays::ALL, 0, 1441), Err(ScheduleError::BadMinute { minute: 1441 }));
        assert_eq!(new(Weekdays::NONE, 0, 1), Err(ScheduleError::NoDay));
        let entries = vec![entry(Weekdays::ALL, 0, 1); MAX_SCHEDULE_ENTRIES + 1];
        assert_eq!(Schedule::new(entries), Err(ScheduleError::TooMany { count: 1001 }));
    }
}
