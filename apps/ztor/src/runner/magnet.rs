//! Torrents that begin as a magnet link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use ztor_metainfo::{Magnet, Metainfo};
use ztor_session::{AddMagnet, Command, TorrentId};

use super::torrent::{Outcome, Then, Torrent};
use super::{Added, Goal, Runner};
use crate::display::Event;
use crate::exit::Report;

/// A torrent of which only a magnet link is known, or all but some piece layers (BEP 52).
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
    /// Adds a torrent of which peers have to tell the rest. `then` is asked what to do with it after that.
    pub(crate) fn add_link(&mut self, link: Link, peers: Vec<SocketAddr>, then: Then) -> anyhow::Result<()> {
        let Link { magnet, known } = link;
        let info_hash = magnet.info_hashes.to_string();
        let name = magnet.name.clone().unwrap_or_else(|| info_hash.clone());
        let id = self
            .session
            .add_magnet(AddMagnet { magnet, peers, known })
            .with_context(|| format!("cannot take in {name}"))?;
        self.display.event(&Event::FetchingMetadata { info_hash: &info_hash, name: &name });
        self.torrents.push(Torrent {
            id,
            name,
            info_hash,
            wanted_bytes: 0,
            meta: None,
            then: Some(then),
            hashed_bytes: 0,
            believed_bytes: 0,
            retry_after: None,
            outcome: Outcome::Open,
            added: Instant::now(),
        });
        Ok(())
    }

    /// It is known what a magnet link leads to.
    pub(super) fn on_metadata(&mut self, id: TorrentId, meta: &Arc<Metainfo>, goal: Goal) {
        let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) else { return };
        let Some(then) = torrent.then.take() else { return };
        torrent.name.clone_from(&meta.name);
        torrent.meta = Some(Arc::clone(meta));
        self.display.event(&Event::Metadata {
            info_hash: &torrent.info_hash,
            name: &meta.name,
            total_bytes: meta.layout.total_len(),
            files: meta.layout.files().iter().filter(|file| !file.pad).count(),
        });
        let begun = then(meta).and_then(|add| {
            let Some(add) = add else { return Ok(None) };
            let news = Added::of(&add);
            self.session.start_torrent(id, add).with_context(|| format!("cannot take in {}", meta.name))?;
            Ok(Some(news))
        });
        match begun {
            Ok(Some(news)) => {
                torrent.wanted_bytes = news.wanted_bytes;
                self.tell_added(id, &news);
            }
            // That was all.
            Ok(None) => {
                self.on_done(id, goal);
                self.session.command(Command::Remove(id));
            }
            Err(error) => {
                self.session.command(Command::Remove(id));
                self.fail(id, Report::of(&error));
            }
        }
    }
}
