//! Sequence numbers of 16 bits that wrap around (BEP 29, "seq_nr" and "ack_nr").

/// A sequence number. Of two numbers, the later one is that which counting up from the other reaches within half the
/// range.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct SeqNr(pub(crate) u16);

impl SeqNr {
    /// Returns the number `n` after this one.
    pub(crate) const fn plus(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// Returns the number `n` before this one.
    pub(crate) const fn minus(self, n: u16) -> Self {
        Self(self.0.wrapping_sub(n))
    }

    /// Returns the distance from `earlier` to this number: −32768 … 32767, negative if this one is before `earlier`.
    pub(crate) const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed() as i32
    }
}

/// Takes the low 16 bits of a packet count, as sent on the wire.
impl From<u64> for SeqNr {
    fn from(count: u64) -> Self {
        Self((count & 0xffff) as u16)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn since_of_a_sum_returns_the_summand(start: u16, n in 0u16..0x8000) {
            let seq = SeqNr(start);
            prop_assert_eq!(seq.plus(n).since(seq), i32::from(n));
            prop_assert_eq!(seq.since(seq.plus(n)), -i32::from(n));
            prop_assert_eq!(seq.plus(n).minus(n), seq);
        }

        #[test]
        fn since_with_swapped_numbers_changes_the_sign(a: u16, b: u16) {
            let (a, b) = (SeqNr(a), SeqNr(b));
            let (there, back) = (a.since(b), b.since(a));
            // Exactly opposite numbers are both "before" each other; no window comes near that.
            prop_assert!(there == -back || there == i32::from(i16::MIN) && there == back);
        }

        #[test]
        fn from_a_count_beyond_16_bits_wraps(count: u64, n: u16) {
            prop_assert_eq!(SeqNr::from(count).plus(n), SeqNr::from(count.wrapping_add(n.into())));
        }
    }
}
