//! SHA-1 of a message in parts.

use sha1::{Digest, Sha1};

pub(crate) fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hasher = Sha1::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Derives an independent secret for each `label` from one seed, so that public outputs of one reveal nothing about
/// another.
pub(crate) fn derive(seed: u64, label: &str) -> [u8; 20] {
    sha1(&[&seed.to_be_bytes(), label.as_bytes()])
}

/// Derives the seed of a generator, like [`derive()`].
pub(crate) fn derive_seed(seed: u64, label: &str) -> u64 {
    derive(seed, label).iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte))
}
