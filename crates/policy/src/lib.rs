//! Policy of a client: which torrents run and check their data, and which rate limits apply.
//!
//! [`Policy`] is a state machine without I/O, clock, threads and randomness. A driver reports facts about torrents
//! and acts of the user. [`Policy::settle`] decides about all of them at once and returns [`Effect`]s, which the
//! driver carries out. The same calls give the same effects.
//!
//! ```
//! use ztor_base::Instant;
//! use ztor_policy::{Clock, Config, Effect, Facts, Limits, LocalTime, NewTorrent, Phase, Policy, State};
//! use ztor_policy::{TorrentKey, Weekday};
//!
//! let mut config = Config::default();
//! config.queue.downloads = Some(1);
//! let mut policy = Policy::new(config);
//! let (first, second) = (TorrentKey::new(1), TorrentKey::new(2));
//! policy.add(first, NewTorrent::new(Facts::new(Phase::Downloading)))?;
//! policy.add(second, NewTorrent::new(Facts::new(Phase::Downloading)))?;
//! // A driver's turn: report what has changed, then settle and carry out the effects.
//! let clock = Clock::new(Instant::ZERO, LocalTime::new(Weekday::Monday, 8 * 60, 0));
//! let mut effects = Vec::new();
//! policy.settle(clock, &mut effects);
//! assert_eq!(effects, [Effect::WholeLimits(Limits::NONE), Effect::Start(first)]);
//! assert_eq!(policy.state_of(second), Some(State::Queued { position: Some(1) }));
//!
//! policy.update(first, Facts::new(Phase::Seeding));
//! effects.clear();
//! policy.settle(clock, &mut effects);
//! assert_eq!(effects, [Effect::Start(second)]);
//! // Sleep until something changes or the time comes.
//! let _wake_at = policy.poll_timeout();
//! # Ok::<(), ztor_policy::TorrentError>(())
//! ```
//!
//! # Queue
//!
//! Torrents that need data are in the download queue, at positions without gaps. A torrent leaves it when its data is
//! complete, and joins it at the end when it needs data again. Downloads get slots in that order; [`QueueConfig`] has
//! the limits. Slow torrents run without a slot, up to the limit of the total. Where that limit keeps others waiting,
//! slow downloads give up their place in turn.
//!
//! Seeds get slots by waiting time. A seed that its swarm needs is up to six hours ahead, and one past its goal six
//! hours behind, so that each has a turn. Downloads precede seeds where both need part of the total.
//!
//! A started torrent keeps its slot for [`QueueConfig::min_run`]. Free slots are filled at once.
//!
//! A download that is slow gives up its slot, not its place in the total. Where it gave up that as well, it goes
//! behind all others until data arrives or the user acts. Torrents that are checked take no slot; checks have a limit
//! of their own, and go on while a torrent is paused.
//!
//! # Goals
//!
//! Goals count for torrents that have all their data and are neither paused nor started by force. A goal that is
//! reached is reported once. The torrent continues when the user resumes it, or when the goal is raised above its
//! value.
//!
//! # Schedules
//!
//! A schedule changes the limits of the whole, or pauses all torrents except those with forced start. Checks go on.
//! The user may switch to the alternative or the normal limits instead, which also ends a scheduled pause.
//!
//! # Limits
//!
//! The limits of the whole come from the configuration, the schedule or the user's choice. Categories form a tree of
//! limit groups below the whole: the limits of each group bind all that is in it. The driver keeps the token buckets.
//!
//! # Restarts
//!
//! [`Policy::saved`] returns everything that outlives a restart, and [`Policy::restore`] accepts it again. A restored
//! torrent is [`State::Loading`] until its facts are reported. Torrents that ran get their slots back first.
//!
//! Modules: `policy` is the machine. Its `settle` evaluates what has changed, `slots` distributes slots, `labels`
//! edits categories and tags, `restore` converts from and to the saved form, and `status` answers front ends.
//! `torrent` is one torrent, `order` the download queue, `pool` the torrents that compete for slots. `goals`,
//! `schedule`, `categories` and `tags` hold the rules of their names.
#![forbid(unsafe_code)]

mod categories;
mod clock;
mod config;
mod effect;
mod facts;
mod goals;
mod key;
mod limits;
mod order;
mod policy;
mod pool;
mod saved;
mod schedule;
mod tags;
mod torrent;

pub use categories::{
    Categories, CategoryError, CategoryId, CategorySettings, MAX_CATEGORIES, MAX_CATEGORY_DEPTH,
    MAX_CATEGORY_NAME, check_category_path,
};
pub use clock::{Clock, LocalTime, Weekday, Weekdays};
pub use config::{Config, QueueConfig, SlowRule};
pub use effect::{Effect, State, StopReason};
pub use facts::{Facts, Phase, Swarm};
pub use goals::{Goal, GoalAction, GoalKind, Goals, Ratio, Reached, Targets};
pub use key::TorrentKey;
pub use limits::Limits;
pub use order::Move;
pub use policy::{MAX_TORRENTS, NewTorrent, Policy, TorrentError};
pub use saved::{Mode, Saved, SavedCategory, SavedTorrent};
pub use schedule::{
    Alternative, MAX_SCHEDULE_ENTRIES, Schedule, ScheduleAction, ScheduleEntry, ScheduleError,
};
pub use tags::{MAX_TAG_LEN, MAX_TAGS, MAX_TORRENT_TAGS, TagError, Tags, check_tags};
