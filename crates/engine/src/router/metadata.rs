//! Metadata of magnet links (BEP 9), and piece layers (BEP 52).

use super::Router;
use super::next::Next;
use crate::bans::BanReason;
use crate::cx::Cx;
use crate::exchange::LeafOutcome;
use crate::exchange::questions::Question;
use crate::ids::{PeerKey, TorrentId};
use crate::metadata::{BlockOutcome, LayerOutcome, Layers, MAX_METADATA_LEN};
use crate::misbehaviour::Misbehaviour;
use crate::peer::Peer;
use crate::torrent::{Lifecycle, Torrent};
use crate::torrent_event::TorrentEvent;
use bytes::Bytes;
use std::sync::Arc;
use ztor_base::Instant;
use ztor_metainfo::Metainfo;
use ztor_wire::{HashRequest, Message, MetadataMessage};

/// Registers a peer as a source of missing metadata, if it is one.
pub(super) fn add_source(cx: &mut Cx<'_>, torrent: &mut Torrent, peer: &Peer) {
    let key = peer.key();
    match torrent.lifecycle_mut() {
        Lifecycle::FetchingInfo(fetch) => {
            if let Some(size) = peer.extensions().metadata_size() {
                fetch.add_source(key, peer.conn().author(), size);
            }
        }
        // Some v1-only clients close the connection on unknown requests.
        Lifecycle::FetchingLayers(meta, layers) if !meta.is_v1() || peer.conn().speaks_v2() => {
            layers.add_source(key);
        }
        _ => return,
    }
    cx.dirty.mark_torrent(torrent.id());
}

/// Handles a message of `ut_metadata` (BEP 9).
pub(super) fn on_message(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    message: MetadataMessage,
) -> Result<Next, Misbehaviour> {
    let (now, key) = (cx.now, peer.key());
    match message {
        MetadataMessage::Request { piece } => peer.trade_mut().ask(Question::Metadata(piece))?,
        MetadataMessage::Reject { piece } => {
            if let Some(fetch) = torrent.lifecycle_mut().fetch_mut() {
                fetch.on_reject(now, key, piece);
                cx.dirty.mark_torrent(torrent.id());
            }
            peer.conn_mut().charge(now, 0)?;
        }
        MetadataMessage::Data { piece, total_size, data } => {
            return on_block(cx, torrent, peer, (piece, total_size, data));
        }
        MetadataMessage::Unknown => peer.conn_mut().charge(now, 0)?,
    }
    Ok(Next::Done)
}

fn on_block(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    block: (u32, u32, Bytes),
) -> Result<Next, Misbehaviour> {
    let (id, hashes, len) = (torrent.id(), *torrent.hashes(), block.2.len());
    let outcome = match torrent.lifecycle_mut().fetch_mut() {
        None => BlockOutcome::Unneeded,
        Some(fetch) => {
            cx.quota.down_mut().owe_whole(cx.now, len as u32);
            cx.dirty.mark_torrent(id);
            fetch.on_data(cx.now, peer.key(), block, |info| hashes.are_of(info))
        }
    };
    match outcome {
        BlockOutcome::Unneeded => peer.conn_mut().charge(cx.now, len).map(|()| Next::Done),
        BlockOutcome::Accepted | BlockOutcome::Wrong(None) => Ok(Next::Done),
        BlockOutcome::Invalid => Err(BanReason::BadMetadata.into()),
        BlockOutcome::Wrong(Some(author)) => Ok(Next::BadMetadata(author)),
        BlockOutcome::Complete(info) => Ok(Next::Info(info)),
    }
}

/// Handles hashes of pieces (BEP 52).
pub(super) fn on_hashes(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    request: &HashRequest,
    hashes: &[u8],
) -> Result<Next, Misbehaviour> {
    let (id, key, author) = (torrent.id(), peer.key(), peer.conn().author());
    let mut fetch = torrent.lifecycle_mut().layers_mut();
    let outcome = fetch
        .as_mut()
        .map_or(LayerOutcome::Unneeded, |(_, layers)| layers.on_hashes(cx.now, key, request, hashes));
    match outcome {
        LayerOutcome::Unneeded => return on_leaf_hashes(cx, torrent, peer, request, hashes),
        LayerOutcome::Wrong | LayerOutcome::Accepted => cx.dirty.mark_torrent(id),
    }
    Ok(match fetch {
        _ if outcome == LayerOutcome::Wrong => Next::BadHashes(author),
        Some((meta, layers)) if layers.are_all_here() => {
            let is_sound = layers.complete(meta);
            let defect = "two files claim the same content but different lengths";
            if is_sound { Next::LayersDone } else { Next::GiveUp(defect) }
        }
        _ => Next::Done,
    })
}

/// Handles hashes of blocks, if they were requested about a bad piece.
fn on_leaf_hashes(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    request: &HashRequest,
    hashes: &[u8],
) -> Result<Next, Misbehaviour> {
    Ok(match torrent.exchange_mut().on_leaf_hashes(cx, peer.key(), request, hashes) {
        LeafOutcome::Unneeded => return peer.conn_mut().charge(cx.now, hashes.len()).map(|()| Next::Done),
        LeafOutcome::Wrong => Next::BadHashes(peer.conn().author()),
        LeafOutcome::Guilty(piece, senders) => Next::BadBlocks(piece, senders),
    })
}

impl Router<'_> {
    /// Requests missing metadata. Returns the latest time of the next request.
    pub(super) fn request_metadata(&mut self, id: TorrentId) -> Option<Instant> {
        let (cx, torrent, peers) = self.enter_torrent(id)?;
        match torrent.lifecycle_mut() {
            Lifecycle::FetchingInfo(fetch) => {
                if let Some(len) = fetch.take_too_long() {
                    let max = MAX_METADATA_LEN;
                    cx.out.events.push(TorrentEvent::MetadataTooLong { torrent: id, len, max });
                }
                for (key, piece) in fetch.asks(cx.now) {
                    if let Some(id) = peers.get(key).and_then(|peer| peer.extensions().ut_metadata()) {
                        let payload = MetadataMessage::Request { piece }.encode().into();
                        cx.out.send(key, &Message::Extended { id, payload });
                    }
                }
                fetch.poll_timeout()
            }
            Lifecycle::FetchingLayers(_, layers) if layers.is_hopeless(cx.now) => {
                self.layers_done(id);
                None
            }
            Lifecycle::FetchingLayers(_, layers) => {
                for (key, request) in layers.asks(cx.now) {
                    cx.out.send(key, &Message::HashRequest(request));
                }
                layers.poll_timeout()
            }
            _ => None,
        }
    }

    /// Takes the complete info dictionary, whose hash is right.
    pub(super) fn on_info(&mut self, id: TorrentId, info: &[u8]) {
        let mut meta = match Metainfo::from_info(info) {
            Ok(meta) => meta,
            Err(error) => return self.give_up_on(id, error.to_string()),
        };
        // A link may name one half of a hybrid torrent only.
        let is_of_other = |swarm| self.torrents.by_swarm(swarm).is_some_and(|other| other != id);
        if meta.info_hashes.swarm_ids().any(is_of_other) {
            return self.give_up_on(id, "this torrent exists already, under its other info-hash".into());
        }
        self.torrents.add_swarms(id, &meta.info_hashes);
        if let Some(torrent) = self.torrents.get_mut(id) {
            meta.trackers = torrent.trackers().announcer().tiers();
            torrent.set_info(&meta);
        }
        if meta.private {
            self.make_private(id);
        }
        match Layers::new(self.cx.now, &meta) {
            None => self.on_metadata(id, meta),
            Some(layers) => self.fetch_layers(id, meta, layers),
        }
    }

    /// Starts to fetch piece layers from the connected peers.
    fn fetch_layers(&mut self, id: TorrentId, meta: Metainfo, layers: Layers) {
        if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
            torrent.fetch_layers(meta, layers);
            let keys = torrent.peers().to_vec();
            for peer in peers.of(&keys).filter(|peer| peer.is_live()) {
                add_source(cx, torrent, peer);
            }
        }
    }

    /// Takes the complete metadata.
    fn on_metadata(&mut self, id: TorrentId, meta: Metainfo) {
        let meta = Arc::new(meta);
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        torrent.set_metadata(Arc::clone(&meta));
        for key in torrent.peers().to_vec() {
            let live = self.enter(key).filter(|(.., peer)| peer.is_live());
            let result = live.map_or(Ok(()), |(cx, torrent, peer)| apply_pending(cx, torrent, peer));
            if let Err(offence) = result {
                self.punish(key, &offence);
            }
        }
        self.cx.dirty.show(id);
        self.cx.dirty.mark_torrent(id);
        if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
            for peer in peers.of(torrent.peers()) {
                peer.extensions().send_handshake(cx, peer.conn(), torrent.about());
            }
            cx.out.events.push(TorrentEvent::Metadata { torrent: id, meta });
        }
    }

    /// Gives up a torrent with unusable metadata.
    pub(super) fn give_up_on(&mut self, id: TorrentId, message: String) {
        if let Some(torrent) = self.torrents.get_mut(id) {
            torrent.invalidate(message.clone());
            self.close_all_of(id, "the torrent is unusable");
            self.cx.dirty.show(id);
            self.cx.out.events.push(TorrentEvent::Unusable { torrent: id, message });
        }
    }

    /// Makes a torrent private, and drops outgoing connections to peers from public sources (BEP 27).
    fn make_private(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        if let Some(dht) = &mut self.dht {
            dht.leave(torrent);
        }
        let known = torrent.known();
        let is_named_by_others =
            |peer: &&Peer| !peer.conn().is_incoming() && !known.is_private_origin(peer.conn().addr());
        let others = self.peers.of(torrent.peers()).filter(is_named_by_others);
        let others: Vec<PeerKey> = others.map(Peer::key).collect();
        torrent.make_private();
        for key in others {
            self.close(key, "the torrent is private, and no tracker has named this peer");
        }
    }

    /// Ends the fetch of the piece layers and completes the metadata. Hashes that have not arrived stay unknown.
    pub(super) fn layers_done(&mut self, id: TorrentId) {
        if let Some(meta) = self.torrents.get_mut(id).and_then(Torrent::take_layers) {
            self.on_metadata(id, meta);
        }
    }
}

/// Applies the pieces that a peer announced before their number was known.
fn apply_pending(cx: &mut Cx<'_>, torrent: &mut Torrent, peer: &mut Peer) -> Result<(), Misbehaviour> {
    let was_seed = peer.trade().is_seed();
    let (conn, trade) = peer.split_trade();
    torrent.exchange_mut().apply_pending(cx, conn.key(), trade)?;
    if trade.is_seed() && !was_seed {
        torrent.known_mut().set_seed(conn.addr());
    }
    Ok(())
}
