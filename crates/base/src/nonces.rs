//! Numbers that strangers must not guess.

use sha1::{Digest, Sha1};

/// A generator of ids for requests and connections. Whoever is asked sees them; with a common generator a few are enough to
/// compute the next, and to answer in another's name. These are hashes of a secret and a counter.
#[derive(Clone)]
pub struct Nonces {
    secret: u64,
    counter: u64,
}

impl Nonces {
    /// The same seed gives the same numbers. It has to be secret.
    pub fn with_seed(seed: u64) -> Self {
        Self { secret: seed, counter: 0 }
    }

    /// The next number of 16 bits.
    pub fn u16(&mut self) -> u16 {
        self.u32() as u16
    }

    /// The next number of 32 bits.
    pub fn u32(&mut self) -> u32 {
        let mut sha = Sha1::new();
        sha.update(self.secret.to_be_bytes());
        sha.update(self.counter.to_be_bytes());
        self.counter += 1;
        let [a, b, c, d, ..]: [u8; 20] = sha.finalize().into();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The secret is not for logs.
impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("counter", &self.counter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_the_seed() {
        let numbers = |seed| {
            let mut nonces = Nonces::with_seed(seed);
            [nonces.u32(), nonces.u32(), u32::from(nonces.u16())]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }
}
