//! The clocks of gateways: one that goes back, or not with ours, belongs to a gateway that has lost its mappings.

use crate::transport::Protocol;
use ztor_base::Instant;

/// Time of a gateway at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Epoch {
    protocol: Protocol,
    /// Seconds since the gateway lost its mappings.
    epoch_s: u64,
    at: Instant,
}

impl Epoch {
    pub(super) fn new(protocol: Protocol, epoch_s: u32, at: Instant) -> Self {
        Self { protocol, epoch_s: epoch_s.into(), at }
    }

    /// Returns true if a later epoch shows that the mappings were lost in between (RFC 6886 §3.6, RFC 6887 §8.5).
    pub(super) fn was_reset(&self, later: &Self) -> bool {
        if self.protocol != later.protocol {
            return false;
        }
        let passed_s = later.at.since(self.at).as_secs();
        match self.protocol {
            Protocol::NatPmp => later.epoch_s + 2 < self.epoch_s + passed_s - passed_s / 8,
            _ => {
                let Some(gone_s) = (later.epoch_s + 1).checked_sub(self.epoch_s) else { return true };
                let gone_s = gone_s.saturating_sub(1);
                passed_s + 2 < gone_s - gone_s / 16 || gone_s + 2 < passed_s - passed_s / 16
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztor_base::Duration;

    #[test]
    fn was_reset_is_true_for_a_clock_that_goes_back_or_stands_still() {
        let at = |protocol, epoch_s, second| {
            Epoch::new(protocol, epoch_s, Instant::ZERO + Duration::from_secs(second))
        };
        for protocol in [Protocol::Pcp, Protocol::NatPmp] {
            let before = at(protocol, 1000, 0);
            assert!(!before.was_reset(&at(protocol, 1100, 100)), "{protocol}");
            assert!(!before.was_reset(&at(protocol, 1098, 100)), "a little slow, {protocol}");
            assert!(!before.was_reset(&at(protocol, 999, 0)), "reordered, {protocol}");
            assert!(before.was_reset(&at(protocol, 50, 100)), "back, {protocol}");
            assert!(before.was_reset(&at(protocol, 1000, 100)), "still, {protocol}");
        }
        assert!(at(Protocol::Pcp, 1000, 0).was_reset(&at(Protocol::Pcp, 9000, 100)), "forward");
        assert!(!at(Protocol::NatPmp, 1000, 0).was_reset(&at(Protocol::NatPmp, 9000, 100)), "forward");
        assert!(!at(Protocol::Pcp, 1000, 0).was_reset(&at(Protocol::NatPmp, 0, 100)), "another server");
        assert!(at(Protocol::Pcp, u32::MAX, 0).was_reset(&at(Protocol::Pcp, 0, 1)));
    }
}
