//! What a row does not have: files in progress, peers, and pieces. Only the fields that need it ask the session for it, and only
//! for torrents about which the row alone does not say it.

use super::State;
use super::fields::Field;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;
use ztor_api::{File, Peer, Pieces, WebSeed};
use ztor_daemon::policy::TorrentKey;
use ztor_daemon::{Daemon, Row};

/// Details of torrents, by id.
pub(crate) type Lookups = HashMap<u64, Lookup>;

/// Details of a torrent; `None` if they were not needed, or cannot be had at present.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    pub(crate) files: Option<Vec<File>>,
    pub(crate) peers: Option<Vec<Peer>>,
    pub(crate) pieces: Option<Pieces>,
    pub(crate) web_seeds: Option<Vec<WebSeed>>,
}

/// Kinds of details.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Needs {
    files: bool,
    peers: bool,
    /// Only the peers that transfer data.
    busy_peers: bool,
    pieces: bool,
    /// Only whether missing pieces can be had.
    missing: bool,
    web_seeds: bool,
}

impl Needs {
    fn of(fields: &[Field]) -> Self {
        let has = |some: &[Field]| some.iter().any(|field| fields.contains(field));
        Self {
            files: has(&[Field::Files, Field::FileStats, Field::BytesCompleted]),
            peers: has(&[Field::Peers, Field::PeersFrom]),
            busy_peers: has(&[Field::PeersSendingToUs, Field::PeersGettingFromUs]),
            pieces: has(&[Field::Pieces, Field::Availability]),
            missing: has(&[Field::DesiredAvailable]),
            web_seeds: has(&[Field::WebseedsSendingToUs]),
        }
    }

    /// Returns what the row of a torrent does not say.
    fn within(self, row: &Row) -> Self {
        let Some(status) = &row.status else { return Self::default() };
        let has_meta = row.meta.is_some();
        let pieces = row.meta.as_ref().map_or(0, |meta| meta.layout.piece_count());
        let is_partial = status.have_pieces > 0 && status.have_pieces < pieces;
        let is_busy = status.down_per_s > 0 || status.up_per_s > 0;
        let others = status.peers > status.seeds;
        Self {
            files: self.files && has_meta && (is_partial || has_own_names(row)),
            peers: self.peers && status.peers > 0,
            busy_peers: self.busy_peers && status.peers > 0 && is_busy,
            pieces: self.pieces && has_meta && (is_partial || status.peers > 0),
            missing: self.missing && has_meta && status.left_bytes > 0 && status.seeds == 0 && others,
            web_seeds: self.web_seeds && status.down_per_s > 0 && !row.web_seeds().is_empty(),
        }
    }

    fn is_any(self) -> bool {
        self != Self::default()
    }
}

/// Returns true if the files of a torrent may have other paths than in its metadata.
pub(crate) fn has_own_names(row: &Row) -> bool {
    let Some(meta) = &row.meta else { return false };
    row.is_renamed || row.content.strip_prefix(&row.torrent.dir).ok() != Some(meta.name.as_ref())
}

impl State {
    /// Asks the session for what the fields need, for a bounded number of torrents at a time over all requests.
    pub(crate) async fn look_up(&self, rows: &[Arc<Row>], fields: &[Field]) -> Lookups {
        let needs = Needs::of(fields);
        let mut lookups = Lookups::new();
        if !needs.is_any() {
            return lookups;
        }
        let mut asked = JoinSet::new();
        for row in rows {
            let needs = needs.within(row);
            if !needs.is_any() {
                continue;
            }
            // Fails only if the semaphore is closed, which never happens.
            let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { break };
            let (daemon, id) = (self.foreign.daemon().clone(), row.torrent.id);
            asked.spawn(async move {
                let found = ask(&daemon, TorrentKey::new(id), needs).await;
                drop(turn);
                (id, found)
            });
        }
        while let Some(found) = asked.join_next().await {
            match found {
                Ok((id, found)) => drop(lookups.insert(id, found)),
                Err(error) => tracing::error!(%error, "a request to the session has not ended"),
            }
        }
        lookups
    }
}

/// A torrent that leaves meanwhile has no details.
async fn ask(daemon: &Daemon, key: TorrentKey, needs: Needs) -> Lookup {
    let mut found = Lookup::default();
    if needs.files {
        found.files = daemon.files(key).await.ok();
    }
    if needs.peers || needs.busy_peers {
        found.peers = daemon.peers(key).await.ok();
    }
    if needs.pieces || needs.missing {
        found.pieces = daemon.pieces(key).await.ok();
    }
    if needs.web_seeds {
        found.web_seeds = daemon.web_seeds(key).await.ok();
    }
    found
}
