//! Answers to SYNs without keeping state.
//!
//! The sender of a SYN spends nothing and may forge its address, so an answer must not cost us memory. The first
//! sequence number of our side is a keyed hash of the SYN, and only the receiver of our answer can acknowledge it. In
//! BitTorrent the initiator sends data first, so its first packet brings back what we did not keep.

use std::net::{IpAddr, SocketAddr};

use sha1::{Digest, Sha1};
use ztor_base::Instant;

use crate::seq::SeqNr;

/// Length of a time bucket in seconds. A cookie is valid until the end of the next bucket.
const BUCKET_S: u64 = 30;
/// Packets that an initiator may send before our first acknowledgement. Later ones that overtake the first count as
/// unknown packets.
const MAX_AHEAD: i32 = 4;

/// Makes and checks cookies.
#[derive(Debug)]
pub(crate) struct Cookies {
    secret: [u8; 20],
}

/// A packet after a SYN that we answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Follower {
    /// The `seq_nr` of the SYN.
    pub(crate) syn: SeqNr,
    /// True for the packet right after the SYN, so that no part of the stream is missing.
    pub(crate) is_first: bool,
}

impl Cookies {
    pub(crate) fn new(secret: [u8; 20]) -> Self {
        Self { secret }
    }

    /// Returns the number of our first data packet if this SYN becomes a connection. It is the hash plus the SYN's
    /// number, so that [`Cookies::check`] can recover the latter.
    pub(crate) fn make(&self, now: Instant, from: SocketAddr, conn_id: u16, syn: SeqNr) -> SeqNr {
        syn.plus(self.hash(bucket(now), from, conn_id))
    }

    /// Returns the SYN that a packet follows, if we answered a SYN with `conn_id` recently and the packet is among the
    /// first after it. Computes up to two hashes.
    pub(crate) fn check(
        &self,
        now: Instant,
        from: SocketAddr,
        conn_id: u16,
        seq_nr: SeqNr,
        ack_nr: SeqNr,
    ) -> Option<Follower> {
        let bucket = bucket(now);
        [Some(bucket), bucket.checked_sub(1)].into_iter().flatten().find_map(|bucket| {
            let syn = ack_nr.plus(1).minus(self.hash(bucket, from, conn_id));
            let ahead = seq_nr.since(syn);
            (1..=MAX_AHEAD).contains(&ahead).then_some(Follower { syn, is_first: ahead == 1 })
        })
    }

    fn hash(&self, bucket: u64, from: SocketAddr, conn_id: u16) -> u16 {
        let mut hasher = Sha1::new();
        hasher.update(self.secret);
        match from.ip().to_canonical() {
            IpAddr::V4(ip) => hasher.update(ip.octets()),
            IpAddr::V6(ip) => hasher.update(ip.octets()),
        }
        hasher.update(from.port().to_be_bytes());
        hasher.update(conn_id.to_be_bytes());
        hasher.update(bucket.to_be_bytes());
        let digest: [u8; 20] = hasher.finalize().into();
        u16::from_be_bytes([digest[0], digest[1]])
    }
}

fn bucket(now: Instant) -> u64 {
    now.as_micros() / (BUCKET_S * 1_000_000)
}

#[cfg(test)]
mod tests {
    use ztor_base::Duration;

    use super::*;

    #[test]
    fn check_of_a_packet_after_another_syn_returns_none() {
        let cookies = Cookies::new([7; 20]);
        let start = Instant::from_micros(29_000_000);
        let from = SocketAddr::from(([192, 0, 2, 1], 6881));
        let other = SocketAddr::from(([192, 0, 2, 1], 6882));
        let syn = SeqNr(0xffff);
        let cookie = cookies.make(start, from, 9, syn);
        let check = |after_s, from, id, seq, ack| {
            cookies.check(start + Duration::from_secs(after_s), from, id, seq, ack)
        };
        let ack = cookie.minus(1);
        for ahead in 1..=4 {
            let follower = Follower { syn, is_first: ahead == 1 };
            assert_eq!(check(0, from, 9, syn.plus(ahead), ack), Some(follower));
        }
        assert_eq!(check(30, from, 9, syn.plus(1), ack), Some(Follower { syn, is_first: true }));
        assert_eq!(check(61, from, 9, syn.plus(1), ack), None);
        assert_eq!(check(0, other, 9, syn.plus(1), ack), None);
        assert_eq!(check(0, from, 8, syn.plus(1), ack), None);
        assert_eq!(check(0, from, 9, syn, ack), None);
        assert_eq!(check(0, from, 9, syn.plus(5), ack), None);
        assert_eq!(check(0, from, 9, syn.plus(1), cookie.plus(4)), None);
        assert_eq!(check(0, from, 9, syn.plus(1), cookie.minus(6)), None);
    }
}
