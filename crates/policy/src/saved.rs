//! State that outlives a restart, as plain data.

use ztor_base::Duration;

use crate::categories::{CategoryId, CategorySettings};
use crate::goals::{Goals, Reached};
use crate::key::TorrentKey;
use crate::schedule::Alternative;

/// Choice of the user between pause, queue and forced start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Mode {
    /// The queue decides.
    #[default]
    Queue,
    /// The torrent does not run.
    Paused,
    /// The torrent runs, whatever limits, schedule and goals say.
    Forced,
}

/// Everything that outlives a restart, except the configuration. [`Policy::restore`](crate::Policy::restore) accepts
/// any values.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Saved {
    /// Torrents. Of several with one key, the first counts.
    pub torrents: Vec<SavedTorrent>,
    /// The download queue, in order. Unknown and repeated keys are ignored.
    pub queue: Vec<TorrentKey>,
    /// Categories, each after its parent. Those with a bad or repeated path or id are left out, with their children.
    pub categories: Vec<SavedCategory>,
    /// Largest id of a category so far.
    pub last_category: u32,
    /// Known tags. Bad ones are left out.
    pub tags: Vec<String>,
    /// Choice between the schedule and fixed limits.
    pub alternative: Alternative,
}

/// A category in [`Saved`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedCategory {
    /// Id.
    pub id: CategoryId,
    /// Path, such as `linux/debian`.
    pub path: String,
    /// Settings.
    pub settings: CategorySettings,
}

/// A torrent in [`Saved`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedTorrent {
    /// Key.
    pub key: TorrentKey,
    /// Choice of the user.
    pub mode: Mode,
    /// Category; an unknown one counts as `None`.
    pub category: Option<CategoryId>,
    /// Tags. Bad ones are left out.
    pub tags: Vec<String>,
    /// Goals of the torrent alone.
    pub goals: Goals,
    /// Goal that was reached. A removal that was not carried out is not recorded, so that it is requested again.
    pub reached: Option<Reached>,
    /// Set if the torrent ran. It gets its slot back first.
    pub ran: bool,
    /// Place among downloads that gave up their slot because they were slow; 0 for others.
    pub turn: u64,
    /// Time for which a seed has waited for a slot.
    pub waited: Duration,
}

impl SavedTorrent {
    /// A torrent of default settings.
    pub fn new(key: TorrentKey) -> Self {
        Self {
            key,
            mode: Mode::default(),
            category: None,
            tags: Vec::new(),
            goals: Goals::default(),
            reached: None,
            ran: false,
            turn: 0,
            waited: Duration::ZERO,
        }
    }
}
