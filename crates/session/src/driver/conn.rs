//! One connection: what is to go out, and what came of a message so far.

use super::crypt::Crypt;
use super::staged::Staged;
use super::suspects::Served;
use mio::net::TcpStream;
use rustix::net::{SendFlags, send};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::AddAssign;
use std::sync::Arc;
use ztor_base::Instant;
use ztor_engine::SendBlock;
use ztor_storage::FileSlice;
use ztor_utp::{ConnKey, Endpoint};
use ztor_wire::{Block, HANDSHAKE_LEN};

/// What pads (BEP 47) are sent from.
static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// Unsent messages without piece data, in bytes, at which a peer is given up.
const MAX_CONTROL_BYTES: usize = 1024 * 1024;

/// What is to be sent, in order.
#[derive(Debug)]
pub(super) enum Segment {
    /// Of an encrypted handshake: goes out as it is.
    Raw { data: Vec<u8>, at: usize },
    /// Messages without piece data.
    Bytes { data: Vec<u8>, at: usize },
    /// An answer that the engine waits for.
    Reply { data: Vec<u8>, at: usize },
    /// The beginning of a `piece` message.
    Header { send: SendBlock, at: usize },
    /// Piece data that lies in a file.
    File { file: Arc<File>, offset: u64, left: u32 },
    /// Piece data of a pad.
    Zeros { left: u32 },
    /// Piece data that was read.
    Block { data: Vec<u8>, at: usize },
}

/// What has gone of what the engine counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) block_bytes: u32,
    pub(crate) reply_bytes: u32,
}

impl Sent {
    pub(super) fn blocks(bytes: usize) -> Self {
        Self { block_bytes: bytes as u32, reply_bytes: 0 }
    }

    pub(super) fn replies(bytes: usize) -> Self {
        Self { block_bytes: 0, reply_bytes: bytes as u32 }
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.block_bytes += other.block_bytes;
        self.reply_bytes += other.reply_bytes;
    }
}

/// What carries the stream.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    Utp(ConnKey),
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) link: Link,
    pub(crate) is_connecting: bool,
    /// There is something to read, as far as we know; then the connection is in the ready queue.
    pub(crate) is_readable: bool,
    /// The other side has ended or broken the connection: read until that shows, it is told once.
    pub(crate) has_ended: bool,
    pub(super) is_writable: bool,
    /// In the list of connections to flush at the end of the turn.
    pub(crate) wants_flush: bool,
    /// The start of a message whose rest has not come. Empty for an idle peer, which so holds no buffer.
    pub(crate) tail: Vec<u8>,
    pub(crate) crypt: Crypt,
    /// Of our first bytes of the stream, those that have not gone.
    greeting_left: usize,
    waits_for_turn: bool,
    served: Served,
    out: Out,
    staged: Staged,
}

/// What waits to be sent.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) segments: VecDeque<Segment>,
    /// Bytes that are not piece data; the engine bounds the rest.
    pub(super) control_bytes: usize,
    /// The block whose data goes out now.
    pub(super) sending: Option<SendBlock>,
}

impl Conn {
    pub(crate) fn new(link: Link, is_connecting: bool, crypt: Crypt) -> Self {
        Self {
            link,
            is_connecting,
            is_readable: false,
            has_ended: false,
            is_writable: !is_connecting,
            wants_flush: false,
            tail: Vec::new(),
            crypt,
            greeting_left: HANDSHAKE_LEN,
            waits_for_turn: false,
            served: Served::default(),
            out: Out::default(),
            staged: Staged::default(),
        }
    }

    pub(crate) fn now_writable(&mut self) {
        self.is_writable = true;
    }

    /// The peer asks for answers and does not read them.
    pub(crate) fn is_flooded(&self) -> bool {
        self.out.control_bytes > MAX_CONTROL_BYTES
    }

    /// Bytes of an encrypted handshake.
    pub(crate) fn push_raw(&mut self, data: Vec<u8>) {
        if !data.is_empty() {
            self.out.segments.push_back(Segment::Raw { data, at: 0 });
        }
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.out.control_bytes += bytes.len();
        match self.out.segments.back_mut() {
            Some(Segment::Bytes { data, at }) => {
                // A peer that always leaves a rest unread must not make this grow for ever.
                if *at > data.len() / 2 {
                    data.drain(..std::mem::take(at));
                }
                data.extend_from_slice(bytes);
            }
            _ => self.out.segments.push_back(Segment::Bytes { data: bytes.to_vec(), at: 0 }),
        }
    }

    /// An answer to a question.
    pub(crate) fn push_reply(&mut self, bytes: &[u8]) {
        self.out.segments.push_back(Segment::Reply { data: bytes.to_vec(), at: 0 });
    }

    /// A `piece` message whose data is to be taken from the files when it goes out.
    pub(crate) fn push_block(&mut self, send: SendBlock, slices: impl IntoIterator<Item = FileSlice>) {
        self.push_header(send);
        self.out.segments.extend(slices.into_iter().map(|slice| match slice.file {
            Some(file) => Segment::File { file, offset: slice.offset, left: slice.len },
            None => Segment::Zeros { left: slice.len },
        }));
    }

    /// A `piece` message whose data was read.
    pub(crate) fn push_read_block(&mut self, send: SendBlock, data: Vec<u8>) {
        self.push_header(send);
        self.out.segments.push_back(Segment::Block { data, at: 0 });
    }

    /// The block whose data could not be sent, after an error.
    pub(crate) fn unsent_block(&self) -> Option<SendBlock> {
        self.out.sending
    }

    /// Remembers the piece of a block that is to go out.
    pub(crate) fn note_served(&mut self, send: SendBlock) {
        self.served.note(send.torrent, send.block.piece);
    }

    /// The pieces that went out last.
    pub(crate) fn served(&self) -> &Served {
        &self.served
    }

    fn push_header(&mut self, send: SendBlock) {
        self.out.segments.push_back(Segment::Header { send, at: 0 });
    }

    /// Sends as much as the transport takes. Returns what went, also before an error.
    ///
    /// What goes over TCP as it is goes from the files to the socket without passing through here; the rest is put
    /// together in `scratch` first.
    pub(crate) fn flush(
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
                Link::Tcp(stream) if self.crypt.is_plain() && self.staged.is_empty() => {
                    self.out.send_front(stream)
                }
                Link::Tcp(stream) => self.staged.send(stream, &mut self.out, self.crypt.ciphers(), scratch),
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
}

impl Conn {
    /// The handshake goes in a packet of its own, and the rest not before the next turn: Transmission 3 does not look
    /// at what comes with the handshake until more comes.
    fn write_utp(&mut self, now: Instant, key: ConnKey, utp: &mut Endpoint) -> io::Result<Option<Sent>> {
        let is_greeting = self.greeting_left > 0 && !self.out.begins_raw();
        let limit = if is_greeting { self.greeting_left } else { usize::MAX };
        let written = Staged::write(now, key, utp, &mut self.out, limit, self.crypt.ciphers())?;
        let Some((len, sent)) = written else { return Ok(None) };
        if is_greeting {
            self.greeting_left -= len.min(self.greeting_left);
            self.waits_for_turn = self.greeting_left == 0;
        }
        Ok(if self.waits_for_turn { None } else { Some(sent) })
    }

    /// The rest is to be flushed in the next turn.
    pub(crate) fn wants_turn(&mut self) -> bool {
        std::mem::take(&mut self.waits_for_turn) && !self.out.segments.is_empty()
    }
}

impl Out {
    fn begins_raw(&self) -> bool {
        matches!(self.segments.front(), Some(Segment::Raw { .. }))
    }

    /// One system call. Returns what it took, `None` if there is nothing to send.
    fn send_front(&mut self, stream: &TcpStream) -> io::Result<Option<Sent>> {
        let more = if self.segments.len() > 1 { SendFlags::MORE } else { SendFlags::empty() };
        let flags = SendFlags::NOSIGNAL | more;
        let Some(front) = self.segments.front_mut() else { return Ok(None) };
        let (sent, done) = match front {
            Segment::Raw { data, at } => {
                *at += send(stream, &data[*at..], flags)?;
                (Sent::default(), *at == data.len())
            }
            Segment::Bytes { data, at } => {
                let sent = send(stream, &data[*at..], flags)?;
                *at += sent;
                self.control_bytes -= sent;
                (Sent::default(), *at == data.len())
            }
            Segment::Reply { data, at } => {
                let sent = send(stream, &data[*at..], flags)?;
                *at += sent;
                (Sent::replies(sent), *at == data.len())
            }
            Segment::Block { data, at } => {
                let sent = send(stream, &data[*at..], flags)?;
                *at += sent;
                (Sent::blocks(sent), *at == data.len())
            }
            Segment::Header { send: block, at } => {
                let Block { piece, begin, len } = block.block;
                let header = ztor_wire::piece_header(piece, begin, len);
                *at += send(stream, &header[*at..], flags)?;
                self.sending = Some(*block);
                (Sent::default(), *at == header.len())
            }
            Segment::File { file, offset, left } => {
                let sent = rustix::fs::sendfile(stream, &*file, Some(offset), *left as usize)?;
                if sent == 0 {
                    return Err(became_shorter());
                }
                *left -= sent as u32;
                (Sent::blocks(sent), *left == 0)
            }
            Segment::Zeros { left } => {
                let len = ZEROS.len().min(*left as usize);
                let sent = send(stream, &ZEROS[..len], flags)?;
                *left -= sent as u32;
                (Sent::blocks(sent), *left == 0)
            }
        };
        if done {
            self.segments.pop_front();
        }
        Ok(Some(sent))
    }
}

pub(super) fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a file that is being served became shorter")
}
