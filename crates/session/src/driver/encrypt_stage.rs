//! The path of bytes that cannot go straight from a file to a socket: gathered and encrypted in one buffer, for µTP and
//! for encrypted TCP.

use super::queue::{SendQueue, Sent};
use bytes::Bytes;
use mio::net::TcpStream;
use rustix::net::{SendFlags, send};
use std::io;
use ztor_base::Instant;
use ztor_utp::{ConnKey, Endpoint};
use ztor_wire::mse::Ciphers;

/// Maximum number of bytes gathered per system call: enough to make it cheap, few enough to stay in the cache.
const STAGE_BYTES: usize = 128 * 1024;
/// The same for µTP, which keeps the bytes until they are acknowledged.
const UTP_STAGE_BYTES: usize = 64 * 1024;
/// Minimum room of a µTP connection that is written to, in bytes.
const MIN_UTP_ROOM: usize = 1024;

/// Encrypted bytes that a socket did not accept, ahead of the queue.
#[derive(Debug, Default)]
pub(super) struct EncryptStage {
    left: Vec<u8>,
    at: usize,
    /// Counted bytes among them, reported once all are sent.
    counts: Sent,
}

impl EncryptStage {
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Sends over TCP with one system call. Returns the counted bytes that were sent; `None` if there is nothing to
    /// send.
    pub(super) fn send(
        &mut self,
        now: Instant,
        stream: &TcpStream,
        queue: &mut SendQueue,
        ciphers: Option<&mut Ciphers>,
        scratch: &mut Vec<u8>,
    ) -> io::Result<Option<Sent>> {
        if self.is_empty() {
            scratch.clear();
            let counts = queue.gather(now, STAGE_BYTES, ciphers, scratch)?;
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

    /// Writes to µTP as much as it has room for, at most `limit` bytes. Returns their number and the counted bytes
    /// among them; `None` if there is nothing to send.
    pub(super) fn write(
        now: Instant,
        key: ConnKey,
        utp: &mut Endpoint,
        queue: &mut SendQueue,
        limit: usize,
        ciphers: Option<&mut Ciphers>,
    ) -> io::Result<Option<(usize, Sent)>> {
        if queue.is_empty() {
            return Ok(None);
        }
        let room = utp.send_room(key).min(UTP_STAGE_BYTES);
        if room < MIN_UTP_ROOM {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = Vec::new();
        let counts = queue.gather(now, room.min(limit), ciphers, &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        // They stay in memory until they are acknowledged.
        bytes.shrink_to_fit();
        let len = bytes.len();
        utp.write(now, key, Bytes::from(bytes));
        Ok(Some((len, counts)))
    }
}
