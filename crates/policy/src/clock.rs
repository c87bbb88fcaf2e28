//! Time as the caller gives it: monotonic time for durations, local time for schedules.

use ztor_base::Instant;

/// Number of minutes of a day.
pub(crate) const DAY_MINUTES: u16 = 24 * 60;

/// Day of the week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// All days, from Monday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Returns the day before.
    #[must_use]
    pub const fn previous(self) -> Self {
        match self {
            Self::Monday => Self::Sunday,
            Self::Tuesday => Self::Monday,
            Self::Wednesday => Self::Tuesday,
            Self::Thursday => Self::Wednesday,
            Self::Friday => Self::Thursday,
            Self::Saturday => Self::Friday,
            Self::Sunday => Self::Saturday,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Set of weekdays.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Weekdays(u8);

impl Weekdays {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// All seven days.
    pub const ALL: Self = Self(0x7f);
    /// Monday to Friday.
    pub const WORKDAYS: Self = Self(0x1f);
    /// Saturday and Sunday.
    pub const WEEKEND: Self = Self(0x60);

    /// Returns the set with a day added.
    #[must_use]
    pub const fn with(self, day: Weekday) -> Self {
        Self(self.0 | day.bit())
    }

    /// Returns true if the set contains a day.
    pub const fn contains(self, day: Weekday) -> bool {
        self.0 & day.bit() != 0
    }
}

impl FromIterator<Weekday> for Weekdays {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        days.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Local civil time within a week. It may jump in either direction between two calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LocalTime {
    weekday: Weekday,
    minute: u16,
    second: u8,
}

impl LocalTime {
    /// Creates a time from the day, the minute of the day and the second of the minute. Values beyond the last minute
    /// or second become the last one, as for a leap second.
    pub const fn new(weekday: Weekday, minute: u16, second: u8) -> Self {
        let minute = if minute < DAY_MINUTES { minute } else { DAY_MINUTES - 1 };
        let second = if second < 60 { second } else { 59 };
        Self { weekday, minute, second }
    }

    /// Returns the day.
    pub const fn weekday(self) -> Weekday {
        self.weekday
    }

    /// Returns the minute of the day, 0 to 1439.
    pub const fn minute(self) -> u16 {
        self.minute
    }

    /// Returns the second of the minute, 0 to 59.
    pub const fn second(self) -> u8 {
        self.second
    }
}

/// Both times of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Clock {
    now: Instant,
    local: LocalTime,
}

impl Clock {
    /// Combines the monotonic time with the local time at that instant.
    pub const fn new(now: Instant, local: LocalTime) -> Self {
        Self { now, local }
    }

    /// Returns the monotonic time.
    pub const fn now(self) -> Instant {
        self.now
    }

    /// Returns the local time.
    pub const fn local(self) -> LocalTime {
        self.local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_of_days_contain_exactly_these() {
        let days: Weekdays = [Weekday::Monday, Weekday::Sunday].into_iter().collect();
        let contained: Vec<_> = Weekday::ALL.into_iter().filter(|day| days.contains(*day)).collect();
        assert_eq!(contained, [Weekday::Monday, Weekday::Sunday]);
        for day in Weekday::ALL {
            assert!(Weekdays::ALL.contains(day) && !Weekdays::NONE.contains(day));
            assert_ne!(Weekdays::WORKDAYS.contains(day), Weekdays::WEEKEND.contains(day));
        }
    }

    #[test]
    fn local_time_beyond_the_day_is_its_last_second() {
        let time = LocalTime::new(Weekday::Friday, u16::MAX, 60);
        assert_eq!((time.minute(), time.second()), (1439, 59));
    }
}
