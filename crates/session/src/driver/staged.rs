//! What cannot go straight from a file to a socket is put together here, and encrypted: for µTP, and for what is
//! encrypted over TCP.

use super::conn::{Out, Segment, Sent, became_shorter};
use bytes::Bytes;
use mio::net::TcpStream;
use rustix::net::{SendFlags, send};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use ztor_base::Instant;
use ztor_utp::{ConnKey, Endpoint};
use ztor_wire::mse::Ciphers;

/// Bytes that are put together at a time: enough to make a system call cheap, little enough to stay in the cache.
const STAGE_BYTES: usize = 128 * 1024;
/// The same for µTP, which keeps them until they have arrived.
const UTP_STAGE_BYTES: usize = 64 * 1024;
/// Less room than this in a µTP connection is waited for to grow.
const MIN_UTP_ROOM: usize = 1024;

/// What a socket did not take the last time.
#[derive(Debug, Default)]
pub(super) struct Staged {
    left: Vec<u8>,
    at: usize,
    /// What counts as sent once all is gone.
    counts: Sent,
}

impl Staged {
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Sends over TCP with one system call. Returns what is gone with it, `None` if there is nothing
    /// to send.
    pub(super) fn send(
        &mut self,
        stream: &TcpStream,
        out: &mut Out,
        ciphers: Option<&mut Ciphers>,
        scratch: &mut Vec<u8>,
    ) -> io::Result<Option<Sent>> {
        if self.is_empty() {
            scratch.clear();
            let counts = out.gather(STAGE_BYTES, ciphers, scratch)?;
            if scratch.is_empty() {
                return Ok(None);
            }
            let sent = match send(stream, scratch, SendFlags::NOSIGNAL) {
                Ok(sent) => sent,
                Err(error) => {
                    self.keep(scratch, counts);
                    return Err(error.into());
                }
            };
            if sent < scratch.len() {
                self.keep(&scratch[sent..], counts);
                return Ok(Some(Sent::default()));
            }
            return Ok(Some(counts));
        }
        self.at += send(stream, &self.left[self.at..], SendFlags::NOSIGNAL)?;
        if self.at < self.left.len() {
            return Ok(Some(Sent::default()));
        }
        Ok(Some(std::mem::take(self).counts))
    }

    fn keep(&mut self, bytes: &[u8], counts: Sent) {
        *self = Self { left: bytes.to_vec(), at: 0, counts };
    }

    /// Hands over to µTP as much as it has room for, at most `limit` bytes. Returns how many they are and what
    /// counts among them, `None` if there is nothing to send.
    pub(super) fn write(
        now: Instant,
        key: ConnKey,
        utp: &mut Endpoint,
        out: &mut Out,
        limit: usize,
        ciphers: Option<&mut Ciphers>,
    ) -> io::Result<Option<(usize, Sent)>> {
        if out.segments.is_empty() {
            return Ok(None);
        }
        let room = utp.send_room(key).min(UTP_STAGE_BYTES);
        if room < MIN_UTP_ROOM {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = Vec::new();
        let counts = out.gather(room.min(limit), ciphers, &mut bytes)?;
        // They stay until they have arrived.
        bytes.shrink_to_fit();
        let len = bytes.len();
        utp.write(now, key, Bytes::from(bytes));
        Ok(Some((len, counts)))
    }
}

impl Out {
    /// Moves up to `limit` bytes from the front of the queue to the end of `into`, encrypted. Returns what
    /// counts among them.
    fn gather(
        &mut self,
        limit: usize,
        ciphers: Option<&mut Ciphers>,
        into: &mut Vec<u8>,
    ) -> io::Result<Sent> {
        let start = into.len();
        // A handshake is as it is; nothing else goes with it, as that may be encrypted.
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
            match self.gather_front(left, into)? {
                Some(sent) => total += sent,
                None => break,
            }
        }
        if let Some(ciphers) = ciphers {
            ciphers.encrypt(&mut into[start..]);
        }
        Ok(total)
    }

    /// Of the front segment. Returns what counts of it, `None` if there is no segment.
    fn gather_front(&mut self, limit: usize, into: &mut Vec<u8>) -> io::Result<Option<Sent>> {
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
            Segment::File { file, offset, left } => {
                let (before, len) = (into.len(), limit.min(*left as usize));
                into.resize(before + len, 0);
                // In memory already: whoever located it has seen to that.
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

/// A signal is no reason to stop: what was gathered before would be lost.
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buf, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Copies from `at` on, at most `limit` bytes.
fn copy(data: &[u8], at: &mut usize, limit: usize, into: &mut Vec<u8>) -> usize {
    let len = limit.min(data.len() - *at);
    into.extend_from_slice(&data[*at..*at + len]);
    *at += len;
    len
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    fn out(file: &Arc<File>) -> Out {
        let mut out = Out::default();
        out.segments.push_back(Segment::Raw { data: vec![9; 50], at: 0 });
        out.segments.push_back(Segment::Bytes { data: vec![1; 30], at: 0 });
        out.segments.push_back(Segment::File { file: Arc::clone(file), offset: 5, left: 40 });
        out.segments.push_back(Segment::Zeros { left: 20 });
        out.segments.push_back(Segment::Block { data: vec![2; 10], at: 0 });
        out.segments.push_back(Segment::Reply { data: vec![3; 15], at: 0 });
        out.control_bytes = 30;
        out
    }

    #[test]
    fn any_step_gives_the_same_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&(0..100).collect::<Vec<u8>>()).unwrap();
        let file = Arc::new(file);
        let wanted: Vec<u8> =
            [vec![9; 50], vec![1; 30], (5..45).collect(), vec![0; 20], vec![2; 10], vec![3; 15]].concat();
        for step in [1, 7, 64, 1000] {
            let (mut out, mut got, mut counts) = (out(&file), Vec::new(), Sent::default());
            loop {
                let before = got.len();
                counts += out.gather(step, None, &mut got).unwrap();
                assert!(got.len() - before <= step);
                if got.len() == before {
                    break;
                }
            }
            let sent = Sent { block_bytes: 70, reply_bytes: 15 };
            assert_eq!((got, counts, out.control_bytes), (wanted.clone(), sent, 0));
        }
    }

    #[test]
    fn a_file_that_is_shorter_is_an_error() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut out = out(&file);
        let mut got = Vec::new();
        out.gather(1000, None, &mut got).unwrap();
        assert_eq!(out.gather(1000, None, &mut got).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
