//! Numbers of 16 bits that go round (BEP 29, "seq_nr" and "ack_nr").

/// A sequence number. Of two, the later one is that which is reached sooner by counting up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct SeqNr(pub(crate) u16);

impl SeqNr {
    /// The number `n` after this one.
    pub(crate) const fn plus(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// The number `n` before this one.
    pub(crate) const fn minus(self, n: u16) -> Self {
        Self(self.0.wrapping_sub(n))
    }

    /// How far this one is after `earlier`: −32768 … 32767, negative if it is before it.
    pub(crate) const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed() as i32
    }
}

/// The low 16 bits of a count, which is how a count is told to the other end.
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
        fn distance_undoes_addition(start: u16, n in 0u16..0x8000) {
            let seq = SeqNr(start);
            prop_assert_eq!(seq.plus(n).since(seq), i32::from(n));
            prop_assert_eq!(seq.since(seq.plus(n)), -i32::from(n));
            prop_assert_eq!(seq.plus(n).minus(n), seq);
        }

        #[test]
        fn one_of_two_is_later(a: u16, b: u16) {
            let (a, b) = (SeqNr(a), SeqNr(b));
            let (there, back) = (a.since(b), b.since(a));
            // Exactly opposite numbers are both "before" each other; no window comes near that.
            prop_assert!(there == -back || there == i32::from(i16::MIN) && there == back);
        }

        #[test]
        fn counts_wrap(count: u64, n: u16) {
            prop_assert_eq!(SeqNr::from(count).plus(n), SeqNr::from(count.wrapping_add(n.into())));
        }
    }
}
