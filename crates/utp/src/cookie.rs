//! Answers to SYNs without keeping anything.
//!
//! A SYN costs its sender nothing, not even the truth about his address; so it must cost us nothing either. The
//! number that our side of the connection begins with is a keyed hash of the SYN, and only who received our answer
//! can acknowledge it. In BitTorrent the caller speaks first, so his first packet brings what we did not keep.

use std::net::{IpAddr, SocketAddr};

use sha1::{Digest, Sha1};
use ztor_base::Instant;

use crate::seq::SeqNr;

/// Seconds that one bucket of time is long. A cookie is good until the end of the next bucket.
const BUCKET_S: u64 = 30;
/// Packets that a caller has under way before our first acknowledgement. Whoever begins with more may be taken for a
/// stranger if they overtake the first one.
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
    /// It is the very next one, so that nothing of the stream is missing.
    pub(crate) is_first: bool,
}

impl Cookies {
    pub(crate) fn new(secret: [u8; 20]) -> Self {
        Self { secret }
    }

    /// The number that our first data packet will have if this SYN becomes a connection: the hash and the SYN's own
    /// number, so that the latter can be had from it again.
    pub(crate) fn make(&self, now: Instant, from: SocketAddr, conn_id: u16, syn: SeqNr) -> SeqNr {
        syn.plus(self.hash(bucket(now), from, conn_id))
    }

    /// Whether there was a SYN of that `conn_id` which we answered a while ago, and the packet with `seq_nr` and
    /// `ack_nr` is among the first after it. Costs two hashes.
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
    fn good_for_its_syn_only() {
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
