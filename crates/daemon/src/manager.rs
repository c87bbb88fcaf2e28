//! The policy, and its effects on a session.

use crate::clock::PolicyClock;
use crate::facts::facts_of;
use std::collections::BTreeMap;
use std::sync::Arc;
use ztor_policy::{
    CategoryId, Config, Effect, Facts, GoalKind, Goals, Limits, Mode, Phase, Policy, Saved, StopReason,
    TorrentError, TorrentKey,
};
use ztor_session::{
    GroupLimits, LimitGroup, RateLimits, Session, Settings, Snapshot, TorrentHandle, TorrentId,
};

/// Manager of the torrents of a session.
///
/// Torrents that it manages begin [paused](field@ztor_session::AddTorrent::paused): the policy starts them. If no rule can
/// hold them back, they may as well run from the beginning. Acts of the user go through
/// [`policy_mut`](Self::policy_mut), not through the handles of torrents.
#[derive(Debug)]
pub struct Manager {
    policy: Policy,
    clock: PolicyClock,
    settings: Settings,
    torrents: BTreeMap<TorrentKey, TorrentHandle>,
    /// Status as it was reported to the policy last.
    seen: Arc<Snapshot>,
    /// True until the limits of the session are those of the policy.
    is_new: bool,
}

/// Choices of the user for a new torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NewTorrent {
    /// Goals of this torrent alone.
    pub goals: Goals,
    /// Category, whose limits and goals apply.
    pub category: Option<CategoryId>,
    /// True to leave it paused until the user resumes it.
    pub is_paused: bool,
}

/// A decision of the policy that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A torrent was started.
    Started(TorrentId),
    /// A torrent was stopped, for this reason.
    Stopped(TorrentId, StopReason),
    /// A torrent has reached a goal. The event of its action follows.
    GoalReached(TorrentId, GoalKind),
    /// The policy requests something of a torrent that the session cannot do, by its name. The torrent goes on as it was.
    NotSupported(TorrentId, &'static str),
    /// A torrent was removed, with its data if `with_data` is true.
    Removed {
        /// The torrent.
        torrent: TorrentId,
        /// True if its data is deleted.
        with_data: bool,
    },
}

impl Manager {
    /// Creates a manager by these rules. `settings` are those of the session, apart from its limits.
    ///
    /// Checks are not held back, as the session reads the data of one torrent at a time from each disk.
    pub fn new(config: Config, settings: Settings) -> Self {
        Self::with(Policy::new(without_check_limit(config)), settings)
    }

    /// Creates a manager that continues where an earlier one has ended ([`Policy::saved`]).
    pub fn restore(config: Config, saved: Saved, settings: Settings) -> Self {
        Self::with(Policy::restore(without_check_limit(config), saved), settings)
    }

    fn with(policy: Policy, settings: Settings) -> Self {
        let (torrents, seen) = (BTreeMap::new(), Arc::default());
        Self { policy, clock: PolicyClock::start(), settings, torrents, seen, is_new: true }
    }

    /// Manages a torrent.
    ///
    /// # Errors
    /// The manager has the torrent already, the category does not exist, or there are too many torrents.
    pub fn add(&mut self, torrent: TorrentHandle, new: NewTorrent) -> Result<(), TorrentError> {
        let key = key_of(torrent.id());
        let mode = if new.is_paused { Mode::Paused } else { Mode::Queue };
        let (goals, category) = (new.goals, new.category);
        let facts = torrent.status().map_or_else(|| Facts::new(Phase::Metadata), |status| facts_of(&status));
        self.policy.add(
            key,
            ztor_policy::NewTorrent { mode, category, goals, ..ztor_policy::NewTorrent::new(facts) },
        )?;
        self.torrents.insert(key, torrent);
        Ok(())
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the policy, for acts of the user. They take effect with the next [`turn`](Self::turn).
    pub fn policy_mut(&mut self) -> &mut Policy {
        &mut self.policy
    }

    /// Returns the state of a torrent by the policy; `None` if it is not managed.
    pub fn state_of(&self, torrent: TorrentId) -> Option<ztor_policy::State> {
        self.policy.state_of(key_of(torrent))
    }

    /// Changes the settings of the session, apart from its limits.
    pub fn set_settings(&mut self, session: &Session, settings: Settings) {
        self.settings = settings.limits(self.settings.limits);
        drop(session.set_settings(&self.settings));
    }

    /// Reports changes to the policy, and carries out its decisions. Requests to the session are sent, and not waited
    /// for. Call it a few times a second.
    pub fn turn(&mut self, session: &Session) -> Vec<Event> {
        self.report(session.snapshot());
        let mut effects = Vec::new();
        self.policy.settle(self.clock.now(), &mut effects);
        effects.into_iter().filter_map(|effect| self.carry_out(session, effect)).collect()
    }

    /// Reports the torrents whose status has changed.
    fn report(&mut self, snapshot: Arc<Snapshot>) {
        if Arc::ptr_eq(&snapshot, &self.seen) {
            return;
        }
        let mut gone: Vec<TorrentKey> = Vec::new();
        for key in self.torrents.keys() {
            let id = TorrentId::from_u64(key.as_u64());
            match (snapshot.torrent(id), self.seen.torrent(id)) {
                // Unchanged torrents are shared by the two snapshots.
                (Some(now), Some(before)) if std::ptr::eq(now, before) => {}
                (Some(now), _) => drop(self.policy.update(*key, facts_of(now))),
                (None, Some(_)) => gone.push(*key),
                (None, None) => {}
            }
        }
        for key in gone {
            self.forget(key);
        }
        self.seen = snapshot;
    }

    fn forget(&mut self, key: TorrentKey) {
        self.policy.remove(key);
        self.torrents.remove(&key);
    }

    fn carry_out(&mut self, session: &Session, effect: Effect) -> Option<Event> {
        let torrents = &self.torrents;
        let handle = |key: TorrentKey| torrents.get(&key);
        match effect {
            Effect::WholeLimits(limits) => {
                let limits = rates(limits);
                if limits != self.settings.limits || std::mem::take(&mut self.is_new) {
                    self.settings.limits = limits;
                    drop(session.set_settings(&self.settings));
                }
                None
            }
            Effect::GroupLimits { category, parent, limits } => {
                let RateLimits { down, up } = rates(limits);
                let limits = GroupLimits { parent: parent.map(group_of), down, up };
                drop(session.set_group_limits(group_of(category), limits));
                None
            }
            Effect::TorrentGroup { torrent, category } => {
                drop(handle(torrent)?.set_group(category.map(group_of)));
                None
            }
            Effect::GroupRemoved(category) => {
                drop(session.remove_group(group_of(category)));
                None
            }
            Effect::GoalReached { torrent, goal } => Some(Event::GoalReached(handle(torrent)?.id(), goal)),
            Effect::Stop(torrent, reason) => {
                let handle = handle(torrent)?;
                // Also after a fault and for a check, which go on: the policy decides when it starts again.
                drop(handle.pause());
                Some(Event::Stopped(handle.id(), reason))
            }
            Effect::Start(torrent) => {
                let handle = handle(torrent)?;
                drop(handle.resume());
                Some(Event::Started(handle.id()))
            }
            Effect::Remove { torrent, with_data } => {
                let handle = handle(torrent)?;
                let id = handle.id();
                match with_data {
                    true => drop(handle.remove_with_data()),
                    false => drop(handle.remove()),
                }
                self.forget(torrent);
                Some(Event::Removed { torrent: id, with_data })
            }
            Effect::SuperSeed(torrent) => {
                Some(Event::NotSupported(handle(torrent)?.id(), "super seeding (BEP 16)"))
            }
            // The session reads one torrent at a time from each disk.
            Effect::StartCheck(_) | Effect::HoldCheck(_) => None,
        }
    }
}

fn without_check_limit(mut config: Config) -> Config {
    config.queue.checks = None;
    config
}

fn key_of(torrent: TorrentId) -> TorrentKey {
    TorrentKey::new(torrent.as_u64())
}

fn group_of(category: CategoryId) -> LimitGroup {
    LimitGroup(category.as_u32())
}

fn rates(limits: Limits) -> RateLimits {
    RateLimits { down: limits.down_per_s, up: limits.up_per_s }
}
