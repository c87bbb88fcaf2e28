//! Torrents that begin as a magnet link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use ztor_metainfo::{Magnet, Metainfo};
use ztor_session::{AddMagnet, Command, TorrentId};

use super::torrent::{Outcome, Then, Torrent};
use super::{Added, Goal, Swarm};
use crate::display::Event;
use crate::exit::Report;

impl Swarm {
    /// Takes a magnet link in. `then` is asked what to do once it is known what it leads to.
    pub(crate) fn add_magnet(
        &mut self,
        magnet: Magnet,
        peers: Vec<SocketAddr>,
        then: Then,
    ) -> anyhow::Result<()> {
        let info_hash = magnet.info_hashes.to_string();
        let name = magnet.name.clone().unwrap_or_else(|| info_hash.clone());
        let id = self
            .session
            .add_magnet(AddMagnet { magnet, peers })
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
            self.session.begin(id, add).with_context(|| format!("cannot take in {}", meta.name))?;
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
                let report = Report::of(&error);
                self.session.command(Command::Remove(id));
                self.on_failure(id, report.exit, report.message);
            }
        }
    }
}
