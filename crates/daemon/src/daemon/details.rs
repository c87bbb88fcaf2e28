//! Details of one torrent.

use super::Daemon;
use crate::core::View;
use crate::error::DaemonError;
use crate::goals::to_api;
use data_encoding::BASE64;
use ztor_api::{Detail, Peer, Pieces, Publisher};
use ztor_policy::{Goals, TorrentKey};
use ztor_session::{Direction, Magnet, MetadataError, PeerSource, Protection, Transport};

impl Daemon {
    /// Returns the torrent that one term names.
    ///
    /// # Errors
    /// No torrent matches, or several do.
    pub fn find_one(&self, term: &str) -> Result<TorrentKey, DaemonError> {
        let found = self.core().select(&[term.to_owned()])?;
        match found.as_slice() {
            [key] => Ok(*key),
            [] => Err(crate::select::SelectError::NoMatch { term: term.chars().take(60).collect() }.into()),
            many => Err(DaemonError::Conflict(format!("{term:?} matches {} torrents; name one", many.len()))),
        }
    }

    /// Returns a torrent in detail.
    ///
    /// # Errors
    /// The torrent is unknown.
    pub async fn detail(&self, key: TorrentKey) -> Result<Detail, DaemonError> {
        let known = self.with(|core| {
            let of = core.view(key).map(|view| of_view(&view, core.manager().policy().own_goals(key)))?;
            let is_known = of.files.is_some();
            Some((of, is_known.then(|| core.handle(key)).flatten()))
        });
        let (mut detail, torrent) = known.ok_or(DaemonError::NoTorrent)?;
        if let Some(torrent) = torrent {
            let meta = torrent.metadata().await?;
            detail.magnet = Magnet::from(&*meta).to_string();
            detail.comment.clone_from(&meta.comment);
            detail.created_by.clone_from(&meta.created_by);
            detail.created_unix_s = meta.creation_date;
            detail.piece_bytes = Some(meta.layout.piece_length());
            detail.pieces = Some(meta.layout.piece_count());
        }
        Ok(detail)
    }

    /// Returns the content of the torrent file.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded, or its metadata is unknown.
    pub async fn export(&self, key: TorrentKey) -> Result<Vec<u8>, DaemonError> {
        let is_known = {
            let core = self.core();
            core.entry(key).ok_or(DaemonError::NoTorrent)?.record().size.is_some()
        };
        if !is_known {
            let message = "cannot export the torrent file: the metadata has not arrived yet";
            return Err(DaemonError::Conflict(message.into()));
        }
        let meta = self.handle(key)?.metadata().await?;
        // Reads the database.
        let written = tokio::task::spawn_blocking(move || meta.to_bytes()).await;
        let ended = |error: tokio::task::JoinError| MetadataError::Unusable(error.to_string());
        Ok(written.map_err(ended)?.map_err(MetadataError::from)?)
    }

    /// Returns the connected peers of a torrent.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded.
    pub async fn peers(&self, key: TorrentKey) -> Result<Vec<Peer>, DaemonError> {
        let peers = self.handle(key)?.peers().await?;
        Ok(peers
            .into_iter()
            .map(|peer| Peer {
                addr: peer.addr.to_string(),
                client: peer.client,
                is_incoming: peer.direction == Direction::Incoming,
                transport: if peer.transport == Transport::Utp { "utp" } else { "tcp" }.to_owned(),
                is_encrypted: peer.protection != Protection::None,
                sources: peer.sources.into_iter().map(|source| source_name(source).to_owned()).collect(),
                progress: f64::from(peer.have_permille) / 1000.0,
                down_per_s: peer.down_per_s,
                up_per_s: peer.up_per_s,
                downloaded_bytes: peer.downloaded_bytes,
                uploaded_bytes: peer.uploaded_bytes,
                chokes_us: peer.chokes_us,
                we_choke: peer.we_choke,
                is_interested: peer.is_interested,
                we_are_interested: peer.we_are_interested,
                is_snubbed: peer.is_snubbed,
                is_upload_only: peer.is_upload_only,
                connected_s: peer.connected_for.as_secs(),
            })
            .collect())
    }

    /// Returns the pieces of a torrent.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded.
    pub async fn pieces(&self, key: TorrentKey) -> Result<Pieces, DaemonError> {
        let map = self.handle(key)?.pieces().await?;
        let availability = map.availability();
        let bytes: Vec<u8> =
            availability.iter().map(|peers| u8::try_from(*peers).unwrap_or(u8::MAX)).collect();
        Ok(Pieces {
            count: map.have.len(),
            have: BASE64.encode(&map.have.to_wire()),
            availability: BASE64.encode(&bytes),
            partial: map.partial.iter().map(|partial| partial.piece).collect(),
        })
    }
}

/// Returns what is known without the metadata.
fn of_view(view: &View<'_>, goals: Option<Goals>) -> Detail {
    let record = view.entry().record();
    Detail {
        goals: to_api(goals.unwrap_or_default()),
        magnet: record.magnet.clone(),
        comment: None,
        created_by: None,
        created_unix_s: None,
        piece_bytes: None,
        pieces: None,
        have_pieces: view.status().map_or(0, |status| status.have_pieces),
        files: record.size.map(|size| size.files),
        wasted_bytes: view.status().map_or(0, |status| status.wasted_bytes),
        known_peers: view.status().map_or(0, |status| status.known_peers),
        signatures: record.signatures.clone(),
        update_url: record.update_url.as_deref().map(ztor_session::redact_url),
        publisher: record.publication.as_ref().map(|of| Publisher { link: of.link.clone(), version: of.seq }),
        is_updated: record.is_updated,
        torrent: view.to_row(),
    }
}

fn source_name(source: PeerSource) -> &'static str {
    match source {
        PeerSource::User => "user",
        PeerSource::Tracker => "tracker",
        PeerSource::LocalDiscovery => "local",
        PeerSource::Incoming => "incoming",
        PeerSource::Dht => "dht",
        PeerSource::PeerExchange => "pex",
        PeerSource::HolePunch => "hole_punch",
        _ => "other",
    }
}
