//! Torrents of the daemon as front ends see them: what was saved, what the policy decided, and what the session reports.
//!
//! One revision counts all changes. Each torrent has the revision of its last change, and removed ones leave an entry in
//! a bounded list, so that a front end can ask for what has changed since its last answer.

mod entry;
mod filter;
mod list;
mod rows;
mod selection;
mod view;

use crate::manager::{Event, Manager};
use crate::record::Record;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use ztor_api::Removed;
use ztor_base::SwarmId;
use ztor_policy::{State, TorrentKey};
use ztor_session::{InfoHashes, Session, TorrentHandle, TorrentStatus};

use entry::Seen;
pub(crate) use entry::{Entry, Load};
pub(crate) use filter::ListError;
pub use rows::{Row, Rows};
pub(crate) use view::View;

/// Maximum number of removals that are remembered. A front end that is further behind gets the whole list.
const MAX_REMOVED: usize = 10_000;

/// Torrents, policy and revision.
#[derive(Debug)]
pub(crate) struct Core {
    manager: Manager,
    /// Boxed, because the map leaves almost half of its places free.
    entries: BTreeMap<TorrentKey, Box<Entry>>,
    by_swarm: HashMap<SwarmId, TorrentKey>,
    revision: u64,
    removed: VecDeque<Removed>,
    /// Revision before the oldest removal in the list.
    removed_since: u64,
    next_id: u64,
    /// Changes of the queue, and pauses of the schedule, as of the last turn.
    queue_changes: u64,
    was_held: bool,
    /// Time of the next attempt to load a torrent; `None` if there is none.
    retry_at: Option<Instant>,
    /// Torrents whose times have changed since they were saved.
    timed: BTreeSet<TorrentKey>,
}

impl Core {
    /// Creates the state of a daemon with the torrents of its database. `now_unix_s` is the time in seconds since 1970.
    pub(crate) fn new(
        manager: Manager,
        records: Vec<(TorrentKey, InfoHashes, Record)>,
        next_id: u64,
        now_unix_s: u64,
    ) -> Self {
        // Higher than all of earlier runs, so that a revision which a front end has kept over a restart is not taken for one
        // of this run. The numbers stay below 2^53, for JavaScript.
        let base = now_unix_s << 20;
        let mut core = Self {
            manager,
            entries: BTreeMap::new(),
            by_swarm: HashMap::new(),
            revision: base,
            removed: VecDeque::new(),
            removed_since: base,
            next_id,
            queue_changes: 0,
            was_held: false,
            retry_at: None,
            timed: BTreeSet::new(),
        };
        for (key, hashes, record) in records {
            core.insert(key, hashes, record);
        }
        core
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Returns the manager, for acts of the user. [`look`](Self::look) follows.
    pub(crate) fn manager_mut(&mut self) -> &mut Manager {
        &mut self.manager
    }

    /// Returns the revision of the last change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = TorrentKey> {
        self.entries.keys().copied()
    }

    /// Returns all torrents.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (TorrentKey, &Entry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry.as_ref()))
    }

    pub(crate) fn entry(&self, key: TorrentKey) -> Option<&Entry> {
        self.entries.get(&key).map(AsRef::as_ref)
    }

    /// Returns a torrent to change. [`touch`](Self::touch) follows.
    pub(crate) fn entry_mut(&mut self, key: TorrentKey) -> Option<&mut Entry> {
        self.entries.get_mut(&key).map(AsMut::as_mut)
    }

    /// Records the time of the next attempt to load a torrent; `None` if there is none.
    pub(crate) fn note_retry(&mut self, at: Option<Instant>) {
        self.retry_at = [self.retry_at, at].into_iter().flatten().min();
    }

    /// Returns the torrents whose next attempt to load them is due. Cheap while none is.
    pub(crate) fn take_due_loads(&mut self, now: Instant) -> Vec<TorrentKey> {
        if self.retry_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let retries = self.entries.iter().filter_map(|(key, entry)| match entry.load() {
            Load::Failed { retry_at: Some(at), .. } => Some((*key, *at)),
            _ => None,
        });
        let (due, later): (Vec<_>, Vec<_>) = retries.partition(|(_, at)| *at <= now);
        self.retry_at = later.into_iter().map(|(_, at)| at).min();
        due.into_iter().map(|(key, _)| key).collect()
    }

    /// Returns true if the policy runs the torrent.
    pub(crate) fn runs(&self, key: TorrentKey) -> bool {
        matches!(self.manager.state_of(key), Some(State::Running { .. }))
    }

    /// Returns the torrent in the session; `None` if it is not loaded.
    pub(crate) fn handle(&self, key: TorrentKey) -> Option<TorrentHandle> {
        self.manager.torrent(key).cloned()
    }

    /// Returns the torrent with one of these hashes.
    pub(crate) fn find(&self, hashes: &InfoHashes) -> Option<TorrentKey> {
        hashes.swarm_ids().find_map(|id| self.by_swarm.get(&id).copied())
    }

    /// Returns what front ends see of a torrent.
    pub(crate) fn view(&self, key: TorrentKey) -> Option<View<'_>> {
        Some(View::new(key, self.entries.get(&key)?, &self.manager))
    }

    fn views(&self) -> impl Iterator<Item = View<'_>> {
        let seen = self.entries.iter().filter(|(_, entry)| !entry.is_hidden());
        seen.map(|(key, entry)| View::new(*key, entry, &self.manager))
    }

    /// Takes a new id.
    pub(crate) fn take_id(&mut self) -> TorrentKey {
        let key = TorrentKey::new(self.next_id);
        self.next_id = self.next_id.saturating_add(1);
        key
    }

    /// Returns the next id that will be taken.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Adds a torrent, which is not loaded yet.
    pub(crate) fn insert(&mut self, key: TorrentKey, hashes: InfoHashes, record: Record) {
        self.revision += 1;
        for swarm in hashes.swarm_ids() {
            self.by_swarm.entry(swarm).or_insert(key);
        }
        self.entries.insert(key, Box::new(Entry::new(hashes, record, self.revision)));
    }

    /// Learns the hashes of the metadata of a magnet link, which may be more than those in the link.
    pub(crate) fn set_hashes(&mut self, key: TorrentKey, hashes: InfoHashes) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.set_hashes(hashes);
            for swarm in hashes.swarm_ids() {
                self.by_swarm.entry(swarm).or_insert(key);
            }
        }
    }

    /// Records a change of a torrent that front ends see.
    pub(crate) fn touch(&mut self, key: TorrentKey) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.revision += 1;
            entry.set_revision(self.revision);
        }
    }

    /// Records a change that front ends see, which is not of a torrent.
    pub(crate) fn touch_whole(&mut self) {
        self.revision += 1;
    }

    /// Hides a torrent that is being removed from front ends.
    pub(crate) fn set_leaving(&mut self, key: TorrentKey) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let was_hidden = entry.is_hidden();
        entry.set_load(Load::Leaving);
        if !was_hidden {
            let hash = entry.hashes().to_string();
            self.tell_removed(key, hash);
        }
    }

    fn tell_removed(&mut self, key: TorrentKey, hash: String) {
        self.revision += 1;
        self.removed.push_back(Removed { id: key.as_u64(), hash, revision: self.revision });
        if self.removed.len() > MAX_REMOVED
            && let Some(oldest) = self.removed.pop_front()
        {
            self.removed_since = oldest.revision;
        }
    }

    /// Forgets a torrent. Does nothing if it is unknown.
    pub(crate) fn remove(&mut self, key: TorrentKey) {
        self.manager.forget(key);
        let Some(entry) = self.entries.remove(&key) else { return };
        for swarm in entry.hashes().swarm_ids() {
            if self.by_swarm.get(&swarm) == Some(&key) {
                self.by_swarm.remove(&swarm);
            }
        }
        if !entry.is_hidden() {
            self.tell_removed(key, entry.hashes().to_string());
        }
    }

    /// Returns the torrents that were removed after a revision; `None` if that is too long ago, or of another run.
    fn removed_after(&self, revision: u64) -> Option<Vec<Removed>> {
        if revision < self.removed_since || revision > self.revision {
            return None;
        }
        let at = self.removed.partition_point(|removed| removed.revision <= revision);
        Some(self.removed.range(at..).cloned().collect())
    }

    /// Takes a turn of the manager, and records what has changed. Returns its events. Torrents that have left the session
    /// stay, for their owner to handle. `now_unix_s` is the time in seconds since 1970.
    pub(crate) fn turn(&mut self, session: &Session, now_unix_s: u64) -> Vec<Event> {
        let events = self.manager.turn(session);
        for event in &events {
            match event {
                Event::Changed(key, status) => {
                    if let Some(entry) = self.entries.get_mut(key)
                        && entry.learn_status(Arc::clone(status), now_unix_s)
                    {
                        self.timed.insert(*key);
                    }
                    self.touch(*key);
                    self.look(*key);
                }
                Event::Gone(key) => {
                    if let Some(entry) = self.entries.get_mut(key) {
                        entry.set_status(None);
                    }
                    self.touch(*key);
                }
                Event::Started(key) => {
                    if let Some(entry) = self.entries.get_mut(key) {
                        entry.record_mut().times.started_unix_s = now_unix_s;
                        self.timed.insert(*key);
                    }
                    self.touch(*key);
                    self.look(*key);
                }
                Event::Stopped(key, _)
                | Event::GoalReached(key, _)
                | Event::NotSupported(key, _)
                | Event::Removed { torrent: key, .. } => self.look(*key),
            }
        }
        let policy = self.manager.policy();
        let is_held = policy.is_held();
        let queue_changes = policy.queue_changes();
        if std::mem::replace(&mut self.was_held, is_held) != is_held {
            self.look_at_all();
        } else if std::mem::replace(&mut self.queue_changes, queue_changes) != queue_changes {
            // The positions of others change as well.
            let queue: Vec<TorrentKey> = self.manager.policy().queue().collect();
            queue.into_iter().for_each(|key| self.look(key));
        }
        events
    }

    /// Takes the torrents whose times have changed since they were saved.
    pub(crate) fn take_timed(&mut self) -> BTreeSet<TorrentKey> {
        std::mem::take(&mut self.timed)
    }

    /// Gives a torrent that is not in the session a status and a state, to measure front ends.
    pub(crate) fn pretend(&mut self, key: TorrentKey, status: TorrentStatus, state: State) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.set_load(Load::Loaded);
            entry.set_status(Some(Arc::new(status)));
            entry.see(Seen { state: Some(state), ..Seen::default() });
        }
        self.touch(key);
    }

    /// Looks at all torrents, after a change that may concern any of them.
    pub(crate) fn look_at_all(&mut self) {
        self.entries.keys().copied().collect::<Vec<_>>().into_iter().for_each(|key| self.look(key));
    }

    /// Records a change if a decision of the policy about a torrent has changed: its state, position or goals.
    pub(crate) fn look(&mut self, key: TorrentKey) {
        let policy = self.manager.policy();
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let state = policy.state_of(key);
        let goals = policy.goals(key).unwrap_or_default();
        if entry.see(Seen { state, position: policy.position(key), goals }) {
            self.revision += 1;
            entry.set_revision(self.revision);
        }
    }
}
