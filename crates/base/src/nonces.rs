//! Numbers that other hosts cannot predict.

use sha1::{Digest, Sha1};

/// A generator of unpredictable ids for requests and connections.
///
/// The receiver of a request sees its id. With an ordinary generator, a few ids reveal the next ones and allow forged
/// responses. These ids are hashes of a secret and a counter.
#[derive(Clone)]
pub struct Nonces {
    secret: u64,
    counter: u64,
}

impl Nonces {
    /// Creates a generator. Equal seeds give equal numbers, so the seed must be secret.
    pub fn with_seed(seed: u64) -> Self {
        Self { secret: seed, counter: 0 }
    }

    /// Returns the next 16-bit number.
    pub fn u16(&mut self) -> u16 {
        self.u32() as u16
    }

    /// Returns the next 32-bit number.
    pub fn u32(&mut self) -> u32 {
        let mut sha = Sha1::new();
        sha.update(self.secret.to_be_bytes());
        sha.update(self.counter.to_be_bytes());
        self.counter += 1;
        let [a, b, c, d, ..]: [u8; 20] = sha.finalize().into();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// Leaves out the secret, which must not appear in logs.
impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("counter", &self.counter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_of_equal_seeds_are_equal() {
        let numbers = |seed| {
            let mut nonces = Nonces::with_seed(seed);
            [nonces.u32(), nonces.u32(), u32::from(nonces.u16())]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }
}
