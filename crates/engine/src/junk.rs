//! The price of messages without effect.
//!
//! Limits count what was asked for. All else that a peer says costs us time and it nothing, so each peer has an allowance
//! that honest ones never use up.

use crate::config::OUR_UT_METADATA;
use crate::misbehaviour::Misbehaviour;
use ztor_base::{Duration, Instant};
use ztor_wire::Message;

/// Messages that come at once and are not minded: a change of mind about each of many requests, a long list of pieces.
const AT_ONCE: u64 = 4096;
/// Messages a second, in the long run.
const PER_S: u64 = 64;
/// A message costs one unit, and another for each 4 KiB of its length.
const BYTES_PER_UNIT: usize = 4096;

const EACH: Duration = Duration::from_micros(1_000_000 / PER_S);
const ALLOWANCE: Duration = Duration::from_micros(AT_ONCE * 1_000_000 / PER_S);

/// A peer's account.
#[derive(Debug, Default)]
pub(crate) struct Junk {
    /// When all so far would have come, one after the other.
    paid_until: Instant,
}

impl Junk {
    /// Charges for a message; `bytes` is its length.
    pub(crate) fn charge(&mut self, now: Instant, bytes: usize) -> Result<(), Misbehaviour> {
        let units = 1 + u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX - 1);
        self.paid_until = self.paid_until.max(now) + EACH * units;
        if self.paid_until.since(now) > ALLOWANCE { Err(Misbehaviour::Junk) } else { Ok(()) }
    }
}

/// Returns true if a message is charged for whatever comes of it. Of the others the effect decides, or they are counted elsewhere.
pub(crate) fn is_charged(message: &Message) -> bool {
    match message {
        Message::Piece { .. }
        | Message::Request(_)
        | Message::Reject(_)
        | Message::Have { .. }
        | Message::HashRequest(_)
        | Message::Hashes { .. } => false,
        Message::Extended { id, .. } => *id != OUR_UT_METADATA,
        Message::Bitfield(_)
        | Message::HashReject(_)
        | Message::Unknown { .. }
        | Message::KeepAlive
        | Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::Cancel(_)
        | Message::Port(_)
        | Message::Suggest { .. }
        | Message::HaveAll
        | Message::HaveNone
        | Message::AllowedFast { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_a_stream_is_not() {
        let (mut junk, now) = (Junk::default(), Instant::from_micros(1));
        let at_once = (0..10_000).take_while(|_| junk.charge(now, 0).is_ok()).count() as u64;
        assert_eq!(at_once, AT_ONCE);
        let mut junk = Junk::default();
        for second in 0..1000 {
            let now = Instant::from_micros(second * 1_000_000);
            assert!((0..PER_S).all(|_| junk.charge(now, 0).is_ok()));
        }
        assert!((0..100).any(|_| junk.charge(now, 64 * 1024 * 1024).is_err()), "long ones cost more");
    }
}
