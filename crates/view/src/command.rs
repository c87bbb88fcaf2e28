//! Commands on torrents: labels, keys, when they can run, and the actions that they ask of the daemon.

use ztor_api::{Action, QueueMove, State, Torrent};

/// A command on the selected torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the labels say it")]
pub enum Command {
    Start,
    ForceStart,
    Stop,
    Retry,
    Rename,
    Category,
    Tags,
    Limits,
    Trackers,
    Move,
    Recheck,
    Reannounce,
    Sequential,
    EndsFirst,
    SuperSeeding,
    QueueTop,
    QueueUp,
    QueueDown,
    QueueBottom,
    CopyName,
    CopyHash,
    CopyMagnet,
    Remove,
}

/// Commands in groups, in the order of menus.
pub const GROUPS: [&[Command]; 6] = [
    &[Command::Start, Command::ForceStart, Command::Stop, Command::Retry],
    &[Command::Rename, Command::Category, Command::Tags, Command::Limits, Command::Trackers],
    &[
        Command::Move,
        Command::Recheck,
        Command::Reannounce,
        Command::Sequential,
        Command::EndsFirst,
        Command::SuperSeeding,
    ],
    &[Command::QueueTop, Command::QueueUp, Command::QueueDown, Command::QueueBottom],
    &[Command::CopyName, Command::CopyHash, Command::CopyMagnet],
    &[Command::Remove],
];

/// Facts about the selected torrents on which commands depend. Torrents that are not loaded count as able to do all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Number of torrents.
    pub count: usize,
    /// True if one can be started.
    pub can_start: bool,
    /// True if one can be started by force.
    pub can_force: bool,
    /// True if one can be stopped.
    pub can_stop: bool,
    /// True if one has a fault.
    pub can_retry: bool,
    /// True if all fetch their pieces in order.
    pub is_sequential: bool,
    /// True if all fetch the ends of files first.
    pub is_ends_first: bool,
    /// True if all hide pieces while they are the only seed.
    pub is_super_seeding: bool,
}

impl Summary {
    /// Returns the facts about `count` torrents, of which some are loaded.
    pub fn of<'a>(loaded: impl IntoIterator<Item = &'a Torrent>, count: usize) -> Self {
        let loaded: Vec<&Torrent> = loaded.into_iter().collect();
        let has_unknown = count > loaded.len();
        let some = |test: fn(&Torrent) -> bool| has_unknown || loaded.iter().any(|torrent| test(torrent));
        let all = |test: fn(&Torrent) -> bool| {
            !loaded.is_empty() && !has_unknown && loaded.iter().all(|torrent| test(torrent))
        };
        Self {
            count,
            can_start: some(is_stopped),
            can_force: some(|torrent| !torrent.is_forced || is_stopped(torrent)),
            can_stop: some(|torrent| torrent.state != State::Paused),
            can_retry: some(|torrent| torrent.state == State::Error || torrent.fault.is_some()),
            is_sequential: all(|torrent| torrent.is_sequential),
            is_ends_first: all(|torrent| torrent.is_ends_first),
            is_super_seeding: all(|torrent| torrent.is_super_seeding),
        }
    }
}

fn is_stopped(torrent: &Torrent) -> bool {
    matches!(torrent.state, State::Paused | State::Done | State::Scheduled | State::Unknown)
}

impl Command {
    /// Returns the label. One that ends in `…` opens a dialog.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::ForceStart => "Force start",
            Self::Stop => "Stop",
            Self::Retry => "Try again",
            Self::Rename => "Rename…",
            Self::Category => "Set category…",
            Self::Tags => "Edit tags…",
            Self::Limits => "Set limits…",
            Self::Trackers => "Add trackers…",
            Self::Move => "Move files…",
            Self::Recheck => "Check files",
            Self::Reannounce => "Announce now",
            Self::Sequential => "Download in order",
            Self::EndsFirst => "Download ends of files first",
            Self::SuperSeeding => "Super-seeding",
            Self::QueueTop => "To the top of the queue",
            Self::QueueUp => "Up in the queue",
            Self::QueueDown => "Down in the queue",
            Self::QueueBottom => "To the bottom of the queue",
            Self::CopyName => "Copy name",
            Self::CopyHash => "Copy info-hash",
            Self::CopyMagnet => "Copy magnet link",
            Self::Remove => "Remove…",
        }
    }

    /// Returns true if the command can run.
    pub const fn can_run(self, summary: &Summary) -> bool {
        if summary.count == 0 {
            return false;
        }
        match self {
            Self::Start => summary.can_start,
            Self::ForceStart => summary.can_force,
            Self::Stop => summary.can_stop,
            Self::Retry => summary.can_retry,
            Self::Rename => summary.count == 1,
            _ => true,
        }
    }

    /// Returns the state of a command that is a switch.
    pub const fn is_checked(self, summary: &Summary) -> Option<bool> {
        match self {
            Self::Sequential => Some(summary.is_sequential),
            Self::EndsFirst => Some(summary.is_ends_first),
            Self::SuperSeeding => Some(summary.is_super_seeding),
            _ => None,
        }
    }

    /// Returns the action that the command asks of the daemon; `None` if the user has to say more, or the front end does
    /// it.
    pub const fn action(self, summary: &Summary) -> Option<Action> {
        Some(match self {
            Self::Start => Action::Start { force: false },
            Self::ForceStart => Action::Start { force: true },
            Self::Stop => Action::Stop,
            Self::Retry => Action::Retry,
            Self::Recheck => Action::Recheck,
            Self::Reannounce => Action::Reannounce,
            Self::Sequential => Action::SetSequential { on: !summary.is_sequential },
            Self::EndsFirst => Action::SetEndsFirst { on: !summary.is_ends_first },
            Self::SuperSeeding => Action::SetSuperSeeding { on: !summary.is_super_seeding },
            Self::QueueTop => Action::Queue { to: QueueMove::Top },
            Self::QueueUp => Action::Queue { to: QueueMove::Up },
            Self::QueueDown => Action::Queue { to: QueueMove::Down },
            Self::QueueBottom => Action::Queue { to: QueueMove::Bottom },
            _ => return None,
        })
    }
}

/// Returns the terms that name torrents in requests.
pub fn terms(ids: impl IntoIterator<Item = u64>) -> Vec<String> {
    ids.into_iter().map(|id| format!("id:{id}")).collect()
}
