//! All that is known of torrents without asking the session, for APIs whose lists have more columns than [`Torrent`].

use super::{Core, View};
use crate::foreign_api::ForeignApi;
use crate::goals::to_api;
use crate::record::{Record, Times};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use ztor_api::{FilePriority, Goals, Removed, Torrent};
use ztor_session::{InfoHashes, Magnet, Metainfo, TorrentStatus, WebSource, named_web_seeds};

/// A torrent, with all that is known of it without asking the session.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its row in lists.
    pub torrent: Torrent,
    /// Its info-hashes.
    pub hashes: InfoHashes,
    /// Status in the session as of its last change; `None` if the torrent is not loaded.
    pub status: Option<Arc<TorrentStatus>>,
    /// Time of that status. While the torrent is active, its times grow by the time since then.
    pub status_at: Instant,
    /// Times of the last answers or failures of the trackers in the status, in seconds since 1970; 0 before the first.
    pub answered_unix_s: Vec<u64>,
    /// Metadata; `None` while it is unknown or the torrent is not loaded. To read its bulk may need a disk.
    pub meta: Option<Arc<Metainfo>>,
    /// Goals of the torrent alone.
    pub goals: Goals,
    /// Goals that apply to it, with those of its category and the settings.
    pub effective_goals: Goals,
    /// Times of its last events.
    pub times: Times,
    /// Absolute path of the file or the folder of the torrent, once it is complete. The download folder while the metadata is
    /// unknown, and if the files have no folder of their own.
    pub content: PathBuf,
    /// Folder of incomplete files; `None` for the download folder.
    pub incomplete_dir: Option<PathBuf>,
    /// True once a file or a folder was renamed, so that files may have other names than in the metadata.
    pub is_renamed: bool,
    /// Choices of the user, which replace those of the metadata.
    own: Own,
}

#[derive(Debug, Clone, Default)]
struct Own {
    /// Its link, as it was added, while the metadata is unknown; `None` later.
    magnet: Option<String>,
    trackers: Option<Vec<Vec<String>>>,
    /// Priorities other than normal, by file.
    priorities: BTreeMap<usize, FilePriority>,
    web_seeds: Option<Vec<WebSource>>,
    foreign: BTreeMap<String, Map<String, Value>>,
}

impl Row {
    fn of(view: &View<'_>) -> Self {
        let entry = view.entry();
        let record = entry.record();
        let meta = entry.meta().cloned();
        let content = meta.as_deref().map_or_else(PathBuf::new, |meta| record.content_path(meta));
        let policy = view.policy();
        Self {
            torrent: view.to_row(),
            hashes: *entry.hashes(),
            status: entry.shared_status().cloned(),
            status_at: entry.status_at(),
            answered_unix_s: entry.answered_unix_s().to_vec(),
            goals: to_api(policy.own_goals(view.key()).unwrap_or_default()),
            effective_goals: to_api(entry.goals()),
            times: record.times,
            content: record.dir.join(content),
            incomplete_dir: record.files.incomplete_dir.clone(),
            is_renamed: record.is_renamed,
            own: Own::of(record),
            meta,
        }
    }

    /// Returns the announce URLs with their passkeys, tier by tier.
    pub fn trackers(&self) -> Cow<'_, [Vec<String>]> {
        match (&self.own.trackers, &self.meta, &self.own.magnet) {
            (Some(trackers), ..) => Cow::Borrowed(trackers),
            (None, Some(meta), _) => Cow::Borrowed(&meta.trackers),
            (None, None, Some(link)) => {
                let magnet: Option<Magnet> = link.parse().ok();
                let urls = magnet.map(|magnet| magnet.trackers).unwrap_or_default();
                Cow::Owned(urls.into_iter().map(|url| vec![url]).collect())
            }
            (None, None, None) => Cow::Borrowed(&[]),
        }
    }

    /// Returns the magnet link, with the announce URLs and their passkeys.
    pub fn magnet(&self) -> Magnet {
        let known = self.own.magnet.as_ref().and_then(|link| link.parse().ok());
        let mut magnet: Magnet = known.unwrap_or_else(|| match &self.meta {
            Some(meta) => Magnet::from(&**meta),
            None => Magnet::new(self.hashes),
        });
        magnet.trackers = self.trackers().iter().flatten().cloned().collect();
        magnet
    }

    /// Returns the priority of a file.
    pub fn priority(&self, file: usize) -> FilePriority {
        self.own.priorities.get(&file).copied().unwrap_or(FilePriority::Normal)
    }

    /// Returns the URLs of the web seeds, with their passwords and keys.
    pub fn web_seeds(&self) -> Vec<String> {
        let urls = |seeds: Vec<WebSource>| seeds.into_iter().map(|seed| seed.url).collect();
        match (&self.own.web_seeds, &self.meta) {
            (Some(seeds), _) => urls(seeds.clone()),
            (None, Some(meta)) => urls(named_web_seeds(meta)),
            (None, None) => self.magnet().web_seeds,
        }
    }

    /// Returns a value that an API of another program keeps for the torrent.
    pub fn foreign_value(&self, api: ForeignApi, key: &str) -> Option<&Value> {
        self.own.foreign.get(api.name())?.get(key)
    }
}

impl Own {
    fn of(record: &Record) -> Self {
        Self {
            magnet: record.size.is_none().then(|| record.magnet.clone()),
            trackers: record.trackers.clone(),
            priorities: record.priorities.clone(),
            web_seeds: record.web_seeds.clone(),
            foreign: record.foreign.clone(),
        }
    }
}

/// Torrents that have changed.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Revision of the daemon's state in this answer.
    pub revision: u64,
    /// Torrents that have changed, in order of their ids.
    pub rows: Vec<Row>,
    /// Torrents that were removed; `None` if the revision was none, too old or of another run, so that `rows` has all
    /// torrents.
    pub removed: Option<Vec<Removed>>,
}

impl Core {
    /// Returns the torrents that have changed after a revision; all of them without one.
    pub(crate) fn rows(&self, since: Option<u64>) -> Rows {
        let removed = since.and_then(|since| self.removed_after(since));
        let since = since.filter(|_| removed.is_some());
        let is_news = |view: &View<'_>| since.is_none_or(|since| view.entry().revision() > since);
        // Most requests come when nothing has changed.
        if since == Some(self.revision) {
            return Rows { revision: self.revision, rows: Vec::new(), removed };
        }
        let rows = self.views().filter(is_news).map(|view| Row::of(&view)).collect();
        Rows { revision: self.revision, rows, removed }
    }
}
