//! Random secrets, and the digests under which they are kept.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::{digest, hmac};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Length of secrets in bytes.
const LEN: usize = 32;

/// Digest of a secret (SHA-256), by which it is recognised.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

/// A key of this process, for digests of secrets that are easy to guess.
pub(crate) struct ProcessKey(hmac::Key);

/// Returns random bytes as lower-case letters and digits.
pub(crate) fn random_text() -> Result<String, getrandom::Error> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes)?;
    Ok(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

impl Digest {
    pub(crate) fn of(secret: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Compares in constant time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl ProcessKey {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; LEN];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Returns the keyed digest of a password with its context.
    pub(crate) fn digest(&self, generation: u64, username: &str, password: &str) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&generation.to_be_bytes());
        // The length keeps pairs apart that are the same together.
        context.update(&(username.len() as u64).to_be_bytes());
        context.update(username.as_bytes());
        context.update(password.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        Digest(bytes)
    }
}

impl fmt::Debug for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProcessKey")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn random_text_has_256_bits_and_differs() {
        let texts: std::collections::HashSet<String> = (0..100).map(|_| random_text().unwrap()).collect();
        assert_eq!(texts.len(), 100);
        assert!(texts.iter().all(|text| text.len() == 52 && text.bytes().all(|b| b.is_ascii_alphanumeric())));
    }

    #[test]
    fn digest_survives_hexadecimal_digits() {
        let digest = Digest::of("abc");
        assert!(digest.to_hex().starts_with("ba7816bf8f01cfea"));
        assert!(Digest::from_hex(&digest.to_hex()).unwrap().is_same(&digest));
        assert!(Digest::from_hex("0078").is_none());
        assert!(Digest::from_hex("x").is_none());
    }

    #[test]
    fn digest_of_a_password_depends_on_all_parts_and_the_key() {
        let (one, two) = (ProcessKey::random().unwrap(), ProcessKey::random().unwrap());
        let digest = one.digest(1, "ab", "c");
        assert!(digest.is_same(&one.digest(1, "ab", "c")));
        for other in [one.digest(2, "ab", "c"), one.digest(1, "a", "bc"), two.digest(1, "ab", "c")] {
            assert!(!digest.is_same(&other));
        }
    }
}
