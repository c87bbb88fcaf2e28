//! The send queue of a connection, and the two ways out of it: straight to a TCP socket, or gathered in a buffer.

use mio::net::TcpStream;
use rustix::net::{SendFlags, send};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::AddAssign;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use ztor_base::{Duration, Instant};
use ztor_engine::SendBlock;
use ztor_storage::FileSlice;
use ztor_wire::Block;
use ztor_wire::mse::Ciphers;

/// Content of pads (BEP 47).
static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// Number of unsent bytes without piece data above which a connection is closed.
const MAX_CONTROL_BYTES: usize = 1024 * 1024;

/// Time after which the bytes of a file may have been evicted from memory.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Part of a stream to send. `at` is the number of bytes that were sent.
#[derive(Debug)]
enum Segment {
    /// Bytes of an encrypted handshake, sent as they are.
    Raw { data: Vec<u8>, at: usize },
    /// Messages without piece data.
    Bytes { data: Vec<u8>, at: usize },
    /// A reply that the engine counts.
    Reply { data: Vec<u8>, at: usize },
    /// The header of a `piece` message.
    Header { send: SendBlock, at: usize },
    /// Piece data in a file, which was in memory at the time `cached_at`.
    File { file: Arc<File>, offset: u64, left: u32, cached_at: Instant },
    /// Piece data of a pad.
    Zeros { left: u32 },
    /// Piece data in memory.
    Block { data: Vec<u8>, at: usize },
}

/// Sent bytes that the engine counts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) block_bytes: u32,
    pub(super) reply_bytes: u32,
}

impl Sent {
    fn blocks(bytes: usize) -> Self {
        Self { block_bytes: bytes as u32, reply_bytes: 0 }
    }

    fn replies(bytes: usize) -> Self {
        Self { block_bytes: 0, reply_bytes: bytes as u32 }
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.block_bytes += other.block_bytes;
        self.reply_bytes += other.reply_bytes;
    }
}

/// State of the file at the front of the queue.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Front {
    /// Ready to be sent.
    #[default]
    Ready,
    /// Its bytes were evicted from memory: a disk thread has to read them.
    Cold,
    /// A disk thread reads them.
    Warming,
}

/// The segments that wait to be sent, in order.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    segments: VecDeque<Segment>,
    /// Number of queued bytes without piece data. The engine bounds the rest.
    control_bytes: usize,
    /// The block whose data is being sent, or was sent last; `None` before the first.
    sending: Option<SendBlock>,
    front: Front,
}

impl SendQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns true if the peer requests more than it reads.
    pub(super) fn is_flooded(&self) -> bool {
        self.control_bytes > MAX_CONTROL_BYTES
    }

    /// Returns the block whose data could not be sent, after an error.
    pub(super) fn unsent_block(&self) -> Option<SendBlock> {
        self.sending
    }

    /// Returns true if the first bytes belong to an encrypted handshake.
    pub(super) fn begins_raw(&self) -> bool {
        matches!(self.segments.front(), Some(Segment::Raw { .. }))
    }

    /// Queues bytes of an encrypted handshake.
    pub(super) fn push_raw(&mut self, data: Vec<u8>) {
        if !data.is_empty() {
            self.segments.push_back(Segment::Raw { data, at: 0 });
        }
    }

    /// Queues messages without piece data.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.control_bytes += bytes.len();
        match self.segments.back_mut() {
            Some(Segment::Bytes { data, at }) => {
                // A peer that always leaves some bytes unread must not make this grow without bound.
                if *at > data.len() / 2 {
                    data.drain(..std::mem::take(at));
                }
                data.extend_from_slice(bytes);
            }
            _ => self.segments.push_back(Segment::Bytes { data: bytes.to_vec(), at: 0 }),
        }
    }

    /// Queues a reply that the engine counts.
    pub(super) fn push_reply(&mut self, bytes: &[u8]) {
        self.segments.push_back(Segment::Reply { data: bytes.to_vec(), at: 0 });
    }

    /// Queues a `piece` message whose data is read from the files when it is sent. The data is in memory now.
    pub(super) fn push_block(
        &mut self,
        now: Instant,
        send: SendBlock,
        slices: impl IntoIterator<Item = FileSlice>,
    ) {
        self.push_header(send);
        self.segments.extend(slices.into_iter().map(|slice| match slice.file {
            Some(file) => Segment::File { file, offset: slice.offset, left: slice.len, cached_at: now },
            None => Segment::Zeros { left: slice.len },
        }));
    }

    /// Queues a `piece` message whose data is in memory.
    pub(super) fn push_read_block(&mut self, send: SendBlock, data: Vec<u8>) {
        self.push_header(send);
        self.segments.push_back(Segment::Block { data, at: 0 });
    }

    fn push_header(&mut self, send: SendBlock) {
        self.segments.push_back(Segment::Header { send, at: 0 });
    }

    /// Returns, once, the block whose bytes a disk thread has to read before anything is sent. [`warmed`](Self::warmed)
    /// follows.
    pub(super) fn take_cold_block(&mut self) -> Option<SendBlock> {
        if self.front != Front::Cold {
            return None;
        }
        self.front = Front::Warming;
        self.sending
    }

    /// Records that a disk thread has read the evicted bytes.
    pub(super) fn warmed(&mut self, now: Instant) {
        self.front = Front::Ready;
        if let Some(Segment::File { cached_at, .. }) = self.segments.front_mut() {
            *cached_at = now;
        }
    }

    /// Returns true if the front has to wait for a disk thread, as its bytes were evicted from memory while it waited
    /// for the peer.
    fn is_cold(&mut self, now: Instant, is_cached: impl Fn(&FileSlice) -> bool) -> bool {
        let Some(Segment::File { file, offset, left, cached_at }) = self.segments.front_mut() else {
            return false;
        };
        if self.front == Front::Ready && now.since(*cached_at) >= FRESH_FOR {
            if is_cached(&FileSlice { file: Some(Arc::clone(file)), offset: *offset, len: *left }) {
                *cached_at = now;
            } else {
                self.front = Front::Cold;
            }
        }
        self.front != Front::Ready
    }

    /// Sends from the front of the queue with one system call. Returns the counted bytes that were sent; `None` if the
    /// queue is empty or waits for a disk thread.
    pub(super) fn send_front(&mut self, now: Instant, stream: &TcpStream) -> io::Result<Option<Sent>> {
        if self.is_cold(now, FileSlice::is_cached) {
            return Ok(None);
        }
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
            Segment::File { file, offset, left, .. } => {
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

    /// Moves up to `limit` bytes from the front of the queue to the end of `into`, encrypted. Returns the counted bytes
    /// among them. Moves nothing while the queue waits for a disk thread.
    pub(super) fn gather(
        &mut self,
        now: Instant,
        limit: usize,
        ciphers: Option<&mut Ciphers>,
        into: &mut Vec<u8>,
    ) -> io::Result<Sent> {
        let start = into.len();
        // A handshake is sent as it is, and alone, as bytes after it may be encrypted.
        while let Some(Segment::Raw { data, at }) = self.segments.front_mut() {
            let len = (data.len() - *at).min(limit - (into.len() - start));
            into.extend_from_slice(&data[*at..*at + len]);
            *at += len;
            if *at < data.len() {
                return Ok(Sent::default());
            }
            self.segments.pop_front();
        }
        if into.len() > start {
            return Ok(Sent::default());
        }
        let mut total = Sent::default();
        while into.len() - start < limit {
            let left = limit - (into.len() - start);
            match self.gather_front(now, left, into)? {
                Some(sent) => total += sent,
                None => break,
            }
        }
        if let Some(ciphers) = ciphers {
            ciphers.encrypt(&mut into[start..]);
        }
        Ok(total)
    }

    /// Moves up to `limit` bytes of the front segment. Returns the counted bytes among them; `None` if there is no
    /// segment to encrypt, or the front waits for a disk thread.
    fn gather_front(&mut self, now: Instant, limit: usize, into: &mut Vec<u8>) -> io::Result<Option<Sent>> {
        if self.is_cold(now, FileSlice::is_cached) {
            return Ok(None);
        }
        let Some(front) = self.segments.front_mut() else { return Ok(None) };
        let (bytes, done) = match front {
            Segment::Raw { .. } => return Ok(None),
            Segment::Bytes { data, at } => {
                let len = copy(data, at, limit, into);
                self.control_bytes -= len;
                (Sent::default(), *at == data.len())
            }
            Segment::Reply { data, at } => {
                let len = copy(data, at, limit, into);
                (Sent::replies(len), *at == data.len())
            }
            Segment::Block { data, at } => {
                let len = copy(data, at, limit, into);
                (Sent::blocks(len), *at == data.len())
            }
            Segment::Header { send, at } => {
                let header = ztor_wire::piece_header(send.block.piece, send.block.begin, send.block.len);
                copy(&header, at, limit, into);
                self.sending = Some(*send);
                (Sent::default(), *at == header.len())
            }
            Segment::File { file, offset, left, .. } => {
                let (before, len) = (into.len(), limit.min(*left as usize));
                into.resize(before + len, 0);
                let got = read_at(file, &mut into[before..], *offset);
                into.truncate(before + got.as_ref().map_or(0, |got| *got));
                let got = got?;
                if got == 0 {
                    return Err(became_shorter());
                }
                *offset += got as u64;
                *left -= got as u32;
                (Sent::blocks(got), *left == 0)
            }
            Segment::Zeros { left } => {
                let len = limit.min(*left as usize);
                into.resize(into.len() + len, 0);
                *left -= len as u32;
                (Sent::blocks(len), *left == 0)
            }
        };
        if done {
            self.segments.pop_front();
        }
        Ok(Some(bytes))
    }
}

/// Reads again after a signal: an error would lose the bytes that were gathered before.
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buf, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Copies at most `limit` bytes from `at` on. Returns their number, by which `at` advances.
fn copy(data: &[u8], at: &mut usize, limit: usize, into: &mut Vec<u8>) -> usize {
    let len = limit.min(data.len() - *at);
    into.extend_from_slice(&data[*at..*at + len]);
    *at += len;
    len
}

fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "cannot send a block: its file became shorter")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;
    use std::io::Write;
    use std::sync::Arc;
    use ztor_engine::{PeerKey, TorrentId};
    use ztor_wire::PIECE_HEADER_LEN;

    const NOW: Instant = Instant::ZERO;

    fn queue(file: &Arc<File>) -> SendQueue {
        let mut queue = SendQueue::default();
        queue.segments.push_back(Segment::Raw { data: vec![9; 50], at: 0 });
        queue.segments.push_back(Segment::Bytes { data: vec![1; 30], at: 0 });
        queue.segments.push_back(Segment::File {
            file: Arc::clone(file),
            offset: 5,
            left: 40,
            cached_at: NOW,
        });
        queue.segments.push_back(Segment::Zeros { left: 20 });
        queue.segments.push_back(Segment::Block { data: vec![2; 10], at: 0 });
        queue.segments.push_back(Segment::Reply { data: vec![3; 15], at: 0 });
        queue.control_bytes = 30;
        queue
    }

    #[test]
    fn gather_with_any_limit_gives_the_same_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&(0..100).collect::<Vec<u8>>()).unwrap();
        let file = Arc::new(file);
        let wanted: Vec<u8> =
            [vec![9; 50], vec![1; 30], (5..45).collect(), vec![0; 20], vec![2; 10], vec![3; 15]].concat();
        for step in [1, 7, 64, 1000] {
            let (mut queue, mut got, mut counts) = (queue(&file), Vec::new(), Sent::default());
            loop {
                let before = got.len();
                counts += queue.gather(NOW, step, None, &mut got).unwrap();
                assert!(got.len() - before <= step);
                if got.len() == before {
                    break;
                }
            }
            let sent = Sent { block_bytes: 70, reply_bytes: 15 };
            assert_eq!((got, counts, queue.control_bytes), (wanted.clone(), sent, 0));
        }
    }

    #[test]
    fn gather_from_a_shorter_file_fails() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut queue = queue(&file);
        let mut got = Vec::new();
        queue.gather(NOW, 1000, None, &mut got).unwrap();
        assert_eq!(queue.gather(NOW, 1000, None, &mut got).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn front_that_has_waited_long_is_sent_from_memory_or_after_a_disk_thread_has_read_it() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 100]).unwrap();
        let (file, later) = (Arc::new(file), NOW + FRESH_FOR);
        let send = SendBlock {
            peer: PeerKey::from_u64(1),
            torrent: TorrentId::from_u64(1),
            block: Block { piece: 3, begin: 0, len: 40 },
        };
        let mut queue = SendQueue::default();
        queue.push_block(NOW, send, [FileSlice { file: Some(file), offset: 0, len: 40 }]);
        let mut got = Vec::new();
        // The header is sent alone.
        queue.gather(NOW, PIECE_HEADER_LEN, None, &mut got).unwrap();
        assert!(!queue.is_cold(later - Duration::from_millis(1), |_| false), "it is fresh");
        assert!(!queue.is_cold(later, |_| true), "it is in memory");
        assert!(!queue.is_cold(later, |_| false), "it was so just now");
        assert!(queue.is_cold(later + FRESH_FOR, |_| false));
        assert_eq!((queue.take_cold_block(), queue.take_cold_block()), (Some(send), None));
        queue.gather(later + FRESH_FOR, 1000, None, &mut got).unwrap();
        assert_eq!(got.len(), PIECE_HEADER_LEN, "it waits");
        queue.warmed(later + 5 * FRESH_FOR);
        queue.gather(later + 5 * FRESH_FOR, 1000, None, &mut got).unwrap();
        assert_eq!(got.len(), PIECE_HEADER_LEN + 40);
        assert!(queue.is_empty());
    }
}
