//! Goals of seeding: ratio, seeding time and idle time.

use ztor_base::Duration;

/// A goal at one level. Levels are the torrent, its category, the parents of that, and the whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Goal<T> {
    /// The next wider level decides. At the widest level there is no goal.
    #[default]
    Inherit,
    /// No goal, whatever wider levels have.
    Unlimited,
    /// The goal is reached at this value.
    At(T),
}

impl<T> Goal<T> {
    fn or(self, wider: Self) -> Self {
        if matches!(self, Self::Inherit) { wider } else { self }
    }

    fn target(self) -> Option<T> {
        match self {
            Self::At(value) => Some(value),
            Self::Inherit | Self::Unlimited => None,
        }
    }
}

/// Share ratio in thousandths: 1500 is a ratio of 1.5.
///
/// The ratio is the uploaded payload divided by the downloaded payload. If less than a hundredth of the wanted data
/// was downloaded, as for data that was on disk before, it is divided by the size of the wanted data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ratio(u32);

impl Ratio {
    /// Creates a ratio from thousandths.
    pub const fn from_thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// Returns the ratio in thousandths.
    pub const fn as_thousandths(self) -> u32 {
        self.0
    }

    /// Returns the ratio of a torrent, rounded down; `None` if it has neither wanted nor downloaded data.
    pub fn of(uploaded: u64, downloaded: u64, wanted: u64) -> Option<Self> {
        let base = base_of(downloaded, wanted);
        let thousandths = (u128::from(uploaded) * 1000).checked_div(u128::from(base))?;
        Some(Self(u32::try_from(thousandths).unwrap_or(u32::MAX)))
    }
}

fn base_of(downloaded: u64, wanted: u64) -> u64 {
    if downloaded < wanted.div_ceil(100) { wanted } else { downloaded }
}

/// Action at the first goal that is reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum GoalAction {
    /// Stop the torrent.
    #[default]
    Stop,
    /// Remove the torrent and keep its data.
    Remove,
    /// Remove the torrent and its data.
    RemoveWithData,
    /// Switch to super seeding (BEP 16) and continue.
    SuperSeed,
}

/// Goals at one level.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Goals {
    /// Goal of the share ratio.
    pub ratio: Goal<Ratio>,
    /// Goal of the time for which the torrent ran with all wanted data.
    pub seeding_time: Goal<Duration>,
    /// Goal of the time without upload.
    pub idle_time: Goal<Duration>,
    /// Action at the first goal that is reached. `None` leaves it to the next wider level; the widest has
    /// [`GoalAction::Stop`].
    pub action: Option<GoalAction>,
}

impl Goals {
    /// Returns these goals, with those of a wider level where they inherit.
    #[must_use]
    pub fn within(self, wider: Self) -> Self {
        Self {
            ratio: self.ratio.or(wider.ratio),
            seeding_time: self.seeding_time.or(wider.seeding_time),
            idle_time: self.idle_time.or(wider.idle_time),
            action: self.action.or(wider.action),
        }
    }
}

/// Kind of a goal. If several are reached at once, the first of these counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum GoalKind {
    /// Share ratio.
    Ratio,
    /// Seeding time.
    SeedingTime,
    /// Idle time.
    IdleTime,
}

/// Values at which the goals of a torrent are reached, from all levels. `None` is no goal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Targets {
    /// Share ratio.
    pub ratio: Option<Ratio>,
    /// Seeding time.
    pub seeding_time: Option<Duration>,
    /// Idle time.
    pub idle_time: Option<Duration>,
}

/// Values that goals are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) uploaded: u64,
    pub(crate) downloaded: u64,
    pub(crate) wanted: u64,
    pub(crate) seeding_time: Duration,
    pub(crate) idle_time: Duration,
}

impl Targets {
    pub(crate) fn of(goals: Goals) -> Self {
        Self {
            ratio: goals.ratio.target(),
            seeding_time: goals.seeding_time.target(),
            idle_time: goals.idle_time.target(),
        }
    }

    /// Returns the first goal that is reached.
    pub(crate) fn reached(&self, progress: &Progress) -> Option<GoalKind> {
        let Progress { uploaded, downloaded, wanted, .. } = *progress;
        let base = base_of(downloaded, wanted);
        let has_ratio = |target: Ratio| {
            base > 0 && u128::from(uploaded) * 1000 >= u128::from(target.0) * u128::from(base)
        };
        let is_at = |target: Option<Duration>, value| target.is_some_and(|target| value >= target);
        if self.ratio.is_some_and(has_ratio) {
            Some(GoalKind::Ratio)
        } else if is_at(self.seeding_time, progress.seeding_time) {
            Some(GoalKind::SeedingTime)
        } else {
            is_at(self.idle_time, progress.idle_time).then_some(GoalKind::IdleTime)
        }
    }

    /// Returns the time until the first goal is reached by time alone; `None` without such a goal.
    pub(crate) fn due_in(&self, progress: &Progress) -> Option<Duration> {
        let seeding = self.seeding_time.map(|target| target.saturating_sub(progress.seeding_time));
        let idle = self.idle_time.map(|target| target.saturating_sub(progress.idle_time));
        seeding.into_iter().chain(idle).min()
    }
}

/// A goal that a torrent has reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reached {
    /// The goal.
    pub goal: GoalKind,
    /// Values of all goals at that time. The goal can be reached again once they differ.
    pub targets: Targets,
    /// Set if the torrent continues nevertheless: the user resumed it, or the action was [`GoalAction::SuperSeed`].
    pub is_waived: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Progress = Progress {
        uploaded: 0,
        downloaded: 0,
        wanted: 0,
        seeding_time: Duration::ZERO,
        idle_time: Duration::ZERO,
    };

    fn at(thousandths: u32) -> Targets {
        Targets { ratio: Some(Ratio(thousandths)), ..Targets::default() }
    }

    #[test]
    fn ratio_is_exact_at_the_largest_totals() {
        let progress = Progress { uploaded: u64::MAX - 1, downloaded: u64::MAX, ..NONE };
        assert_eq!(at(1000).reached(&progress), None, "one byte is missing");
        assert_eq!(at(999).reached(&progress), Some(GoalKind::Ratio));
        let progress = Progress { uploaded: u64::MAX, downloaded: 1, ..NONE };
        assert_eq!(at(u32::MAX).reached(&progress), Some(GoalKind::Ratio));
        assert_eq!(Ratio::of(u64::MAX, 1, 0), Some(Ratio(u32::MAX)));
    }

    #[test]
    fn ratio_of_data_from_elsewhere_uses_the_wanted_size() {
        for downloaded in [0, 9] {
            let progress = Progress { uploaded: 1500, downloaded, wanted: 1000, ..NONE };
            assert_eq!(at(1500).reached(&progress), Some(GoalKind::Ratio), "{downloaded}");
            assert_eq!(at(1501).reached(&progress), None, "{downloaded}");
        }
        assert_eq!(Ratio::of(10, 10, 1000), Some(Ratio(1000)), "a hundredth was downloaded");
    }

    #[test]
    fn ratio_without_any_data_is_never_reached() {
        assert_eq!(at(0).reached(&NONE), None);
        assert_eq!(Ratio::of(0, 0, 0), None);
    }

    #[test]
    fn goals_within_a_wider_level_inherit_each_value_alone() {
        let torrent = Goals { ratio: Goal::Unlimited, action: Some(GoalAction::Remove), ..Goals::default() };
        let category = Goals { seeding_time: Goal::At(Duration::from_secs(5)), ..Goals::default() };
        let whole = Goals {
            ratio: Goal::At(Ratio(1)),
            seeding_time: Goal::Unlimited,
            idle_time: Goal::At(Duration::from_secs(7)),
            action: Some(GoalAction::SuperSeed),
        };
        let goals = torrent.within(category).within(whole);
        assert_eq!(goals.action, Some(GoalAction::Remove));
        let targets = Targets::of(goals);
        assert_eq!((targets.ratio, targets.seeding_time.map(|time| time.as_secs())), (None, Some(5)));
        assert_eq!(targets.idle_time, Some(Duration::from_secs(7)));
    }

    #[test]
    fn reached_with_several_goals_returns_the_first_kind() {
        let targets = Targets {
            ratio: None,
            seeding_time: Some(Duration::from_secs(10)),
            idle_time: Some(Duration::from_secs(5)),
        };
        let progress = Progress { idle_time: Duration::from_secs(5), ..NONE };
        assert_eq!(targets.reached(&progress), Some(GoalKind::IdleTime));
        let progress = Progress { seeding_time: Duration::from_secs(10), ..progress };
        assert_eq!(targets.reached(&progress), Some(GoalKind::SeedingTime));
        assert_eq!(targets.due_in(&NONE), Some(Duration::from_secs(5)));
    }
}
