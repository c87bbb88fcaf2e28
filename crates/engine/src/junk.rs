//! Rate limit of messages without effect.
//!
//! Other limits count requested data. All other messages cost us time and the peer nothing, so each peer has an
//! allowance that honest peers never use up.

use crate::config::OUR_UT_METADATA;
use crate::misbehaviour::Misbehaviour;
use ztor_base::{Duration, Instant};
use ztor_wire::Message;

/// Number of messages allowed at once, such as cancels of many requests or a long list of pieces.
const AT_ONCE: u64 = 4096;
/// Number of messages allowed per second in the long run.
const PER_S: u64 = 64;
/// Each message costs one unit, plus one per this many bytes of its length.
const BYTES_PER_UNIT: usize = 4096;

const EACH: Duration = Duration::from_micros(1_000_000 / PER_S);
const ALLOWANCE: Duration = Duration::from_micros(AT_ONCE * 1_000_000 / PER_S);

/// Account of a peer's allowance.
#[derive(Debug, Default)]
pub(crate) struct Junk {
    /// Time at which all messages so far are paid for at the long-run rate.
    paid_until: Instant,
}

impl Junk {
    /// Charges for a message with a length of `bytes`.
    pub(crate) fn charge(&mut self, now: Instant, bytes: usize) -> Result<(), Misbehaviour> {
        let units = 1 + u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX - 1);
        self.paid_until = self.paid_until.max(now) + EACH * units;
        if self.paid_until.since(now) > ALLOWANCE { Err(Misbehaviour::Junk) } else { Ok(()) }
    }
}

/// Returns true if a message is charged for regardless of its effect. Other messages are charged for only without
/// effect, or are counted elsewhere.
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
    fn charge_beyond_the_burst_or_the_rate_is_misbehaviour() {
        let (mut junk, now) = (Junk::default(), Instant::from_micros(1));
        let at_once = (0..10_000).take_while(|_| junk.charge(now, 0).is_ok()).count() as u64;
        assert_eq!(at_once, AT_ONCE);
        let mut junk = Junk::default();
        for second in 0..1000 {
            let now = Instant::from_micros(second * 1_000_000);
            assert!((0..PER_S).all(|_| junk.charge(now, 0).is_ok()));
        }
        assert!((0..100).any(|_| junk.charge(now, 64 * 1024 * 1024).is_err()), "long messages cost more");
    }
}
