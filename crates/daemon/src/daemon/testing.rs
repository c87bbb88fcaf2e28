//! The start of a daemon without its session, for fuzz targets.

use super::bans::UserBans;
use super::load::content_of;
use super::saving::fact;
use super::start::restore;
use super::watching::Watching;
use super::{StoredAccount, StoredToken};
use crate::core::Core;
use crate::settings::{Problem, SettingError, Sources};
use crate::store::{Store, StoreError, Table};
use ztor_api::{List, ListQuery};

/// State that a daemon reads from rows at its start.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// All torrents, with counts.
    pub list: List,
    /// Paths of the categories.
    pub categories: Vec<String>,
    /// Known tags.
    pub tags: Vec<String>,
    /// Number of watched folders.
    pub watch_folders: usize,
    /// Number of changed settings.
    pub settings: usize,
    /// Reason why the changed settings keep the daemon from starting; `None` if they do not, or if that is for the protection of
    /// the user.
    pub settings_error: Option<String>,
}

/// Reads the state of a database, as at a start, and optionally saves it again.
pub(crate) fn read_state(store: &Store, saves: bool) -> Result<Found, StoreError> {
    let stored = store.settings()?;
    let settings = stored.len();
    let resolved = Sources::new(Some("/home/me".into())).stored(stored).resolve();
    let is_fault = |error: &&SettingError| !matches!(error.problem, Problem::Protection { .. });
    let faults = resolved.as_ref().err().and_then(|errors| errors.iter().find(is_fault));
    let settings_error = faults.map(|error| format!("{error:?}"));
    let rules = resolved.map(|resolved| resolved.settings().policy_config()).unwrap_or_default();
    let core = restore(store, rules, ztor_session::Settings::default(), 1)?;
    for key in core.keys() {
        if let Some(entry) = core.entry(key) {
            read_content(store, key, entry)?;
        }
    }
    let watching = Watching::open(store)?;
    store.all_json::<StoredToken>(Table::Token)?;
    store.get_json::<StoredAccount>(Table::Fact, fact::ACCOUNT)?;
    UserBans::open(store)?;
    store.visit(Table::Resume, &mut |_, _| true)?;
    if saves {
        save(store, &core);
    }
    let policy = core.manager().policy();
    let labels = policy.saved_labels();
    Ok(Found {
        list: core.list(&ListQuery { counts: true, ..ListQuery::default() }).unwrap_or_default(),
        categories: labels.categories.into_iter().map(|category| category.path).collect(),
        tags: labels.tags,
        watch_folders: watching.len(),
        settings,
        settings_error,
    })
}

/// Reads what the load of a torrent reads.
fn read_content(
    store: &Store,
    key: ztor_policy::TorrentKey,
    entry: &crate::core::Entry,
) -> Result<(), StoreError> {
    let record = entry.record();
    if let Ok(super::load::Content::Metainfo(meta)) = content_of(store, key, &record.magnet) {
        // A name that cannot be used is a fault of the torrent.
        drop(record.to_add(meta));
    }
    entry.hashes().swarm_ids().try_for_each(|swarm| store.forget_resume(swarm))
}

/// Queues everything that was read.
fn save(store: &Store, core: &Core) {
    let policy = core.manager().policy();
    for key in core.keys() {
        if let Some(entry) = core.entry(key) {
            store.put_json(Table::Torrent, key.as_u64(), entry.record());
        }
        if let Some(saved) = policy.saved_torrent(key) {
            store.put_json(Table::Policy, key.as_u64(), &saved);
        }
    }
    let queue: Vec<u64> = policy.queue().map(ztor_policy::TorrentKey::as_u64).collect();
    store.put_json(Table::Fact, fact::QUEUE, &queue);
    store.put_json(Table::Fact, fact::NEXT_ID, &core.next_id());
    let labels = policy.saved_labels();
    store.put_json(Table::Fact, fact::TAGS, &labels.tags);
    store.put_json(Table::Fact, fact::ALTERNATIVE, &labels.alternative);
    store.put_json(Table::Fact, fact::LAST_CATEGORY, &labels.last_category);
    for category in &labels.categories {
        store.put_json(Table::Category, u64::from(category.id.as_u32()), category);
    }
}
