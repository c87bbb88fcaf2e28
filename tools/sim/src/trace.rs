//! The trace of a run: a hash over numbers, and the last lines of text.
//!
//! The two are separate on purpose. [`Trace::record`] feeds the hash and takes numbers and wire bytes only, so that
//! rewording a message, an error or a `Debug` output changes no hash. [`Trace::note`] adds text for the analysis of a
//! failure.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use ztor_base::Instant;

/// Number of kept lines.
const KEPT: usize = 400;

/// Subject of a record. Hashes of past runs contain these numbers, so a number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Subject {
    Syn = 1,
    SynAck = 2,
    Refused = 3,
    Pump = 4,
    Arrive = 5,
    Ack = 6,
    Fin = 7,
    Datagram = 8,
    Turn = 9,
    Disk = 10,
    Save = 11,
    HttpAsk = 12,
    HttpAnswer = 13,
    Resolve = 14,
    Tick = 15,
    Intervention = 16,
    Web = 17,
    Send = 32,
    SendBlock = 33,
    Connect = 34,
    Close = 35,
    Write = 36,
    Forget = 37,
    Check = 38,
    Announce = 39,
    Lookup = 40,
    Transmit = 41,
    LocalAnnounce = 42,
    TorrentEvent = 43,
    Reply = 44,
    Start = 64,
    Reported = 65,
    Failure = 66,
    Joined = 80,
    Left = 81,
    Delivered = 82,
    Announced = 83,
    LookupEnded = 84,
    UtpRow = 96,
    HungDisk = 112,
    GroupLimits = 113,
    Gateway = 114,
    ProxyLink = 115,
}

/// Trace of a run. Two runs are equal if their hashes are, apart from collisions.
pub(crate) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
    /// True if every line is printed at once.
    pub(crate) is_loud: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: VecDeque::new(), is_loud: false }
    }

    /// Adds numbers to the hash.
    pub(crate) fn record(&mut self, now: Instant, subject: Subject, numbers: &[u64]) {
        self.mix(now.as_micros());
        self.mix(subject as u64);
        numbers.iter().for_each(|number| self.mix(*number));
    }

    /// Adds wire bytes and their length to the hash.
    pub(crate) fn record_bytes(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    /// Adds a line of text, which is not part of the hash.
    pub(crate) fn note(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        let mut line =
            if self.lines.len() >= KEPT { self.lines.pop_front().unwrap_or_default() } else { String::new() };
        line.clear();
        // Writing to a string cannot fail.
        let _ = write!(line, "{now:?} {what}");
        if self.is_loud {
            println!("{line}");
        }
        self.lines.push_back(line);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns the last lines that contain any of `words`, oldest first; the last of all lines if `words` is empty.
    pub(crate) fn last(&self, count: usize, words: &[String]) -> Vec<String> {
        let wanted =
            |line: &&String| words.is_empty() || words.iter().any(|word| line.contains(word.as_str()));
        let mut found: Vec<String> = self.lines.iter().rev().filter(wanted).take(count).cloned().collect();
        found.reverse();
        found
    }

    fn mix(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x0100_0000_01b3_9e37);
    }
}

/// Returns an address as a number.
pub(crate) fn number_of(addr: SocketAddr) -> u64 {
    let ip = match addr.ip() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => {
            let ip = u128::from(ip);
            (ip >> 64) as u64 ^ (ip as u64).rotate_left(17)
        }
    };
    ip << 16 ^ u64::from(addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_hash_ignores_words_and_counts_numbers() {
        let hash = |text: &str, number: u64, bytes: &[u8]| {
            let mut trace = Trace::new();
            trace.note(Instant::ZERO, format_args!("{text}"));
            trace.record(Instant::ZERO, Subject::Send, &[number]);
            trace.record_bytes(bytes);
            trace.hash()
        };
        assert_eq!(hash("one wording", 1, b"x"), hash("another", 1, b"x"));
        assert_ne!(hash("", 1, b"x"), hash("", 2, b"x"));
        assert_ne!(hash("", 1, b"x"), hash("", 1, b"x\0"));
    }
}
