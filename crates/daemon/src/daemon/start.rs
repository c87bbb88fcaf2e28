//! Start of a daemon with the torrents of its last run.

use super::bans::UserBans;
use super::connectivity::Reachability;
use super::creations::Creations;
use super::filtering::Filtering;
use super::free_space::FreeSpace;
use super::ports::AskedPort;
use super::preview::Previews;
use super::recovery::recover;
use super::saving::{Saver, fact};
use super::settings::State;
use super::watching::Watching;
use super::{Daemon, DaemonConfig, Options, Shared};
use crate::bulk::Bulks;
use crate::clock::now_unix_s;
use crate::core::Core;
use crate::history::Rated;
use crate::manager::Manager;
use crate::record::Record;
use crate::store::{DatabaseResumeStore, Salvage, Store, StoreError, Table};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use ztor_policy::{Saved, SavedTorrent, TorrentKey};
use ztor_session::{InfoHashes, Magnet, Session, StartError};

/// Maximum size of the info dictionaries and hashes that stay in memory, in bytes, but for those in use. As much as 30
/// downloads of 100,000 pieces need at a time.
const BULK_CACHE_BYTES: usize = 64 << 20;
/// Largest id of a torrent in a database that is not damaged. SQLite has room for many more after it.
const MAX_ID: u64 = 1 << 62;

/// Reason why the daemon does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DaemonStartError {
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session does not start.
    #[error(transparent)]
    Session(#[from] StartError),
    /// The system refuses a thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A daemon that has started.
#[derive(Debug)]
pub struct Started {
    /// The daemon.
    pub daemon: Daemon,
    /// Result of the salvage of a damaged database; `None` if it was good.
    pub salvage: Option<Salvage>,
}

impl Daemon {
    /// Starts a daemon on an open database, and begins to load its torrents. `runtime` carries out what is slow and rare.
    ///
    /// # Errors
    /// The state cannot be read, the port is in use, or the system refuses a resource.
    pub fn start(
        store: Store,
        salvage: Option<Salvage>,
        config: DaemonConfig,
        runtime: Handle,
    ) -> Result<Started, DaemonStartError> {
        let DaemonConfig { state_dir, settings, port_is_fixed } = config;
        let chosen = settings.settings().clone();
        chosen.warn_of_exposure();
        let store = Arc::new(store);
        if salvage.as_ref().is_some_and(|salvage| salvage.is_partial) {
            recover(&store, &Options::from(&chosen).download_dir)?;
        }
        let session = chosen
            .session_config(port_is_fixed)
            .state_dir(Some(state_dir.clone()))
            .resume_store(Some(Arc::new(DatabaseResumeStore::new(Arc::clone(&store)))));
        let asked_port = AskedPort::new(chosen.port);
        let core = restore(&store, chosen.policy_config(), session.settings.clone(), now_unix_s())?;
        let session = Session::start(session)?;
        let history =
            Rated::new(store.get_json(Table::Fact, fact::HISTORY)?.unwrap_or_default(), now_unix_s());
        let daemon = Self(Arc::new(Shared {
            saver: Saver::start(&store).map_err(DaemonStartError::Thread)?,
            watching: Watching::open(&store)?,
            filtering: Filtering::new(&state_dir),
            bans: UserBans::open(&store)?,
            session,
            store,
            bulks: Bulks::new(BULK_CACHE_BYTES),
            news: watch::Sender::new(core.revision()),
            core: Mutex::new(core),
            options: Mutex::new(Options::from(&chosen)),
            settings: Mutex::new(State::new(settings)),
            settings_news: watch::Sender::new(Arc::new(chosen)),
            runtime,
            started: Instant::now(),
            free: FreeSpace::default(),
            reachability: Reachability::default(),
            asked_port,
            history: Mutex::new(history),
            creations: Creations::default(),
            folder_turns: Arc::new(Semaphore::new(super::folders::TURNS)),
            previews: Previews::default(),
            changing: Mutex::new(()),
            is_ending: AtomicBool::new(false),
            asked_to_end: watch::Sender::new(false),
            turns: Mutex::new(None),
        }));
        // The first answer already has the free space.
        daemon.statistics();
        // Before torrents are loaded, so that no unwanted address is dialed: the session handles requests in their order.
        drop(daemon.apply_bans());
        let settings = daemon.settings_changes().borrow().clone();
        daemon.start_filtering(&settings).map_err(DaemonStartError::Thread)?;
        daemon.load_all();
        daemon.start_turns().map_err(DaemonStartError::Thread)?;
        daemon.start_watching().map_err(DaemonStartError::Thread)?;
        daemon.start_updates();
        Ok(Started { daemon, salvage })
    }
}

/// Returns the torrents, the policy and the next id of the database. Rows that cannot be used are left out.
pub(super) fn restore(
    store: &Store,
    rules: ztor_policy::Config,
    settings: ztor_session::Settings,
    now_unix_s: u64,
) -> Result<Core, StoreError> {
    let records = records(store)?;
    let next_id = store.get_json::<u64>(Table::Fact, fact::NEXT_ID)?.filter(|id| *id <= MAX_ID);
    let highest = records.last().map_or(0, |(key, ..)| key.as_u64());
    let manager = Manager::restore(rules, saved(store, &records)?, settings).leaving_removals();
    Ok(Core::new(manager, records, next_id.unwrap_or(1).max(highest + 1), now_unix_s))
}

/// Returns the torrents of the database, in order of their ids.
fn records(store: &Store) -> Result<Vec<(TorrentKey, InfoHashes, Record)>, StoreError> {
    let rows = store.all_json::<Record>(Table::Torrent)?;
    let known = rows.into_iter().filter_map(|(key, record)| {
        let Some(id) = key.as_number().filter(|id| *id <= MAX_ID) else {
            tracing::error!(?key, "leaving out a torrent whose id is out of range");
            return None;
        };
        let key = TorrentKey::new(id);
        match record.magnet.parse::<Magnet>() {
            Ok(magnet) => Some((key, magnet.info_hashes, record)),
            Err(error) => {
                tracing::error!(id = key.as_u64(), %error, "leaving out a torrent without an info-hash");
                None
            }
        }
    });
    Ok(known.collect())
}

/// Returns the state of the policy in the database. Torrents without a row are as new ones.
fn saved(store: &Store, records: &[(TorrentKey, InfoHashes, Record)]) -> Result<Saved, StoreError> {
    let mut rows: std::collections::BTreeMap<TorrentKey, SavedTorrent> = store
        .all_json::<SavedTorrent>(Table::Policy)?
        .into_iter()
        .map(|(_, saved)| (saved.key, saved))
        .collect();
    let torrents: Vec<SavedTorrent> =
        records.iter().map(|(key, ..)| rows.remove(key).unwrap_or_else(|| SavedTorrent::new(*key))).collect();
    let mut queue: Vec<TorrentKey> = store
        .get_json::<Vec<u64>>(Table::Fact, fact::QUEUE)?
        .unwrap_or_default()
        .into_iter()
        .map(TorrentKey::new)
        .collect();
    // Downloads that were added after the queue was last saved are at its end.
    let last = queue.iter().copied().max().unwrap_or(TorrentKey::new(0));
    let newer = records.iter().filter(|(key, _, record)| *key > last && record.finished_unix_s.is_none());
    queue.extend(newer.map(|(key, ..)| *key));
    let mut categories: Vec<ztor_policy::SavedCategory> =
        store.all_json(Table::Category)?.into_iter().map(|(_, category)| category).collect();
    // Parents come before what is below them.
    categories.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Saved {
        torrents,
        queue,
        categories,
        last_category: store.get_json(Table::Fact, fact::LAST_CATEGORY)?.unwrap_or_default(),
        tags: store.get_json(Table::Fact, fact::TAGS)?.unwrap_or_default(),
        alternative: store.get_json(Table::Fact, fact::ALTERNATIVE)?.unwrap_or_default(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn ids_out_of_range_are_left_out_and_not_counted_on() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path()).unwrap();
        let record = |digit: &str| Record {
            magnet: format!("magnet:?xt=urn:btih:{}", digit.repeat(40)),
            ..Record::default()
        };
        let restored =
            || restore(&store, ztor_policy::Config::default(), ztor_session::Settings::default(), 1).unwrap();
        store.put_json(Table::Torrent, 5_u64, &record("1"));
        store.put_json(Table::Fact, fact::NEXT_ID, &u64::MAX);
        assert_eq!(restored().next_id(), 6);
        store.put_json(Table::Torrent, u64::MAX, &record("2"));
        store.put_json(Table::Torrent, MAX_ID + 1, &record("3"));
        assert_eq!((restored().next_id(), restored().len()), (6, 1));
        store.put_json(Table::Torrent, MAX_ID, &record("4"));
        assert_eq!((restored().next_id(), restored().len()), (MAX_ID + 1, 2));
    }
}
