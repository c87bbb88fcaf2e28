//! The policy machine.

mod labels;
mod restore;
mod settle;
mod slots;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use ztor_base::Instant;

use crate::categories::{Categories, CategoryId};
use crate::config::Config;
use crate::facts::{Facts, Phase};
use crate::goals::Goals;
use crate::key::TorrentKey;
use crate::limits::Limits;
use crate::order::{Move, Order};
use crate::pool::Pools;
use crate::saved::Mode;
use crate::schedule::Alternative;
use crate::tags::Tags;
use crate::torrent::Torrent;

/// Maximum number of torrents.
pub const MAX_TORRENTS: usize = 1_000_000;

/// Error of [`Policy::add`] and of operations on one torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TorrentError {
    /// A torrent has this key already.
    #[error("cannot add the torrent: its key is in use; choose another")]
    Exists,
    /// There are too many torrents.
    #[error("cannot add the torrent: there are {MAX_TORRENTS} already; remove some")]
    TooMany,
    /// No torrent has this key.
    #[error("unknown torrent: it may have been removed; read the list of torrents again")]
    Unknown,
    /// No category has this id.
    #[error("unknown category: it may have been removed; read the list of categories again")]
    UnknownCategory,
}

/// A torrent that is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewTorrent {
    /// Facts at this time.
    pub facts: Facts,
    /// Choice of the user between pause, queue and forced start.
    pub mode: Mode,
    /// Category.
    pub category: Option<CategoryId>,
    /// Goals of this torrent alone.
    pub goals: Goals,
    /// Set if it goes to the top of the queue, and unset if to the end; `None` leaves it to the configuration.
    pub at_top: Option<bool>,
}

impl NewTorrent {
    /// A torrent that the queue manages, without category and goals of its own.
    pub fn new(facts: Facts) -> Self {
        Self { facts, mode: Mode::Queue, category: None, goals: Goals::default(), at_top: None }
    }
}

/// The policy machine. It decides which torrents run and check their data, and which limits apply.
///
/// Methods record facts and acts of the user; they are cheap. [`settle`](Self::settle) decides for all of them at
/// once.
#[derive(Debug)]
pub struct Policy {
    config: Config,
    alternative: Alternative,
    /// Boxed, because the map leaves almost half of its places free.
    torrents: BTreeMap<TorrentKey, Box<Torrent>>,
    order: Order,
    pools: Pools,
    categories: Categories,
    /// Torrents of each category.
    members: BTreeMap<CategoryId, BTreeSet<TorrentKey>>,
    tags: Tags,
    /// Torrents to evaluate in the next settle.
    dirty: BTreeSet<TorrentKey>,
    /// Times at which torrents are evaluated without new facts.
    timers: BTreeSet<(Instant, TorrentKey)>,
    groups: Groups,
    /// Limits of the whole in the last effect; `None` before the first settle.
    sent_limits: Option<Limits>,
    /// Set while the schedule pauses all torrents.
    is_held: bool,
    /// Time of the last settle.
    now: Instant,
    /// Time at which the schedule is read again.
    schedule_at: Option<Instant>,
    slots: Slots,
    /// Number of torrents that were evaluated or compared so far.
    work: u64,
}

/// State of the distribution of slots.
#[derive(Debug, Default)]
struct Slots {
    /// Set if a torrent has changed its place.
    has_changed: bool,
    /// Set if the user has changed the order or the settings. Running torrents are then not protected.
    has_acted: bool,
    /// Time from which waiting downloads may replace running ones behind them.
    replace_at: Instant,
    /// Time at which a waiting torrent may get the slot of another; `None` if only events can change anything.
    due_at: Option<Instant>,
    /// Number of times that a slow download has given up its slot.
    last_turn: u64,
}

/// Limit groups of categories.
#[derive(Debug, Default)]
struct Groups {
    dirty: BTreeSet<CategoryId>,
    /// Parent and limits in the last effect.
    sent: BTreeMap<CategoryId, (Option<CategoryId>, Limits)>,
    /// Removed groups, each after its children.
    removed: Vec<CategoryId>,
}

impl Policy {
    /// Creates a policy without torrents.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            alternative: Alternative::Auto,
            torrents: BTreeMap::new(),
            order: Order::default(),
            pools: Pools::default(),
            categories: Categories::default(),
            members: BTreeMap::new(),
            tags: Tags::default(),
            dirty: BTreeSet::new(),
            timers: BTreeSet::new(),
            groups: Groups::default(),
            sent_limits: None,
            is_held: false,
            now: Instant::ZERO,
            schedule_at: None,
            slots: Slots::default(),
            work: 0,
        }
    }

    /// Adds a torrent. Unless all its data is there, it joins the download queue.
    ///
    /// # Errors
    /// If the key is in use, the category is unknown, or there are too many torrents.
    pub fn add(&mut self, key: TorrentKey, new: NewTorrent) -> Result<(), TorrentError> {
        if self.torrents.contains_key(&key) {
            return Err(TorrentError::Exists);
        }
        if self.torrents.len() >= MAX_TORRENTS {
            return Err(TorrentError::TooMany);
        }
        if new.category.is_some_and(|id| !self.categories.contains(id)) {
            return Err(TorrentError::UnknownCategory);
        }
        let NewTorrent { facts, mode, category, goals, at_top } = new;
        if facts.phase != Phase::Seeding {
            if at_top.unwrap_or(self.config.queue.add_to_top) {
                self.order.push_front(key);
            } else {
                self.order.push_back(key);
            }
        }
        self.torrents.insert(key, Box::new(Torrent::new(facts, mode, category, goals)));
        self.join(key, category);
        self.dirty.insert(key);
        Ok(())
    }

    /// Forgets a torrent, without effects. Returns false if it is unknown.
    pub fn remove(&mut self, key: TorrentKey) -> bool {
        let Some(torrent) = self.torrents.remove(&key) else { return false };
        self.pools.replace(torrent.entry, None);
        if let Some(at) = torrent.wake {
            self.timers.remove(&(at, key));
        }
        self.leave(key, torrent.category);
        self.order.remove(key);
        self.tags.forget(key);
        self.dirty.remove(&key);
        self.slots.has_changed = true;
        true
    }

    /// Records new facts about a torrent. Returns false if it is unknown.
    pub fn update(&mut self, key: TorrentKey, facts: Facts) -> bool {
        let Some(torrent) = self.torrents.get_mut(&key) else { return false };
        if torrent.report(facts) {
            self.dirty.insert(key);
        }
        true
    }

    /// Records a pause by the user. Returns false if the torrent is unknown.
    pub fn pause(&mut self, key: TorrentKey) -> bool {
        self.set_mode(key, Mode::Paused)
    }

    /// Gives a torrent to the queue: ends a pause or a forced start, and continues after a goal. The goal does not
    /// count again before a goal of the torrent is changed. Returns false if the torrent is unknown.
    pub fn resume(&mut self, key: TorrentKey) -> bool {
        self.set_mode(key, Mode::Queue)
    }

    /// Starts a torrent regardless of limits, schedule and goals, and of a goal that it has reached. Returns false
    /// if it is unknown.
    pub fn force_start(&mut self, key: TorrentKey) -> bool {
        self.set_mode(key, Mode::Forced)
    }

    /// Returns the choice of the user for a torrent.
    pub fn mode(&self, key: TorrentKey) -> Option<Mode> {
        self.torrents.get(&key).map(|torrent| torrent.mode)
    }

    fn set_mode(&mut self, key: TorrentKey, mode: Mode) -> bool {
        let Some(torrent) = self.torrents.get_mut(&key) else { return false };
        if mode != Mode::Paused {
            if torrent.stopped_by().is_some() {
                torrent.waive();
            }
            torrent.turn = 0;
            self.slots.has_acted = true;
        }
        torrent.mode = mode;
        self.dirty.insert(key);
        true
    }

    /// Moves torrents in the download queue. Those that are not in it are ignored.
    pub fn move_to(&mut self, keys: &[TorrentKey], target: Move) {
        let moved = self.order.shift(keys, target);
        for key in keys {
            if let Some(torrent) = self.torrents.get_mut(key) {
                torrent.turn = 0;
                torrent.is_first = false;
                self.dirty.insert(*key);
            }
        }
        self.slots.has_acted = true;
        self.dirty.extend(moved);
    }

    /// Returns the download queue: all torrents that need data, including those that run or are paused.
    pub fn queue(&self) -> impl ExactSizeIterator<Item = TorrentKey> {
        self.order.iter()
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Replaces the configuration.
    pub fn set_config(&mut self, config: Config) {
        if config.queue != self.config.queue || config.goals != self.config.goals {
            self.slots.has_acted = true;
            self.dirty.extend(self.torrents.keys());
        }
        self.config = config;
        self.schedule_at = Some(self.now);
    }

    /// Returns the choice between the schedule and fixed limits.
    pub fn alternative(&self) -> Alternative {
        self.alternative
    }

    /// Chooses between the schedule and fixed limits.
    pub fn set_alternative(&mut self, alternative: Alternative) {
        self.alternative = alternative;
        self.schedule_at = Some(self.now);
    }

    /// Sets the goals of a torrent alone.
    ///
    /// # Errors
    /// If the torrent is unknown.
    pub fn set_goals(&mut self, key: TorrentKey, goals: Goals) -> Result<(), TorrentError> {
        self.torrents.get_mut(&key).ok_or(TorrentError::Unknown)?.goals = goals;
        self.dirty.insert(key);
        Ok(())
    }

    /// Returns the goals of a torrent alone.
    pub fn own_goals(&self, key: TorrentKey) -> Option<Goals> {
        self.torrents.get(&key).map(|torrent| torrent.goals)
    }

    /// Returns the goals of a torrent, from all levels.
    pub fn goals(&self, key: TorrentKey) -> Option<Goals> {
        self.torrents.get(&key).map(|torrent| self.goals_of(torrent))
    }

    /// Sets the category of a torrent.
    ///
    /// # Errors
    /// If the torrent or the category is unknown.
    pub fn set_category(
        &mut self,
        key: TorrentKey,
        category: Option<CategoryId>,
    ) -> Result<(), TorrentError> {
        if category.is_some_and(|id| !self.categories.contains(id)) {
            return Err(TorrentError::UnknownCategory);
        }
        let torrent = self.torrents.get_mut(&key).ok_or(TorrentError::Unknown)?;
        let old = std::mem::replace(&mut torrent.category, category);
        self.leave(key, old);
        self.join(key, category);
        self.dirty.insert(key);
        Ok(())
    }

    /// Returns the category of a torrent.
    pub fn category(&self, key: TorrentKey) -> Option<CategoryId> {
        self.torrents.get(&key)?.category
    }

    /// Returns the torrents of a category, without those of its children.
    pub fn torrents_in(&self, category: CategoryId) -> impl Iterator<Item = TorrentKey> {
        self.members.get(&category).into_iter().flatten().copied()
    }

    /// Returns the number of torrents.
    pub fn len(&self) -> usize {
        self.torrents.len()
    }

    /// Returns true if there are no torrents.
    pub fn is_empty(&self) -> bool {
        self.torrents.is_empty()
    }

    /// Returns the number of torrents that [`settle`](Self::settle) has evaluated or compared so far, a measure of
    /// its work.
    pub fn work(&self) -> u64 {
        self.work
    }

    fn goals_of(&self, torrent: &Torrent) -> Goals {
        let category = torrent.category.map(|id| self.categories.goals(id)).unwrap_or_default();
        torrent.goals.within(category).within(self.config.goals)
    }

    fn join(&mut self, key: TorrentKey, category: Option<CategoryId>) {
        if let Some(id) = category {
            self.members.entry(id).or_default().insert(key);
        }
    }

    fn leave(&mut self, key: TorrentKey, category: Option<CategoryId>) {
        if let Some(id) = category
            && let Some(members) = self.members.get_mut(&id)
        {
            members.remove(&key);
            if members.is_empty() {
                self.members.remove(&id);
            }
        }
    }
}
