//! The Diffie-Hellman exchange: a private key of 160 bits, in the 768-bit group of RFC 2409 §6.1.

use std::fmt;

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U192, U768, const_monty_params};

/// Length of a public key and of the secret in bytes.
pub(super) const KEY_LEN: usize = 96;
/// Length of a private key in bytes.
pub(super) const PRIVATE_LEN: usize = 20;

const_monty_params!(
    Prime,
    U768,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    "The modulus P."
);
const GENERATOR: U768 = U768::from_u8(2);

pub(super) type PublicKey = [u8; KEY_LEN];

/// Secret that both sides share.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) [u8; KEY_LEN]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[derive(Clone, Copy)]
pub(super) struct Private(pub(super) [u8; PRIVATE_LEN]);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private")
    }
}

/// Key arithmetic to run on any thread.
#[derive(Debug)]
pub struct Work {
    pub(super) private: Private,
    pub(super) wants_public: bool,
    pub(super) theirs: Option<Box<PublicKey>>,
}

/// Result of a [`Work`], for [`Mse::handle_key`](super::Mse::handle_key) of the machine that requested it.
#[derive(Debug)]
pub struct KeyResult {
    pub(super) public: Option<Box<PublicKey>>,
    pub(super) secret: Option<Result<Secret, BadKey>>,
}

/// A public key that makes the secret predictable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadKey;

impl Work {
    /// Runs the work: one or two exponentiations, in a time that does not depend on the key.
    pub fn run(self) -> KeyResult {
        KeyResult {
            public: self.wants_public.then(|| Box::new(power(&GENERATOR, &self.private))),
            secret: self.theirs.map(|theirs| secret(&self.private, &theirs)),
        }
    }
}

fn secret(private: &Private, theirs: &PublicKey) -> Result<Secret, BadKey> {
    let theirs = U768::from_be_slice(theirs);
    let modulus: &U768 = Prime::PARAMS.modulus().as_ref();
    if theirs <= U768::ONE || theirs >= modulus.wrapping_sub(&U768::ONE) {
        return Err(BadKey);
    }
    Ok(Secret(power(&theirs, private)))
}

fn power(base: &U768, private: &Private) -> [u8; KEY_LEN] {
    let mut exponent = [0; 24];
    exponent[24 - PRIVATE_LEN..].copy_from_slice(&private.0);
    let exponent = U192::from_be_slice(&exponent);
    let power = ConstMontyForm::<Prime, { U768::LIMBS }>::new(base)
        .pow_bounded_exp(&exponent, PRIVATE_LEN as u32 * 8)
        .retrieve();
    let mut bytes = [0; KEY_LEN];
    bytes.copy_from_slice(power.to_be_bytes().as_ref());
    bytes
}
