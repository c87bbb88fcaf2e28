//! What an engine wants done.

use crate::ids::{PeerKey, RequestId, TorrentId};
use crate::torrent_event::TorrentEvent;
use crate::transport::{Offer, Transport};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use ztor_wire::{Block, LocalAnnounce, Message};

/// Effects of one turn, one list per kind. The driver carries them out and clears it; the vectors keep their
/// memory. Within a list order is kept; between lists there is none, but for this: a peer's `sends` go before
/// its `replies` and `blocks` of the same turn, and `close` comes last of all.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Bytes that `sends` point into.
    pub bytes: Vec<u8>,
    /// Protocol messages without piece data.
    pub sends: Vec<SendMessage>,
    /// Answers to what peers have asked, for which the engine waits before it makes more: answered by
    /// [`Event::Sent`](crate::Event) once gone.
    pub replies: Vec<SendMessage>,
    /// Piece data to read and send; each is answered by [`Event::Sent`](crate::Event) once gone.
    pub blocks: Vec<SendBlock>,
    /// Connections to open, answered by `Connected` or `Closed`.
    pub connects: Vec<Connect>,
    /// Connections to end after what is queued for them in this turn has been tried once.
    pub closes: Vec<Close>,
    /// Blocks to write and hash, answered by `Written` each.
    pub writes: Vec<WriteBlock>,
    /// Running hashes that will not be finished.
    pub forgets: Vec<TorrentId>,
    /// Torrents whose files are to be looked at again, and prepared, answered by `Checked`.
    pub checks: Vec<TorrentId>,
    /// HTTP requests, answered by `Http`.
    pub https: Vec<HttpGet>,
    /// Names to look up, answered by `Resolved`.
    pub resolves: Vec<Resolve>,
    /// Datagrams to send.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// Announces to the local network, to be sent over every interface (BEP 14).
    pub local_announces: Vec<LocalAnnounce>,
    /// News for front ends.
    pub events: Vec<TorrentEvent>,
}

/// What [`Outbox::bytes`] keeps of its memory between turns.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// Bytes for a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    /// The receiver.
    pub peer: PeerKey,
    /// Place in [`Outbox::bytes`].
    pub range: Range<usize>,
}

/// A block for a peer: header and data of a `piece` message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendBlock {
    /// The receiver.
    pub peer: PeerKey,
    /// Of which torrent.
    pub torrent: TorrentId,
    /// Which bytes; checked against the layout and only of pieces that hashed right.
    pub block: Block,
}

/// A connection to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect {
    /// Its key from now on.
    pub peer: PeerKey,
    /// Where to.
    pub addr: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// Begin with an encrypted handshake.
    pub offer: Option<Offer>,
}

/// A connection to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Which.
    pub peer: PeerKey,
    /// Why, in plain words, for the log.
    pub reason: String,
}

/// A block to write.
#[derive(Debug, Clone)]
pub struct WriteBlock {
    /// Of which torrent.
    pub torrent: TorrentId,
    /// Which piece.
    pub piece: u32,
    /// Offset within it.
    pub begin: u32,
    /// The bytes; a slice of what the driver read.
    pub data: Bytes,
}

/// An HTTP(S) request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGet {
    /// To answer with.
    pub id: RequestId,
    /// Where; contains the user's passkey, so it is not to be logged.
    pub url: String,
    /// The only address family to use; `None` for any. A tracker that has both is asked over each, and so learns both of
    /// our addresses (BEP 7).
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
    /// To answer with.
    pub id: RequestId,
    /// The name, or an address as text.
    pub host: String,
}

impl Outbox {
    /// Queues a message to a peer. Piece data goes through [`Outbox::blocks`].
    pub(crate) fn send(&mut self, peer: PeerKey, message: &Message) {
        let start = self.bytes.len();
        message.encode(&mut self.bytes);
        self.record(peer, start);
    }

    /// Queues the answer to a question. Returns its length in bytes, which the driver tells when they have gone.
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
            https,
            resolves,
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
            && https.is_empty()
            && resolves.is_empty()
            && datagrams.is_empty()
            && local_announces.is_empty()
            && events.is_empty()
    }

    /// Forgets what was done; keeps the memory.
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
        self.https.clear();
        self.resolves.clear();
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
