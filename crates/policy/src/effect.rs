//! Effects that the caller carries out, and states that front ends show.

use crate::categories::CategoryId;
use crate::goals::GoalKind;
use crate::key::TorrentKey;
use crate::limits::Limits;

/// Reason for which a running torrent stops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum StopReason {
    /// The user paused it.
    Paused,
    /// Others have the slots of the queue.
    Queue,
    /// The schedule pauses all torrents.
    Schedule,
    /// A goal was reached.
    Goal(GoalKind),
    /// Its data needs a check.
    Check,
    /// A fault prevents it from running.
    Fault,
}

/// Something that the caller carries out, in the given order.
///
/// Starts and stops of a torrent alternate. The same holds for starts and holds of a check: the end of a check,
/// reported by a new phase, counts as a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Limits of the whole.
    WholeLimits(Limits),
    /// Limits of a category, whose group is created with the first of these effects. The limits of the parent bind as
    /// well; its effect comes first.
    GroupLimits {
        /// Category.
        category: CategoryId,
        /// Parent of the category; `None` at the top.
        parent: Option<CategoryId>,
        /// Limits.
        limits: Limits,
    },
    /// Group that limits a torrent. Torrents are in no group before the first of these effects.
    TorrentGroup {
        /// Torrent.
        torrent: TorrentKey,
        /// Category; `None` if only the whole limits it.
        category: Option<CategoryId>,
    },
    /// End of a category's group. No torrent and no other group is in it.
    GroupRemoved(CategoryId),
    /// A goal was reached. The effects of the action follow.
    GoalReached {
        /// Torrent.
        torrent: TorrentKey,
        /// Goal.
        goal: GoalKind,
    },
    /// Stop a torrent.
    Stop(TorrentKey, StopReason),
    /// Remove a torrent, and its data if `with_data` is set. The caller then calls
    /// [`Policy::remove`](crate::Policy::remove).
    Remove {
        /// Torrent.
        torrent: TorrentKey,
        /// Set if the data is deleted as well.
        with_data: bool,
    },
    /// Switch a torrent to super seeding (BEP 16).
    SuperSeed(TorrentKey),
    /// Hold a check.
    HoldCheck(TorrentKey),
    /// Start or continue a check.
    StartCheck(TorrentKey),
    /// Start a torrent.
    Start(TorrentKey),
}

/// State of a torrent: the decisions of the last [`settle`](crate::Policy::settle), and later acts of the user.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
pub enum State {
    /// No facts were reported since the start of the program.
    Loading,
    /// A check is under way.
    Checking,
    /// A check waits for others.
    QueuedForCheck,
    /// The torrent runs.
    Running {
        /// Set if the user forced the start.
        is_forced: bool,
        /// Set if it is too slow to count against the limits.
        is_slow: bool,
    },
    /// The torrent waits for a slot.
    Queued {
        /// Position in the download queue, from 0; `None` for seeds.
        position: Option<usize>,
    },
    /// The user paused it.
    Paused,
    /// The schedule pauses all torrents.
    HeldBySchedule,
    /// A goal was reached.
    GoalReached {
        /// Goal.
        goal: GoalKind,
    },
    /// A fault prevents it from running.
    Fault,
}
