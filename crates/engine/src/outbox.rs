//! Effects of an engine.

use crate::ids::{DiskId, PeerKey, RequestId, TorrentId};
use crate::torrent_event::TorrentEvent;
use crate::transport::{Offer, Transport};
use crate::web::WebEffect;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use ztor_tracker::dns::Protocol;
use ztor_wire::{Block, LocalAnnounce, Message};

/// Effects of one turn, one list per kind.
///
/// The driver carries out the effects and clears the lists, which keep their memory. Each list is in order. Between
/// lists only two rules hold: a peer's `sends` precede its `replies` and `blocks` of the same turn, and `closes` are
/// last.
///
/// ```
/// use std::net::SocketAddr;
/// use ztor_base::{Instant, PeerId};
/// use ztor_engine::{AddMagnet, Config, Engine, Event, Outbox};
/// use ztor_metainfo::{InfoHashV1, InfoHashes};
///
/// let (now, mut out) = (Instant::ZERO, Outbox::default());
/// let mut engine = Engine::new(now, Config::new(PeerId::from_random([7; 12]), 6881), 42);
/// let info_hashes = InfoHashes::V1(InfoHashV1::new([1; 20]));
/// let peers = vec![SocketAddr::from(([192, 0, 2, 7], 6881))];
/// engine.add_magnet(now, &AddMagnet { info_hashes, trackers: Vec::new(), peers, known: None, paused: false })?;
/// engine.settle(now, &mut out);
///
/// // The driver opens each connection, and reports it in the next turn.
/// for connect in std::mem::take(&mut out.connects) {
///     engine.handle(now, Event::Connected { peer: connect.peer }, &mut out);
/// }
/// engine.settle(now, &mut out);
/// let hello = &out.sends[0];
/// assert!(out.bytes[hello.range.clone()].starts_with(b"\x13BitTorrent protocol"));
/// out.clear();
/// # Ok::<(), ztor_engine::AddError>(())
/// ```
#[derive(Debug, Default)]
pub struct Outbox {
    /// Bytes that `sends` point into.
    pub bytes: Vec<u8>,
    /// Protocol messages without piece data.
    pub sends: Vec<SendMessage>,
    /// Answers to questions of peers. [`Event::Sent`](crate::Event) reports bytes that were sent; the engine waits for
    /// it before it makes more.
    pub replies: Vec<SendMessage>,
    /// Piece data to read and send. [`Event::Sent`](crate::Event) reports bytes that were sent.
    pub blocks: Vec<SendBlock>,
    /// Connections to open, answered by `Connected` or `Closed`.
    pub connects: Vec<Connect>,
    /// Connections to close, after one attempt to send what this turn queued for them.
    pub closes: Vec<Close>,
    /// Blocks to write and hash, answered by `Written` each.
    pub writes: Vec<WriteBlock>,
    /// Torrents whose running hashes are abandoned.
    pub forgets: Vec<TorrentId>,
    /// Torrents whose files are checked and prepared again, answered by `Checked`.
    pub checks: Vec<TorrentId>,
    /// Pieces to look for on disk, as another torrent has verified them in a common file, answered by `Looked`.
    pub looks: Vec<(TorrentId, u32)>,
    /// Blocks of pieces that hashed wrong, which are right and kept for the next attempt, answered by `Kept`.
    pub keeps: Vec<KeepBlocks>,
    /// Verified pieces whose blocks are hashed for a peer (BEP 52), answered by `Leaves`.
    pub leaves: Vec<(TorrentId, u32)>,
    /// Torrents whose info dictionary and hashes are loaded into memory ([`Metainfo::bulk`](ztor_metainfo::Metainfo::bulk)), answered by
    /// `BulkLoaded`.
    pub bulks: Vec<TorrentId>,
    /// HTTP requests, answered by `Http`.
    pub https: Vec<HttpGet>,
    /// Effects on requests to web seeds, answered by `Web`.
    pub web: Vec<WebEffect>,
    /// Names to look up, answered by `Resolved`.
    pub resolves: Vec<Resolve>,
    /// Datagrams to trackers.
    pub tracker_datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// Datagrams to nodes of the DHT.
    pub datagrams: Vec<DhtDatagram>,
    /// Announces to the local network, each sent over every interface (BEP 14).
    pub local_announces: Vec<LocalAnnounce>,
    /// News for front ends.
    pub events: Vec<TorrentEvent>,
}

/// A datagram to a node of the DHT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhtDatagram {
    /// Number of our node, which decides on the socket (BEP 45).
    pub node: u8,
    /// Address of the other node.
    pub to: SocketAddr,
    /// Payload.
    pub data: Vec<u8>,
}

/// Capacity that [`Outbox::bytes`] keeps between turns, in bytes.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// Bytes for a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    /// The receiver.
    pub peer: PeerKey,
    /// Range in [`Outbox::bytes`].
    pub range: Range<usize>,
}

/// A block for a peer: header and data of a `piece` message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendBlock {
    /// The receiver.
    pub peer: PeerKey,
    /// Torrent of the block.
    pub torrent: TorrentId,
    /// The block, which is within the layout and of a verified piece.
    pub block: Block,
}

/// Right blocks of a piece that hashed wrong. They count as written when the piece is begun again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepBlocks {
    /// Torrent of the piece.
    pub torrent: TorrentId,
    /// Index of the piece.
    pub piece: u32,
    /// The right blocks, one bit for each block of the piece.
    pub blocks: crate::Bitfield,
}

/// A connection to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect {
    /// Key of the new connection.
    pub peer: PeerKey,
    /// Remote address.
    pub addr: SocketAddr,
    /// Transport to use.
    pub transport: Transport,
    /// Encrypted handshake to begin with; `None` for a plain one.
    pub offer: Option<Offer>,
}

/// A connection to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Key of the connection.
    pub peer: PeerKey,
    /// Reason in plain words, for the log.
    pub reason: String,
}

/// A block to write.
#[derive(Debug, Clone)]
pub struct WriteBlock {
    /// Torrent of the block.
    pub torrent: TorrentId,
    /// Index of the piece.
    pub piece: u32,
    /// Offset within the piece, in bytes.
    pub begin: u32,
    /// Disk that the block is counted for, to be named in [`DiskEvent::Written`](crate::DiskEvent).
    pub disk: DiskId,
    /// Data of the block, a slice of what the driver read.
    pub data: Bytes,
}

/// An HTTP(S) request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGet {
    /// Id of the answer.
    pub id: RequestId,
    /// URL. It may contain the user's passkey and must not be logged.
    pub url: String,
    /// Only address family to use; `None` for any. A tracker with both is asked over each, so that it learns both our
    /// addresses (BEP 7).
    pub family: Option<IpFamily>,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    /// Returns the family of an address. An IPv4 address in IPv6 form is IPv4.
    pub fn of(ip: IpAddr) -> Self {
        if ip.to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// A host name to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// Id of the answer.
    pub id: RequestId,
    /// Host name, or an address as text.
    pub host: String,
    /// Protocol of the tracker.
    pub protocol: Protocol,
    /// Port of the tracker, by its URL.
    pub port: u16,
}

impl Outbox {
    /// Queues a message to a peer. Piece data goes through [`Outbox::blocks`].
    pub(crate) fn send(&mut self, peer: PeerKey, message: &Message) {
        let start = self.bytes.len();
        message.encode(&mut self.bytes);
        self.record(peer, start);
    }

    /// Queues the answer to a question. Returns its length in bytes, which the driver reports once they are sent.
    pub(crate) fn reply(&mut self, peer: PeerKey, message: &Message) -> u64 {
        let start = self.bytes.len();
        message.encode(&mut self.bytes);
        let end = self.bytes.len();
        self.replies.push(SendMessage { peer, range: start..end });
        (end - start) as u64
    }

    pub(crate) fn send_raw(&mut self, peer: PeerKey, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.record(peer, start);
    }

    /// Returns true if there is no effect.
    pub fn is_empty(&self) -> bool {
        let Self {
            bytes: _,
            sends,
            replies,
            blocks,
            connects,
            closes,
            writes,
            forgets,
            checks,
            looks,
            keeps,
            leaves,
            bulks,
            https,
            web,
            resolves,
            tracker_datagrams,
            datagrams,
            local_announces,
            events,
        } = self;
        sends.is_empty()
            && replies.is_empty()
            && blocks.is_empty()
            && connects.is_empty()
            && closes.is_empty()
            && writes.is_empty()
            && forgets.is_empty()
            && checks.is_empty()
            && looks.is_empty()
            && keeps.is_empty()
            && leaves.is_empty()
            && bulks.is_empty()
            && https.is_empty()
            && web.is_empty()
            && resolves.is_empty()
            && tracker_datagrams.is_empty()
            && datagrams.is_empty()
            && local_announces.is_empty()
            && events.is_empty()
    }

    /// Removes all effects. The lists keep their memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(MAX_KEPT_BYTES);
        self.sends.clear();
        self.replies.clear();
        self.blocks.clear();
        self.connects.clear();
        self.closes.clear();
        self.writes.clear();
        self.forgets.clear();
        self.checks.clear();
        self.looks.clear();
        self.keeps.clear();
        self.leaves.clear();
        self.bulks.clear();
        self.https.clear();
        self.web.clear();
        self.resolves.clear();
        self.tracker_datagrams.clear();
        self.datagrams.clear();
        self.local_announces.clear();
        self.events.clear();
    }

    fn record(&mut self, peer: PeerKey, start: usize) {
        let end = self.bytes.len();
        match self.sends.last_mut() {
            Some(last) if last.peer == peer && last.range.end == start => last.range.end = end,
            _ => self.sends.push(SendMessage { peer, range: start..end }),
        }
    }
}
