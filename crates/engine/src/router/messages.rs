//! Dispatch of peer protocol messages (BEP 3, 6, 10, 52) to the parts of the engine.

use super::next::Next;
use super::{Router, metadata};
use crate::bans::BanReason;
use crate::config::{OUR_LT_DONTHAVE, OUR_UPLOAD_ONLY, OUR_UT_HOLEPUNCH, OUR_UT_METADATA, OUR_UT_PEX};
use crate::cx::Cx;
use crate::discovery::known::Origin;
use crate::discovery::pex;
use crate::event::DhtRole;
use crate::exchange::questions::Question;
use crate::ids::{PeerKey, TorrentId};
use crate::misbehaviour::Misbehaviour;
use crate::peer::Peer;
use crate::pieces::Pieces;
use crate::torrent::Torrent;
use bytes::Bytes;
use std::net::SocketAddr;
use ztor_base::Host;
use ztor_wire::{
    ExtendedHandshake, HolepunchMessage, Message, MetadataMessage, PexMessage, decode_dont_have,
    decode_upload_only,
};

/// Passes a message to the part that handles it.
pub(super) fn dispatch(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    message: Message,
) -> Result<Next, Misbehaviour> {
    if let Some(message) = fast_only(&message)
        && !peer.conn().is_fast()
    {
        return Err(Misbehaviour::NotFast { message });
    }
    if !torrent.has_metadata() && speaks_of_pieces(&message) {
        on_pending_pieces(cx, torrent, peer, &message)?;
        return Ok(Next::Done);
    }
    let (conn, trade) = peer.split_trade();
    let (key, addr, exchange) = (conn.key(), conn.addr(), torrent.exchange_mut());
    match message {
        Message::KeepAlive | Message::Unknown { .. } => {}
        Message::Choke => exchange.on_choke(cx, conn, trade),
        Message::Unchoke => exchange.on_unchoke(trade),
        Message::Interested => exchange.on_interest(cx, trade, true),
        Message::NotInterested => exchange.on_interest(cx, trade, false),
        Message::Have { piece } => {
            let was_seed = trade.is_seed();
            exchange.on_have(cx, conn, trade, piece)?;
            if trade.is_seed() && !was_seed {
                torrent.known_mut().set_seed(addr);
            }
        }
        Message::Bitfield(bytes) => {
            exchange.on_bitfield(cx, key, trade, &bytes)?;
            if trade.is_seed() {
                torrent.known_mut().set_seed(addr);
            }
        }
        Message::HaveAll => {
            exchange.on_has(cx, key, trade, Pieces::All)?;
            torrent.known_mut().set_seed(addr);
        }
        Message::HaveNone => exchange.on_has(cx, key, trade, Pieces::None)?,
        Message::Request(block) => exchange.on_request(cx, conn, trade, block)?,
        Message::Cancel(block) => exchange.on_cancel(cx, conn, trade, block),
        Message::Piece { piece, begin, data } => {
            let received = exchange.on_block(cx, conn, trade, (piece, begin, data))?;
            return Ok(received.map_or(Next::Done, Next::CancelOthers));
        }
        Message::Reject(block) => exchange.on_reject(cx, conn, trade, block)?,
        Message::AllowedFast { piece } => exchange.on_allowed_fast(trade, piece)?,
        Message::Suggest { piece } => exchange.on_suggest(trade, piece)?,
        Message::Port(port) => {
            // Only the first port counts, and none in private swarms (BEP 27).
            let is_taken = peer.extensions_mut().sends_port() && !torrent.is_private();
            let node = SocketAddr::new(addr.ip(), port);
            return Ok(if is_taken { Next::AddNode(node) } else { Next::Done });
        }
        Message::Extended { id, payload } => return on_extended(cx, torrent, peer, id, &payload),
        Message::HashRequest(request) => trade.ask(Question::Hashes(request))?,
        Message::Hashes { request, hashes } => {
            return metadata::on_hashes(cx, torrent, peer, &request, &hashes);
        }
        Message::HashReject(request) => {
            if let Some((_, layers)) = torrent.lifecycle_mut().layers_mut() {
                layers.on_reject(cx.now, key, &request);
                cx.dirty.mark_torrent(torrent.id());
            } else {
                torrent.exchange_mut().on_leaf_reject(cx, key, &request);
            }
        }
    }
    Ok(Next::Done)
}

impl Router<'_> {
    /// Carries out the consequences of a message.
    pub(super) fn follow(&mut self, id: TorrentId, key: PeerKey, next: Next) {
        match next {
            Next::Done => {}
            Next::CancelOthers(block) => {
                if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
                    let (exchange, keys) = torrent.exchange_and_peers();
                    exchange.cancel_others(cx, key.into(), block, keys, peers);
                }
                self.forget_at_web_seeds(id, block, None);
            }
            Next::AddNode(addr) => {
                if let Some(dht) = &mut self.dht {
                    dht.add_nodes(self.cx.now, &[addr], DhtRole::Node);
                }
            }
            Next::Holepunch(message) => self.on_holepunch(id, key, message),
            Next::BadMetadata(author) => self.ban(id, author, BanReason::BadMetadata),
            Next::BadHashes(author) => self.ban(id, author, BanReason::BadHashes),
            Next::BadBlocks(piece, senders) => {
                for sender in senders {
                    self.blame(id, sender, piece);
                }
            }
            Next::Info(info) => self.on_info(id, &info),
            Next::LayersDone => self.layers_done(id),
            Next::GiveUp(why) => self.give_up_on(id, why.to_owned()),
        }
    }
}

/// Passes an extension message to the part that handles it (BEP 10).
fn on_extended(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    extension: u8,
    payload: &Bytes,
) -> Result<Next, Misbehaviour> {
    match extension {
        0 => on_extended_handshake(cx, torrent, peer, ExtendedHandshake::decode(payload)?),
        OUR_UT_PEX => pex::on_pex(cx, peer, torrent, &PexMessage::decode(payload)?),
        OUR_UT_METADATA => {
            return metadata::on_message(cx, torrent, peer, MetadataMessage::decode(payload)?);
        }
        // Invalid messages are ignored (BEP 55).
        OUR_UT_HOLEPUNCH => {
            return Ok(HolepunchMessage::decode(payload).map_or(Next::Done, Next::Holepunch));
        }
        OUR_UPLOAD_ONLY => {
            peer.extensions_mut().set_upload_only(decode_upload_only(payload)?);
            cx.dirty.mark_peer(peer.key());
        }
        OUR_LT_DONTHAVE => on_dont_have(cx, torrent, peer, decode_dont_have(payload)?)?,
        _ => {}
    }
    Ok(Next::Done)
}

fn on_extended_handshake(cx: &mut Cx<'_>, torrent: &mut Torrent, peer: &mut Peer, hello: ExtendedHandshake) {
    if let Some(limit) = hello.request_queue {
        peer.trade_mut().download_mut().set_peer_queue_limit(limit);
    }
    let (conn, extensions) = peer.split_extensions();
    let port = extensions.on_handshake(&hello, conn.is_incoming());
    hello.client.into_iter().for_each(|client| conn.set_client(client));
    if let Some(port) = port.filter(|_| !torrent.is_private()) {
        let addr = SocketAddr::new(conn.addr().ip(), port);
        torrent.known_mut().met(cx.now, addr, Origin::Incoming(Host::of(addr.ip())), cx.rng);
    }
    pex::plan(cx, extensions);
    metadata::add_source(cx, torrent, peer);
}

/// Handles the loss of a piece by a peer (BEP 54). Before the metadata is known, losses are ignored: requests for such
/// pieces are refused.
fn on_dont_have(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    piece: u32,
) -> Result<(), Misbehaviour> {
    if !torrent.has_metadata() {
        return Ok(());
    }
    let (conn, trade) = peer.split_trade();
    let was_seed = trade.is_seed();
    torrent.exchange_mut().on_dont_have(cx, conn, trade, piece)?;
    if was_seed && !trade.is_seed() {
        torrent.known_mut().is_no_seed(conn.addr());
    }
    Ok(())
}

/// Handles the pieces of a peer while the number of pieces is unknown.
fn on_pending_pieces(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    peer: &mut Peer,
    message: &Message,
) -> Result<(), Misbehaviour> {
    let (conn, trade) = peer.split_trade();
    if matches!(message, Message::Have { .. }) {
        // The number of valid messages is unknown, so each is charged.
        conn.charge(cx.now, 0)?;
    }
    let was_seed = trade.is_seed();
    torrent.exchange_mut().on_pending(trade, message)?;
    if trade.is_seed() && !was_seed {
        torrent.known_mut().set_seed(conn.addr());
    }
    Ok(())
}

fn speaks_of_pieces(message: &Message) -> bool {
    matches!(
        message,
        Message::Have { .. }
            | Message::Bitfield(_)
            | Message::HaveAll
            | Message::HaveNone
            | Message::AllowedFast { .. }
            | Message::Suggest { .. }
    )
}

fn fast_only(message: &Message) -> Option<&'static str> {
    match message {
        Message::HaveAll => Some("have all"),
        Message::HaveNone => Some("have none"),
        Message::Suggest { .. } => Some("suggest piece"),
        Message::Reject(_) => Some("reject request"),
        Message::AllowedFast { .. } => Some("allowed fast"),
        _ => None,
    }
}
