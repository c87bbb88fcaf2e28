//! Torrents that start as a magnet link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use ztor_metainfo::{Magnet, Metainfo};
use ztor_session::{AddMagnet, AddTorrent, TorrentId};

use super::torrent::{Outcome, Torrent};
use super::{Added, Goal, Runner};
use crate::display::Event;
use crate::exit::Report;

/// Answer of a command to the metadata of a magnet link.
pub(crate) enum OnMetadata {
    /// Start the download.
    Start(Box<AddTorrent>),
    /// Finish: only the metadata was wanted.
    Finish,
}

/// A magnet link, or a torrent without some of its piece layers (BEP 52).
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) magnet: Magnet,
    pub(crate) known: Option<Arc<Metainfo>>,
}

impl From<Magnet> for Link {
    fn from(magnet: Magnet) -> Self {
        Self { magnet, known: None }
    }
}

impl From<Arc<Metainfo>> for Link {
    fn from(meta: Arc<Metainfo>) -> Self {
        Self { magnet: Magnet::from(meta.as_ref()), known: Some(meta) }
    }
}

impl Runner {
    /// Adds a torrent whose metadata is fetched from peers. [`Next::Metadata`](super::Next::Metadata) follows.
    pub(crate) fn add_link(&mut self, link: Link, peers: Vec<SocketAddr>) -> anyhow::Result<TorrentId> {
        let Link { magnet, known } = link;
        let info_hash = magnet.info_hashes.to_string();
        let name = magnet.name.clone().unwrap_or_else(|| info_hash.clone());
        let torrent = self
            .session
            .add_magnet(AddMagnet::new(magnet).peers(peers).known(known))
            .wait()
            .with_context(|| format!("cannot add {name}"))?;
        self.manage(&torrent)?;
        let id = torrent.id();
        self.display.event(&Event::FetchingMetadata { info_hash: &info_hash, name: &name });
        self.torrents.push(Torrent {
            id,
            name,
            info_hash,
            wanted_bytes: 0,
            meta: None,
            hashed_bytes: 0,
            believed_bytes: 0,
            retry_after: None,
            outcome: Outcome::Open,
            added: Instant::now(),
        });
        Ok(id)
    }

    /// Records and shows the metadata of a magnet link. Returns false if no torrent waits for it.
    pub(super) fn on_metadata(&mut self, id: TorrentId, meta: &Arc<Metainfo>) -> bool {
        let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) else { return false };
        if torrent.meta.is_some() {
            return false;
        }
        torrent.name.clone_from(&meta.name);
        torrent.meta = Some(Arc::clone(meta));
        self.display.event(&Event::Metadata {
            info_hash: &torrent.info_hash,
            name: &meta.name,
            total_bytes: meta.layout.total_len(),
            files: meta.layout.files().iter().filter(|file| !file.pad).count(),
        });
        true
    }

    /// Answers [`Next::Metadata`](super::Next::Metadata). An error removes the torrent and becomes its failure.
    pub(crate) fn answer(&mut self, id: TorrentId, answer: anyhow::Result<OnMetadata>, goal: Goal) {
        if let Err(error) = answer.and_then(|answer| self.start_or_finish(id, answer, goal)) {
            drop(self.session.torrent(id).remove());
            self.fail(id, Report::of(&error));
        }
    }

    fn start_or_finish(&mut self, id: TorrentId, answer: OnMetadata, goal: Goal) -> anyhow::Result<()> {
        match answer {
            OnMetadata::Start(add) => {
                let (news, name) = (Added::of(&add), add.meta.name.clone());
                let started = self.session.torrent(id).start(add.paused(self.is_queued)).wait();
                started.with_context(|| format!("cannot add {name}"))?;
                if let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) {
                    torrent.wanted_bytes = news.wanted_bytes;
                }
                self.tell_added(id, &news);
            }
            OnMetadata::Finish => {
                self.on_done(id, goal);
                drop(self.session.torrent(id).remove());
            }
        }
        Ok(())
    }
}
