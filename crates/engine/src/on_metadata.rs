//! From a magnet link to a torrent (BEP 9, and BEP 52 for the hashes of pieces), and the same for others.

use crate::event::StartTorrent;
use crate::extended::Early;
use crate::layers::{self, Layers};
use crate::metadata;
use crate::misbehaviour::Misbehaviour;
use crate::outbox::Outbox;
use crate::peer::{Direction, Peer};
use crate::pieces::Pieces;
use crate::questions::Question;
use crate::torrent::{Knowledge, Phase, Torrent};
use crate::torrent_event::TorrentEvent;
use crate::{Engine, PeerKey, TorrentId};
use bytes::Bytes;
use std::sync::Arc;
use thiserror::Error;
use ztor_base::Instant;
use ztor_metainfo::Metainfo;
use ztor_wire::{HashRequest, Message, MetadataMessage};

/// Reasons why a torrent cannot be started.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StartTorrentError {
    /// The torrent was removed.
    #[error("torrent not found")]
    Gone,
    /// The torrent has started, or its metadata has not arrived.
    #[error("torrent has already started, or its metadata has not arrived")]
    NotWaiting,
    /// The given metainfo is of another torrent than the link has led to.
    #[error("the link leads to another torrent than the one that is given")]
    OtherTorrent,
    /// The priorities are not one per piece.
    #[error("there are priorities of {found} pieces, but the torrent has {expected}")]
    WrongPieceCount {
        /// Pieces of the torrent.
        expected: usize,
        /// Priorities given.
        found: usize,
    },
}

impl Torrent {
    /// The info dictionary, once it is known to be right.
    pub(crate) fn info(&self) -> Option<&Arc<[u8]>> {
        match &self.knowledge {
            Knowledge::Hash(_) => None,
            Knowledge::Info(meta, _) => Some(&meta.info),
            Knowledge::All(meta) => Some(&meta.info),
        }
    }

    /// How many pieces there are is not known yet.
    pub(crate) fn is_unknown(&self) -> bool {
        !matches!(self.knowledge, Knowledge::All(_))
    }
}

impl Engine {
    /// Starts a torrent whose metadata has arrived. The driver checks the data on disk next, as for one that was
    /// [added](Self::add).
    ///
    /// # Errors
    /// The torrent is gone, or not waiting; or `start` does not have one priority per piece.
    pub fn start_torrent(&mut self, id: TorrentId, start: StartTorrent) -> Result<(), StartTorrentError> {
        let torrent = self.torrents.get_mut(id).ok_or(StartTorrentError::Gone)?;
        if torrent.phase != Phase::Metadata || torrent.is_unknown() {
            return Err(StartTorrentError::NotWaiting);
        }
        let StartTorrent { priorities, sequential, uploaded, downloaded } = start;
        let expected = torrent.layout.piece_count() as usize;
        if let Some(found) = priorities.as_ref().map(|all| all.len()).filter(|found| *found != expected) {
            return Err(StartTorrentError::WrongPieceCount { expected, found });
        }
        torrent.start(priorities, sequential, uploaded, downloaded);
        self.changes.shown.insert(id);
        Ok(())
    }

    /// Metainfo of a torrent; `None` while it is not known, or if the torrent is not there.
    pub fn metainfo(&self, id: TorrentId) -> Option<&Arc<Metainfo>> {
        match &self.torrents.get(id)?.knowledge {
            Knowledge::All(meta) => Some(meta),
            Knowledge::Hash(_) | Knowledge::Info(..) => None,
        }
    }

    /// A peer may have what is missing.
    pub(crate) fn offers_metadata(&mut self, key: PeerKey, id: TorrentId) {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get(key)) else { return };
        match &mut torrent.knowledge {
            Knowledge::Hash(fetch) => {
                if let (Some(size), Some(_)) = (peer.extended.metadata_size, peer.extended.ut_metadata) {
                    fetch.add_source(key, peer.author(), size);
                }
            }
            // Some that know v1 only hang up on what they do not know.
            Knowledge::Info(meta, layers) if !meta.is_v1() || peer.speaks_v2 => layers.add_source(key),
            Knowledge::Info(..) | Knowledge::All(_) => return,
        }
        self.mark_torrent(id);
    }

    /// Asks for what is missing. Says when to ask again at the latest.
    pub(crate) fn fetch_metadata(
        &mut self,
        now: Instant,
        id: TorrentId,
        out: &mut Outbox,
    ) -> Option<Instant> {
        let torrent = self.torrents.get_mut(id)?;
        match &mut torrent.knowledge {
            Knowledge::Hash(fetch) => {
                if let Some(len) = fetch.take_too_long() {
                    let max = metadata::MAX_METADATA_LEN;
                    out.events.push(TorrentEvent::MetadataTooLong { torrent: id, len, max });
                }
                for (key, piece) in fetch.asks(now) {
                    let extension = self.peers.get(key).and_then(|peer| peer.extended.ut_metadata);
                    let Some(extension) = extension else { continue };
                    let payload = MetadataMessage::Request { piece }.encode().into();
                    out.send(key, &Message::Extended { id: extension, payload });
                }
                fetch.poll_timeout()
            }
            Knowledge::Info(_, layers) if layers.is_hopeless(now) => {
                self.layers_done(now, id, out);
                None
            }
            Knowledge::Info(_, layers) => {
                for (key, request) in layers.asks(now) {
                    out.send(key, &Message::HashRequest(request));
                }
                layers.poll_timeout()
            }
            Knowledge::All(_) => None,
        }
    }

    pub(crate) fn on_metadata_message(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        message: MetadataMessage,
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        match message {
            MetadataMessage::Request { piece } => self.on_question(key, Question::Metadata(piece)),
            MetadataMessage::Reject { piece } => {
                if let Some(Torrent { knowledge: Knowledge::Hash(fetch), .. }) = self.torrents.get_mut(id) {
                    fetch.on_reject(now, key, piece);
                    self.mark_torrent(id);
                }
                self.charge(now, key, 0)
            }
            MetadataMessage::Data { piece, total_size, data } => {
                self.on_metadata(now, key, id, (piece, total_size, data), out)
            }
            MetadataMessage::Unknown => self.charge(now, key, 0),
        }
    }

    fn on_metadata(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        block: (u32, u32, Bytes),
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let Some(torrent) = self.torrents.get_mut(id) else { return Ok(()) };
        let hashes = torrent.hashes;
        let len = block.2.len();
        let Knowledge::Hash(fetch) = &mut torrent.knowledge else { return self.charge(now, key, len) };
        self.down.owe(now, len as u32);
        let came = fetch.on_data(now, key, block, |info| hashes.are_of(info));
        self.mark_torrent(id);
        match came {
            metadata::Came::Unneeded => return self.charge(now, key, len),
            metadata::Came::Taken => {}
            metadata::Came::Nonsense => return Err(Misbehaviour::BadMetadata),
            metadata::Came::Wrong(None) => {}
            metadata::Came::Wrong(Some(author)) => {
                self.ban(now, id, author, &Misbehaviour::BadMetadata, out);
            }
            metadata::Came::Complete(info) => self.on_info(now, id, &info, out),
        }
        Ok(())
    }

    fn charge(&mut self, now: Instant, key: PeerKey, bytes: usize) -> Result<(), Misbehaviour> {
        self.peers.get_mut(key).map_or(Ok(()), |peer| peer.junk.charge(now, bytes))
    }

    /// The info dictionary is there, and its hash is right.
    fn on_info(&mut self, now: Instant, id: TorrentId, info: &[u8], out: &mut Outbox) {
        let mut meta = match Metainfo::from_info(info) {
            Ok(meta) => meta,
            Err(error) => return self.give_up_on(now, id, error.to_string(), out),
        };
        // A link may name one half of a hybrid torrent only.
        if meta.info_hashes.swarm_ids().any(|swarm| self.swarms.get(swarm).is_some_and(|other| other != id)) {
            return self.give_up_on(
                now,
                id,
                "this torrent is here already, under its other hash".into(),
                out,
            );
        }
        meta.info_hashes.swarm_ids().for_each(|swarm| self.swarms.insert(swarm, id));
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        meta.trackers = torrent.announcer.tiers();
        torrent.hashes = meta.info_hashes;
        if meta.private {
            self.make_private(now, id, out);
        }
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        match Layers::new(now, &meta) {
            Some(layers) => {
                torrent.knowledge = Knowledge::Info(Box::new(meta), layers);
                for key in torrent.peers.clone() {
                    if self.peers.get(key).is_some_and(|peer| peer.is_live()) {
                        self.offers_metadata(key, id);
                    }
                }
            }
            None => self.on_known(now, id, Arc::new(meta), out),
        }
    }

    /// Everything is known of what the torrent is.
    fn on_known(&mut self, now: Instant, id: TorrentId, meta: Arc<Metainfo>, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        torrent.know(Arc::clone(&meta));
        for key in torrent.peers.clone() {
            let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.is_live()) else { continue };
            // Who said that it has everything was counted as it came.
            let is_counted = peer.has == Pieces::All;
            let early = peer.extended.early.take();
            let told = early.map_or(Ok(None), |early| early.pieces(meta.layout.piece_count()).map(Some));
            let result = match told {
                Ok(None | Some(Pieces::None)) => Ok(()),
                Ok(Some(Pieces::All)) if is_counted => Ok(()),
                Ok(Some(pieces)) => self.on_has(key, id, pieces),
                Err(offence) => Err(offence),
            };
            if let Err(offence) = result {
                self.punish(now, key, &offence, out);
            }
        }
        self.changes.shown.insert(id);
        self.mark_torrent(id);
        let torrent = &self.torrents[id];
        for key in &torrent.peers {
            self.send_extended_handshake(*key, torrent, out);
        }
        out.events.push(TorrentEvent::Metadata { torrent: id, meta });
    }

    /// Nothing can be done with it.
    fn give_up_on(&mut self, now: Instant, id: TorrentId, message: String, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        torrent.phase = Phase::Unusable(message.clone());
        for key in torrent.peers.clone() {
            self.close(now, key, "its torrent cannot be used", out);
        }
        self.changes.shown.insert(id);
        out.events.push(TorrentEvent::Unusable { torrent: id, message });
    }

    /// Only now it is known that nobody but the trackers may name peers: whom others named is forgotten (BEP 27).
    fn make_private(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        torrent.private = true;
        self.leave_dht(id);
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let known = &torrent.known;
        let others = torrent.peers.iter().copied().filter(|key| {
            let peer = self.peers.get(*key);
            peer.is_some_and(|p| p.direction == Direction::Outgoing && !known.is_private_origin(p.addr))
        });
        let others: Vec<PeerKey> = others.collect();
        torrent.known.keep_private_origins();
        for key in others {
            self.close(now, key, "the torrent is private, and no tracker has named it", out);
        }
    }

    /// What a peer says of its pieces while it is not known how many there are.
    pub(crate) fn on_early(
        &mut self,
        key: PeerKey,
        id: TorrentId,
        message: &Message,
    ) -> Result<(), Misbehaviour> {
        let (Some(torrent), Some(peer)) = (self.torrents.get_mut(id), self.peers.get_mut(key)) else {
            return Ok(());
        };
        let early = peer.extended.early.get_or_insert_default();
        match message {
            Message::Bitfield(bits) => early.bitfield(bits)?,
            Message::Have { piece } => early.have(*piece)?,
            Message::HaveNone => *early = Early::default(),
            Message::HaveAll if peer.has != Pieces::All => {
                early.has_all();
                peer.has = Pieces::All;
                torrent.seeds += 1;
                torrent.known.is_seed(peer.addr);
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn on_hashes(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        (request, hashes): (&HashRequest, &[u8]),
        out: &mut Outbox,
    ) -> Result<(), Misbehaviour> {
        let Some(torrent) = self.torrents.get_mut(id) else { return Ok(()) };
        let Knowledge::Info(meta, layers) = &mut torrent.knowledge else {
            return self.charge(now, key, hashes.len());
        };
        let came = layers.on_hashes(now, key, request, hashes);
        if came == layers::Came::Unneeded {
            return self.charge(now, key, hashes.len());
        }
        if came == layers::Came::Wrong {
            let author = self.peers.get(key).map(Peer::author);
            self.mark_torrent(id);
            if let Some(author) = author {
                self.ban(now, id, author, &Misbehaviour::BadHashes, out);
            }
            return Ok(());
        }
        if layers.are_all_here() {
            if layers.complete(meta) {
                self.layers_done(now, id, out);
            } else {
                let message = "two of its files claim the same content and different lengths".to_owned();
                self.give_up_on(now, id, message, out);
            }
        }
        self.mark_torrent(id);
        Ok(())
    }

    /// All hashes there will be have come.
    fn layers_done(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let nothing = Knowledge::Hash(Default::default());
        if let Knowledge::Info(meta, _) = std::mem::replace(&mut torrent.knowledge, nothing) {
            self.on_known(now, id, Arc::new(*meta), out);
        }
    }

    pub(crate) fn on_hash_reject(
        &mut self,
        now: Instant,
        key: PeerKey,
        id: TorrentId,
        request: &HashRequest,
    ) {
        if let Some(Torrent { knowledge: Knowledge::Info(_, layers), .. }) = self.torrents.get_mut(id) {
            layers.on_reject(now, key, request);
            self.mark_torrent(id);
        }
    }
}
