//! Reads into uninitialised memory.
//!
//! The only `unsafe` code of this crate: zeroing every buffer before the kernel overwrites it took 4 % of the time of a
//! fast download.

use bytes::BytesMut;
use mio::net::TcpStream;
use socket2::SockRef;
use std::io;

/// Reads once, at most `limit` bytes, and appends to `buf` within its spare capacity. Returns the number of bytes: 0 at
/// the end of the stream, or without room.
#[allow(unsafe_code, reason = "the standard library has no stable way to read into uninitialised memory")]
pub(super) fn read_more(stream: &TcpStream, buf: &mut BytesMut, limit: usize) -> io::Result<usize> {
    let spare = buf.spare_capacity_mut();
    let room = spare.len().min(limit);
    let got = SockRef::from(stream).recv(&mut spare[..room])?.min(room);
    let filled = buf.len() + got;
    // SAFETY: `recv` has initialised the first `got` bytes of the spare capacity, and `got` is no more than that.
    unsafe { buf.set_len(filled) };
    Ok(got)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::io::{Read, Write};

    /// Does the same without `unsafe`.
    fn read_more_safely(stream: &mut TcpStream, buf: &mut BytesMut, limit: usize) -> io::Result<usize> {
        let (len, room) = (buf.len(), limit.min(buf.capacity() - buf.len()));
        buf.resize(len + room, 0);
        let got = stream.read(&mut buf[len..]);
        buf.truncate(len + got.as_ref().map_or(0, |got| *got));
        got
    }

    fn pair() -> (std::net::TcpStream, TcpStream) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (ours, TcpStream::from_std(listener.accept().unwrap().0))
    }

    #[test]
    fn read_more_with_any_limit_equals_a_safe_read() {
        let (mut to_one, one) = pair();
        let (mut to_other, mut other) = pair();
        let (mut fast, mut safe) = (BytesMut::with_capacity(4096), BytesMut::with_capacity(4096));
        for round in 0..400usize {
            let message: Vec<u8> = (0..round % 97 + 1).map(|i| (i * 31 + round) as u8).collect();
            to_one.write_all(&message).unwrap();
            to_other.write_all(&message).unwrap();
            let limit = round % 41 + 60;
            let mut left = message.len();
            while left > 0 {
                if fast.capacity() - fast.len() < 128 {
                    fast = BytesMut::with_capacity(4096);
                    safe = BytesMut::with_capacity(4096);
                }
                let got = read_more(&one, &mut fast, limit.min(left)).unwrap();
                let mut again = 0;
                while again < got {
                    again += read_more_safely(&mut other, &mut safe, got - again).unwrap();
                }
                assert!(got > 0);
                assert_eq!(fast, safe);
                left -= got;
            }
            if round % 5 == 0 {
                assert_eq!(fast.split(), safe.split());
            }
        }
        drop((to_one, to_other));
        assert_eq!(read_more(&one, &mut fast, 10).unwrap(), 0);
        assert_eq!(read_more_safely(&mut other, &mut safe, 10).unwrap(), 0);
    }

    #[test]
    fn read_more_without_a_limit_stays_within_the_capacity() {
        let (mut to, stream) = pair();
        to.write_all(&[7; 100]).unwrap();
        let mut buf = BytesMut::with_capacity(64);
        let room = buf.capacity();
        assert_eq!(read_more(&stream, &mut buf, usize::MAX).unwrap(), room.min(100));
        assert_eq!(buf.capacity(), room);
        assert!(buf.iter().all(|byte| *byte == 7));
    }
}
