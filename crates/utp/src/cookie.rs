//! Answers to SYNs without keeping anything.
//!
//! A SYN costs its sender nothing, not even the truth about his address; so it must cost us nothing either. The
//! number that our side of the connection begins with is a keyed hash of the SYN, and only who received our answer
//! can acknowledge it. In BitTorrent the caller speaks first, so his first packet brings what we did not keep.

use std::net::{IpAddr, SocketAddr};

use sha1::{Digest, Sha1};
use ztor_time::Instant;

use crate::seq::SeqNr;

/// Seconds that one bucket of time is long. A cookie is good until the end of the next bucket.
const BUCKET_S: u64 = 30;
/// The caller's first packets may change places on their way: one that comes first may be this far from the SYN.
/// Callers must not have more under way before our first acknowledgement than a usual first window has.
const MAX_AHEAD: u16 = 4;

/// Makes and checks cookies.
#[derive(Debug)]
pub(crate) struct Cookies {
    secret: [u8; 20],
}

impl Cookies {
    pub(crate) fn new(secret: [u8; 20]) -> Self {
        Self { secret }
    }

    /// The number that our first data packet will have if this SYN becomes a connection.
    pub(crate) fn make(&self, now: Instant, from: SocketAddr, conn_id: u16, syn: SeqNr) -> SeqNr {
        self.hash(bucket(now), from, conn_id, syn)
    }

    /// The SYN's `seq_nr`, if there was one of that `conn_id` which we answered a while ago, and the packet with
    /// `seq_nr` and `ack_nr` is among the first after it.
    pub(crate) fn check(
        &self,
        now: Instant,
        from: SocketAddr,
        conn_id: u16,
        seq_nr: SeqNr,
        ack_nr: SeqNr,
    ) -> Option<SeqNr> {
        let bucket = bucket(now);
        let buckets = [Some(bucket), bucket.checked_sub(1)];
        (1..=MAX_AHEAD).map(|ahead| seq_nr.minus(ahead)).find(|syn| {
            buckets.iter().flatten().any(|bucket| self.hash(*bucket, from, conn_id, *syn) == ack_nr.plus(1))
        })
    }

    fn hash(&self, bucket: u64, from: SocketAddr, conn_id: u16, syn: SeqNr) -> SeqNr {
        let mut hasher = Sha1::new();
        hasher.update(self.secret);
        match from.ip().to_canonical() {
            IpAddr::V4(ip) => hasher.update(ip.octets()),
            IpAddr::V6(ip) => hasher.update(ip.octets()),
        }
        hasher.update(from.port().to_be_bytes());
        hasher.update(conn_id.to_be_bytes());
        hasher.update(syn.0.to_be_bytes());
        hasher.update(bucket.to_be_bytes());
        let digest: [u8; 20] = hasher.finalize().into();
        SeqNr(u16::from_be_bytes([digest[0], digest[1]]))
    }
}

fn bucket(now: Instant) -> u64 {
    now.as_micros() / (BUCKET_S * 1_000_000)
}

#[cfg(test)]
mod tests {
    use ztor_time::Duration;

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
        for ahead in 1..=MAX_AHEAD {
            assert_eq!(check(0, from, 9, syn.plus(ahead), ack), Some(syn));
        }
        assert_eq!(check(30, from, 9, syn.plus(1), ack), Some(syn));
        assert_eq!(check(61, from, 9, syn.plus(1), ack), None);
        assert_eq!(check(0, other, 9, syn.plus(1), ack), None);
        assert_eq!(check(0, from, 8, syn.plus(1), ack), None);
        assert_eq!(check(0, from, 9, syn, ack), None);
        assert_eq!(check(0, from, 9, syn.plus(MAX_AHEAD + 1), ack), None);
        assert_eq!(check(0, from, 9, syn.plus(1), cookie), None);
    }
}
