//! One connection: its transport, and the bytes on their way in and out.

use super::cipher::StreamCipher;
use super::encrypt_stage::EncryptStage;
use super::fill::read_more;
use super::queue::{SendQueue, Sent};
use super::suspects::Served;
use super::utp::read_utp;
use bytes::BytesMut;
use mio::event::Event as Ready;
use mio::net::TcpStream;
use std::io;
use std::net::IpAddr;
use ztor_base::Instant;
use ztor_engine::SendBlock;
use ztor_utp::{ConnKey, Endpoint};
use ztor_wire::HANDSHAKE_LEN;

/// The transport of a connection.
#[derive(Debug)]
pub(super) enum Link {
    Tcp(TcpStream),
    Utp(ConnKey),
}

/// Progress of an outgoing connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The connection is not made yet.
    Connecting,
    /// The connection was made just now.
    Connected,
    /// The connection had been made before.
    Open,
}

#[derive(Debug)]
pub(super) struct Conn {
    link: Link,
    is_connecting: bool,
    /// True if there may be something to read. The connection is then in the queue of readable ones.
    is_readable: bool,
    /// True if the peer has ended or broken the connection. The system reports that once, so the connection is read
    /// until the end shows.
    has_ended: bool,
    is_writable: bool,
    /// True if the connection is in the list to flush at the end of the turn.
    wants_flush: bool,
    /// Start of an incomplete message. Empty for an idle peer, which then holds no buffer.
    tail: Vec<u8>,
    cipher: StreamCipher,
    /// Number of bytes of our handshake that are not sent.
    greeting_left: usize,
    /// True if the rest of the queue waits for the next turn.
    waits_for_turn: bool,
    served: Served,
    queue: SendQueue,
    stage: EncryptStage,
}

impl Conn {
    pub(super) fn new(link: Link, is_connecting: bool, cipher: StreamCipher) -> Self {
        // An encrypted handshake that we start includes ours.
        let greeting_left = if matches!(cipher, StreamCipher::Handshake(..)) { 0 } else { HANDSHAKE_LEN };
        Self {
            link,
            is_connecting,
            is_readable: false,
            has_ended: false,
            is_writable: !is_connecting,
            wants_flush: false,
            tail: Vec::new(),
            cipher,
            greeting_left,
            waits_for_turn: false,
            served: Served::default(),
            queue: SendQueue::default(),
            stage: EncryptStage::default(),
        }
    }

    pub(super) fn into_link(self) -> Link {
        self.link
    }

    /// Returns our address; `None` over µTP, where the system has none for a single connection.
    pub(super) fn local_ip(&self) -> Option<IpAddr> {
        match &self.link {
            Link::Tcp(stream) => stream.local_addr().ok().map(|addr| addr.ip().to_canonical()),
            Link::Utp(_) => None,
        }
    }

    pub(super) fn cipher(&self) -> &StreamCipher {
        &self.cipher
    }

    pub(super) fn cipher_mut(&mut self) -> &mut StreamCipher {
        &mut self.cipher
    }

    pub(super) fn queue(&self) -> &SendQueue {
        &self.queue
    }

    pub(super) fn queue_mut(&mut self) -> &mut SendQueue {
        &mut self.queue
    }

    /// Returns the pieces that were sent last.
    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    /// Records the piece of a block that is sent.
    pub(super) fn note_served(&mut self, send: SendBlock) {
        self.served.note(send.torrent, send.block.piece);
    }

    /// Checks if a TCP connection was made, after an event of its socket.
    pub(super) fn finish_connect(&mut self, ready: &Ready) -> io::Result<Progress> {
        if !self.is_connecting {
            return Ok(Progress::Open);
        }
        let Link::Tcp(stream) = &self.link else { return Ok(Progress::Connecting) };
        match stream.take_error()? {
            Some(error) => Err(error),
            None if ready.is_writable() && stream.peer_addr().is_ok() => {
                self.is_connecting = false;
                Ok(Progress::Connected)
            }
            // Not yet: another event follows.
            None => Ok(Progress::Connecting),
        }
    }

    /// Records that a µTP connection was made.
    pub(super) fn set_connected(&mut self) {
        self.is_connecting = false;
        self.is_writable = true;
    }

    pub(super) fn set_writable(&mut self) {
        self.is_writable = true;
    }

    /// Marks the connection as readable. Returns false if it was marked already.
    pub(super) fn set_readable(&mut self) -> bool {
        !std::mem::replace(&mut self.is_readable, true)
    }

    pub(super) fn set_ended(&mut self) {
        self.has_ended = true;
    }

    /// Marks the connection for a flush. Returns false if it was marked already.
    pub(super) fn set_wants_flush(&mut self) -> bool {
        !std::mem::replace(&mut self.wants_flush, true)
    }

    pub(super) fn clear_wants_flush(&mut self) {
        self.wants_flush = false;
    }

    /// Returns true, once, if the rest of the queue waits for the next turn.
    pub(super) fn take_waits_for_turn(&mut self) -> bool {
        std::mem::take(&mut self.waits_for_turn) && !self.queue.is_empty()
    }

    /// Returns the start of an incomplete message.
    pub(super) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Reads once, at most `limit` bytes, and appends them to `room`. Returns their number.
    pub(super) fn read(
        &self,
        now: Instant,
        utp: &mut Endpoint,
        limit: usize,
        room: &mut BytesMut,
    ) -> io::Result<usize> {
        match &self.link {
            Link::Tcp(stream) => read_more(stream, room, limit),
            Link::Utp(conn) => read_utp(utp, now, (*conn, self.has_ended), limit, room),
        }
    }

    /// Records that nothing is left to read.
    pub(super) fn set_drained(&mut self) {
        self.is_readable = false;
    }

    /// Decrypts the bytes that a read has appended to the tail, which is at the start of `data`. Returns true if there
    /// may be more to read.
    pub(super) fn received(&mut self, data: &mut BytesMut, was_full: bool) -> bool {
        // A short read has emptied the socket. The kernel reports further bytes, but not the end again.
        self.is_readable = was_full || self.has_ended;
        let start = self.tail.len();
        self.tail.clear();
        self.cipher.receive(data, start);
        self.is_readable
    }

    /// Keeps the bytes that the engine has left.
    pub(super) fn keep_tail(&mut self, rest: &[u8]) {
        self.tail.extend_from_slice(rest);
        if rest.is_empty() {
            self.tail = Vec::new();
        }
    }

    /// Sends as much as the transport accepts. Returns the sent bytes that the engine counts, even if an error follows.
    ///
    /// Plain TCP sends from the queue directly, file data with `sendfile`. Encrypted TCP gathers the bytes in `scratch`
    /// first. µTP gathers them in a new buffer, which the endpoint keeps until they are acknowledged.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        utp: &mut Endpoint,
        scratch: &mut Vec<u8>,
    ) -> (Sent, io::Result<()>) {
        let mut total = Sent::default();
        if self.is_connecting {
            return (total, Ok(()));
        }
        while self.is_writable {
            let sent = match &self.link {
                Link::Tcp(stream) if self.cipher.is_plain() && self.stage.is_empty() => {
                    self.queue.send_front(now, stream)
                }
                Link::Tcp(stream) => {
                    self.stage.send(now, stream, &mut self.queue, self.cipher.ciphers(), scratch)
                }
                Link::Utp(key) => {
                    let key = *key;
                    self.write_utp(now, key, utp)
                }
            };
            match sent {
                Ok(Some(sent)) => total += sent,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (total, Err(error)),
            }
        }
        (total, Ok(()))
    }

    /// Writes to µTP. The handshake goes in a packet of its own, and the rest not before the next turn: Transmission 3
    /// does not look at bytes that arrive with the handshake until more arrive.
    fn write_utp(&mut self, now: Instant, key: ConnKey, utp: &mut Endpoint) -> io::Result<Option<Sent>> {
        let is_greeting = self.greeting_left > 0 && !self.queue.begins_raw();
        let limit = if is_greeting { self.greeting_left } else { usize::MAX };
        let written = EncryptStage::write(now, key, utp, &mut self.queue, limit, self.cipher.ciphers())?;
        let Some((len, sent)) = written else { return Ok(None) };
        if is_greeting {
            self.greeting_left -= len.min(self.greeting_left);
            self.waits_for_turn = self.greeting_left == 0;
        }
        Ok(if self.waits_for_turn { None } else { Some(sent) })
    }
}
