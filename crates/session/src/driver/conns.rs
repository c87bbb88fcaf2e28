//! The table of connections, with the buffers and queues that they share.

use super::cipher::StreamCipher;
use super::close::CloseReason;
use super::conn::{Conn, Link, Progress};
use super::pool::{MAX_READ, ReadPool};
use super::queue::Sent;
use super::suspects::Served;
use crate::disk::MAX_OPEN_SLICES;
use crate::message::{BlockLocation, BlockSource};
use bytes::BytesMut;
use mio::event::Event as Ready;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slotmap::SecondaryMap;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use ztor_base::Instant;
use ztor_engine::{PeerKey, SendBlock};
use ztor_storage::{FileSlice, TorrentStore};
use ztor_utp::{ConnKey, Endpoint};

/// Number of reads per turn, over all connections, so that a turn stays short when many send at once.
const READS_PER_TURN: usize = 64;

/// The connections.
#[derive(Debug, Default)]
pub(super) struct Conns {
    table: SecondaryMap<PeerKey, Conn>,
    /// Readable connections, in turn.
    readable: VecDeque<PeerKey>,
    /// Readable connections that wait, as the disk of their torrent has too much to write.
    held: VecDeque<PeerKey>,
    /// Value of [`Engine::read_resumptions`](ztor_engine::Engine::read_resumptions) at the last release.
    resumptions: u64,
    /// Connections to flush at the end of the turn.
    to_flush: Vec<PeerKey>,
    pool: ReadPool,
    /// Buffer in which bytes are gathered and encrypted.
    scratch: Vec<u8>,
    /// Reused for every block.
    slices: Vec<FileSlice>,
}

/// Result of one read. `more` is true if there may be more to read.
pub(super) enum Read {
    /// Bytes for the engine. [`Conns::keep_rest`] takes back those that it leaves.
    Data {
        data: BytesMut,
        more: bool,
    },
    /// Bytes of a handshake, which the connection keeps.
    Handshake {
        more: bool,
    },
    Nothing {
        more: bool,
    },
    Closed(CloseReason),
}

/// Result of a flush.
pub(super) struct Flushed {
    pub(super) sent: Sent,
    /// The block whose file ended before the block did.
    pub(super) cut_short: Option<SendBlock>,
    /// The block whose bytes were evicted from memory while they waited for the peer.
    pub(super) cold: Option<SendBlock>,
    pub(super) result: Result<(), CloseReason>,
}

impl Conns {
    /// Registers and adds a TCP connection.
    pub(super) fn insert_tcp(
        &mut self,
        registry: &Registry,
        key: PeerKey,
        mut stream: TcpStream,
        is_connecting: bool,
        cipher: StreamCipher,
    ) -> io::Result<()> {
        let token = Token(key.as_u64() as usize);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.table.insert(key, Conn::new(Link::Tcp(stream), is_connecting, cipher));
        Ok(())
    }

    /// Adds a µTP connection.
    pub(super) fn insert_utp(
        &mut self,
        key: PeerKey,
        conn: ConnKey,
        is_connecting: bool,
        cipher: StreamCipher,
    ) {
        self.table.insert(key, Conn::new(Link::Utp(conn), is_connecting, cipher));
    }

    /// Removes a connection. Returns its key if it is a µTP connection, which is still to be closed.
    pub(super) fn remove(&mut self, registry: &Registry, key: PeerKey) -> Option<ConnKey> {
        let conn = self.table.remove(key)?;
        // A disk that does not respond may hold connections while many others open and close.
        self.held.retain(|held| *held != key);
        match conn.into_link() {
            Link::Utp(conn) => Some(conn),
            Link::Tcp(mut stream) => {
                if let Err(error) = registry.deregister(&mut stream) {
                    tracing::debug!(%error, "deregister");
                }
                None
            }
        }
    }

    pub(super) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Conn> {
        self.table.get_mut(key)
    }

    pub(super) fn contains(&self, key: PeerKey) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn keys(&self) -> Vec<PeerKey> {
        self.table.keys().collect()
    }

    /// Returns the TCP connections from these addresses of ours.
    pub(super) fn of_addresses(&self, own: &BTreeSet<IpAddr>) -> Vec<PeerKey> {
        let is_from = |conn: &Conn| conn.local_ip().is_some_and(|ip| own.contains(&ip));
        self.table.iter().filter(|(_, conn)| is_from(conn)).map(|(key, _)| key).collect()
    }

    /// Returns true if the stream is not known to be plain, and its handshake is not done.
    pub(super) fn is_undecided(&self, key: PeerKey) -> bool {
        self.table.get(key).is_some_and(|conn| conn.cipher().is_undecided())
    }

    /// Returns the pieces that a peer was sent last.
    pub(super) fn served(&self, key: PeerKey) -> Option<&Served> {
        self.table.get(key).map(Conn::served)
    }

    /// Checks if a connection was made, after an event of its socket.
    pub(super) fn finish_connect(&mut self, key: PeerKey, ready: &Ready) -> io::Result<Progress> {
        self.table.get_mut(key).map_or(Ok(Progress::Connecting), |conn| conn.finish_connect(ready))
    }

    /// Records an event of the socket of a connection that was made.
    pub(super) fn note_ready(&mut self, key: PeerKey, ready: &Ready) {
        if ready.is_writable() {
            self.set_writable(key);
        }
        let Some(conn) = self.table.get_mut(key) else { return };
        let is_over = ready.is_read_closed() || ready.is_error();
        if is_over {
            conn.set_ended();
        }
        if ready.is_readable() || is_over {
            self.set_readable(key);
        }
    }

    /// Records that a µTP connection was made.
    pub(super) fn set_connected(&mut self, key: PeerKey) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.set_connected();
        }
    }

    /// Records that a connection is writable, and flushes it at the end of the turn.
    pub(super) fn set_writable(&mut self, key: PeerKey) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.set_writable();
            self.want_flush(key);
        }
    }

    /// Records that a connection is readable.
    pub(super) fn set_readable(&mut self, key: PeerKey) {
        if self.table.get_mut(key).is_some_and(Conn::set_readable) {
            self.readable.push_back(key);
        }
    }

    /// Records that the peer has ended a connection, which still has bytes to read.
    pub(super) fn set_ended(&mut self, key: PeerKey) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.set_ended();
        }
    }

    /// Sets a readable connection aside until a disk has caught up.
    pub(super) fn hold(&mut self, key: PeerKey) {
        self.held.push_back(key);
    }

    /// Queues the connections that were set aside before the others, if a disk has caught up since.
    pub(super) fn release_held(&mut self, resumptions: u64) {
        if std::mem::replace(&mut self.resumptions, resumptions) != resumptions {
            self.held.append(&mut self.readable);
            std::mem::swap(&mut self.held, &mut self.readable);
        }
    }

    pub(super) fn has_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// Returns the number of reads for this turn.
    pub(super) fn reads_due(&self) -> usize {
        READS_PER_TURN.min(self.readable.len())
    }

    /// Takes the next connection to read.
    pub(super) fn next_readable(&mut self) -> Option<PeerKey> {
        self.readable.pop_front()
    }

    /// Puts back a connection that has more to read.
    pub(super) fn requeue_readable(&mut self, key: PeerKey) {
        self.readable.push_back(key);
    }

    /// Reads once.
    pub(super) fn read(&mut self, now: Instant, utp: &mut Endpoint, key: PeerKey) -> Read {
        let Some(conn) = self.table.get_mut(key) else { return Read::Nothing { more: false } };
        let room = self.pool.room(conn.tail());
        let limit = MAX_READ.min(room.capacity() - room.len());
        let got = match conn.read(now, utp, limit, room) {
            Ok(0) => return Read::Closed(CloseReason::Ended),
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Read::Nothing { more: true },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                conn.set_drained();
                return Read::Nothing { more: false };
            }
            Err(error) => return Read::Closed(CloseReason::Read(error)),
        };
        let more = conn.received(room, got == limit);
        let is_handshake = conn.cipher().is_undecided();
        let data = self.pool.take();
        if is_handshake { Read::Handshake { more } } else { Read::Data { data, more } }
    }

    /// Keeps the bytes of a read that the engine has left.
    pub(super) fn keep_rest(&mut self, key: PeerKey, rest: &[u8]) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.keep_tail(rest);
        }
    }

    /// Queues bytes of an encrypted handshake.
    pub(super) fn push_raw(&mut self, key: PeerKey, data: Vec<u8>) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.queue_mut().push_raw(data);
            self.want_flush(key);
        }
    }

    /// Queues messages without piece data.
    pub(super) fn push_bytes(&mut self, key: PeerKey, bytes: &[u8]) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.queue_mut().push_bytes(bytes);
            self.want_flush(key);
        }
    }

    /// Queues a reply that the engine counts.
    pub(super) fn push_reply(&mut self, key: PeerKey, bytes: &[u8]) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.queue_mut().push_reply(bytes);
            self.want_flush(key);
        }
    }

    /// Queues a block if its bytes are in memory. Returns false if a disk thread must locate it.
    pub(super) fn push_cached_block(&mut self, now: Instant, send: SendBlock, store: &TorrentStore) -> bool {
        let Some(conn) = self.table.get_mut(send.peer) else { return true };
        conn.note_served(send);
        let block = send.block;
        let is_cached = store.try_locate_cached(block.piece, block.begin, block.len, &mut self.slices)
            && self.slices.len() <= MAX_OPEN_SLICES;
        if is_cached {
            conn.queue_mut().push_block(now, send, self.slices.drain(..));
            self.want_flush(send.peer);
        } else {
            self.slices.clear();
        }
        is_cached
    }

    /// Continues to send, as a disk thread has read the evicted bytes.
    pub(super) fn set_warmed(&mut self, now: Instant, key: PeerKey) {
        if let Some(conn) = self.table.get_mut(key) {
            conn.queue_mut().warmed(now);
            self.want_flush(key);
        }
    }

    /// Queues a block that a disk thread has located.
    pub(super) fn push_located_block(&mut self, now: Instant, location: BlockLocation) {
        let BlockLocation { send, source } = location;
        if let Some(conn) = self.table.get_mut(send.peer) {
            match source {
                BlockSource::Files(slices) => conn.queue_mut().push_block(now, send, slices),
                BlockSource::Bytes(bytes) => conn.queue_mut().push_read_block(send, bytes),
            }
            self.want_flush(send.peer);
        }
    }

    pub(super) fn has_flushes(&self) -> bool {
        !self.to_flush.is_empty()
    }

    /// Takes the connections to flush in this turn.
    pub(super) fn take_flushes(&mut self) -> Vec<PeerKey> {
        std::mem::take(&mut self.to_flush)
    }

    /// Takes back the emptied list, for its memory.
    pub(super) fn return_flushes(&mut self, mut list: Vec<PeerKey>) {
        list.append(&mut self.to_flush);
        self.to_flush = list;
    }

    /// Sends as much as the transport accepts.
    pub(super) fn flush(&mut self, now: Instant, utp: &mut Endpoint, key: PeerKey) -> Option<Flushed> {
        let conn = self.table.get_mut(key)?;
        conn.clear_wants_flush();
        let (sent, result) = conn.flush(now, utp, &mut self.scratch);
        let is_cut_short = matches!(&result, Err(error) if error.kind() == ErrorKind::UnexpectedEof);
        let cut_short = conn.queue().unsent_block().filter(|_| is_cut_short);
        let cold = conn.queue_mut().take_cold_block();
        let result = match result {
            Err(error) => Err(CloseReason::Socket(error)),
            Ok(()) if conn.queue().is_flooded() => Err(CloseReason::Flooded),
            Ok(()) => Ok(()),
        };
        if conn.take_waits_for_turn() {
            self.want_flush(key);
        }
        Some(Flushed { sent, cut_short, cold, result })
    }

    /// Flushes a connection that is being closed, once.
    pub(super) fn flush_last(&mut self, now: Instant, utp: &mut Endpoint, key: PeerKey) {
        if let Some(conn) = self.table.get_mut(key) {
            // An error does not matter any more.
            let _ = conn.flush(now, utp, &mut self.scratch);
        }
    }

    fn want_flush(&mut self, key: PeerKey) {
        if self.table.get_mut(key).is_some_and(Conn::set_wants_flush) {
            self.to_flush.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_connections_are_read_before_the_others_once_a_disk_has_caught_up() {
        let [one, two, three] = [1, 2, 3].map(PeerKey::from_u64);
        let mut conns = Conns::default();
        conns.hold(one);
        conns.hold(two);
        conns.requeue_readable(three);
        conns.release_held(0);
        assert_eq!(conns.next_readable(), Some(three));
        assert!(!conns.has_readable(), "nothing to turn for");
        conns.requeue_readable(three);
        conns.release_held(1);
        let order: Vec<_> = std::iter::from_fn(|| conns.next_readable()).collect();
        assert_eq!(order, [one, two, three]);
    }
}
