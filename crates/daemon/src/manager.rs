//! The policy, and its effects on a session.

use crate::clock::PolicyClock;
use crate::facts::facts_of;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use ztor_policy::{
    CategoryId, Config, Effect, Facts, GoalKind, Goals, Limits, Mode, Phase, Policy, Saved, StopReason,
    TorrentError, TorrentKey,
};
use ztor_session::{
    Change, GroupLimits, LimitGroup, RateLimits, Session, Settings, Snapshot, TorrentHandle, TorrentId,
    TorrentStatus,
};

/// Manager of the torrents of a session.
///
/// Torrents that it manages begin [paused](field@ztor_session::AddTorrent::paused): the policy starts them. If no rule can
/// hold them back, they may as well run from the beginning. Acts of the user go through
/// [`policy_mut`](Self::policy_mut), not through the handles of torrents.
///
/// The caller chooses the keys of torrents, which may outlive the session; ids of the session do not.
#[derive(Debug)]
pub struct Manager {
    policy: Policy,
    clock: PolicyClock,
    settings: Settings,
    torrents: BTreeMap<TorrentKey, TorrentHandle>,
    keys: HashMap<TorrentId, TorrentKey>,
    /// Status as it was reported to the policy last.
    seen: Arc<Snapshot>,
    /// True until the limits of the session are those of the policy.
    is_new: bool,
    /// True if the owner removes torrents.
    leaves_removals: bool,
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
    /// True for the top of the queue, false for its end; `None` for what the policy says.
    pub at_top: Option<bool>,
}

/// A decision of the policy that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A torrent was started.
    Started(TorrentKey),
    /// A torrent was stopped, for this reason.
    Stopped(TorrentKey, StopReason),
    /// A torrent has reached a goal. The event of its action follows.
    GoalReached(TorrentKey, GoalKind),
    /// The policy requests something of a torrent that the session cannot do, by its name. The torrent goes on as it was.
    NotSupported(TorrentKey, &'static str),
    /// The session has a new status of a torrent.
    Changed(TorrentKey, Arc<TorrentStatus>),
    /// A torrent has left the session. The policy keeps what it knows of it until [`Manager::forget`] or
    /// [`Manager::attach`].
    Gone(TorrentKey),
    /// A torrent was removed, with its data if `with_data` is true.
    Removed {
        /// The torrent.
        torrent: TorrentKey,
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
        Self {
            policy,
            clock: PolicyClock::start(),
            settings,
            torrents: BTreeMap::new(),
            keys: HashMap::new(),
            seen: Arc::default(),
            is_new: true,
            leaves_removals: false,
        }
    }

    /// Leaves the removal of torrents to the owner: [`Event::Removed`] is then a request.
    #[must_use]
    pub fn leaving_removals(self) -> Self {
        Self { leaves_removals: true, ..self }
    }

    /// Manages a torrent.
    ///
    /// # Errors
    /// The manager has a torrent with this key, the category does not exist, or there are too many torrents.
    pub fn add(
        &mut self,
        key: TorrentKey,
        torrent: TorrentHandle,
        new: NewTorrent,
    ) -> Result<(), TorrentError> {
        let mode = if new.is_paused { Mode::Paused } else { Mode::Queue };
        let (goals, category, at_top) = (new.goals, new.category, new.at_top);
        let facts = torrent.status().map_or_else(|| Facts::new(Phase::Metadata), |status| facts_of(&status));
        self.policy.add(
            key,
            ztor_policy::NewTorrent { mode, category, goals, at_top, ..ztor_policy::NewTorrent::new(facts) },
        )?;
        self.keys.insert(torrent.id(), key);
        self.torrents.insert(key, torrent);
        Ok(())
    }

    /// Gives a torrent of the policy, as after a restart, its torrent in the session. Returns false if the policy does not
    /// know the key.
    pub fn attach(&mut self, key: TorrentKey, torrent: TorrentHandle) -> bool {
        let facts = torrent.status().map_or_else(|| Facts::new(Phase::Metadata), |status| facts_of(&status));
        if !self.policy.update(key, facts) {
            return false;
        }
        self.keys.insert(torrent.id(), key);
        self.torrents.insert(key, torrent);
        true
    }

    /// Takes a torrent of the policy out of the session's hands, until [`Manager::attach`].
    pub fn detach(&mut self, key: TorrentKey) {
        if let Some(torrent) = self.torrents.remove(&key) {
            self.keys.remove(&torrent.id());
            self.policy.update(key, Facts::new(Phase::Fault));
        }
    }

    /// Reports that a torrent of the policy cannot be loaded into the session.
    pub fn set_failed(&mut self, key: TorrentKey) {
        self.policy.update(key, Facts::new(Phase::Fault));
    }

    /// Forgets a torrent, which stays in the session.
    pub fn forget(&mut self, key: TorrentKey) {
        self.policy.remove(key);
        if let Some(torrent) = self.torrents.remove(&key) {
            self.keys.remove(&torrent.id());
        }
    }

    /// Returns the torrent in the session; `None` if it is not loaded, or not managed.
    pub fn torrent(&self, key: TorrentKey) -> Option<&TorrentHandle> {
        self.torrents.get(&key)
    }

    /// Returns the key of a torrent of the session; `None` if it is not managed.
    pub fn key_of(&self, torrent: TorrentId) -> Option<TorrentKey> {
        self.keys.get(&torrent).copied()
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
    pub fn state_of(&self, torrent: TorrentKey) -> Option<ztor_policy::State> {
        self.policy.state_of(torrent)
    }

    /// Returns true if the alternative limits are in force by the user's choice.
    pub fn is_alternative(&self) -> bool {
        self.policy.alternative() == ztor_policy::Alternative::On
    }

    /// Changes the rules of the policy.
    pub fn set_config(&mut self, config: Config) {
        self.policy.set_config(without_check_limit(config));
    }

    /// Changes the settings of the session, apart from its limits.
    pub fn set_settings(&mut self, session: &Session, settings: Settings) {
        self.settings = settings.limits(self.settings.limits);
        drop(session.set_settings(&self.settings));
    }

    /// Reports changes to the policy, and carries out its decisions. Requests to the session are sent, and not waited
    /// for. Call it a few times a second.
    pub fn turn(&mut self, session: &Session) -> Vec<Event> {
        let mut events = self.report(session.snapshot());
        let mut effects = Vec::new();
        self.policy.settle(self.clock.now(), &mut effects);
        events.extend(effects.into_iter().filter_map(|effect| self.carry_out(session, effect)));
        events
    }

    /// Reports the torrents whose status has changed.
    fn report(&mut self, snapshot: Arc<Snapshot>) -> Vec<Event> {
        let mut events = Vec::new();
        if Arc::ptr_eq(&snapshot, &self.seen) {
            return events;
        }
        for change in snapshot.changes_since(&self.seen) {
            match change {
                Change::Status(status) => {
                    if let Some(key) = self.keys.get(&status.id) {
                        self.policy.update(*key, facts_of(status));
                        events.push(Event::Changed(*key, Arc::clone(status)));
                    }
                }
                Change::Gone(id) => {
                    if let Some(key) = self.keys.get(&id).copied() {
                        events.push(Event::Gone(key));
                    }
                }
            }
        }
        for event in &events {
            if let Event::Gone(key) = event
                && let Some(torrent) = self.torrents.remove(key)
            {
                self.keys.remove(&torrent.id());
                self.policy.update(*key, Facts::new(Phase::Fault));
            }
        }
        self.seen = snapshot;
        events
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
            Effect::GoalReached { torrent, goal } => Some(Event::GoalReached(torrent, goal)),
            Effect::Stop(torrent, reason) => {
                let handle = handle(torrent)?;
                // Also after a fault and for a check, which go on: the policy decides when it starts again.
                drop(handle.pause());
                Some(Event::Stopped(torrent, reason))
            }
            Effect::Start(torrent) => {
                let handle = handle(torrent)?;
                drop(handle.resume());
                Some(Event::Started(torrent))
            }
            Effect::Remove { torrent, with_data } if self.leaves_removals => {
                Some(Event::Removed { torrent, with_data })
            }
            Effect::Remove { torrent, with_data } => {
                let handle = handle(torrent)?;
                match with_data {
                    true => drop(handle.remove_with_data()),
                    false => drop(handle.remove()),
                }
                self.forget(torrent);
                Some(Event::Removed { torrent, with_data })
            }
            Effect::SuperSeed(torrent) => Some(Event::NotSupported(torrent, "super seeding (BEP 16)")),
            // The session reads one torrent at a time from each disk.
            Effect::StartCheck(_) | Effect::HoldCheck(_) => None,
        }
    }
}

fn without_check_limit(mut config: Config) -> Config {
    config.queue.checks = None;
    config
}

fn group_of(category: CategoryId) -> LimitGroup {
    LimitGroup(category.as_u32())
}

fn rates(limits: Limits) -> RateLimits {
    RateLimits { down: limits.down_per_s, up: limits.up_per_s }
}
