//! The items of BEP 44.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use ztor_bencode::{Limits, Mode, decode_with};

use crate::NodeId;
use crate::hash::sha1;

/// The longest value, in bytes of its encoding (BEP 44).
pub const MAX_VALUE_BYTES: usize = 1000;
/// The longest salt, in bytes (BEP 44).
pub const MAX_SALT_BYTES: usize = 64;

/// Limits on depth and tokens of a value: far more than is of use in 1000 bytes.
const LIMITS: Limits = Limits { depth: 64, tokens: 1000 };

/// An item that is stored in the DHT (BEP 44). Its value is any bencoding, kept encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// An item that is found under the hash of its value.
    Immutable {
        /// The bencoded value.
        value: Vec<u8>,
    },
    /// An item that the owner of a key may change.
    Mutable {
        /// The owner's Ed25519 public key.
        key: [u8; 32],
        /// Distinguishes items of the same key; may be empty.
        salt: Vec<u8>,
        /// Version of the item; higher ones replace lower ones. Never negative.
        seq: i64,
        /// The owner's signature over salt, sequence number and value.
        signature: [u8; 64],
        /// The bencoded value.
        value: Vec<u8>,
    },
}

/// Reason that something is no item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ItemError {
    /// The value is too long.
    #[error("found a value of {len} bytes, expected at most {MAX_VALUE_BYTES}")]
    ValueTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The salt is too long.
    #[error("found a salt of {len} bytes, expected at most {MAX_SALT_BYTES}")]
    SaltTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The value is not bencoding in its canonical form.
    #[error("the value is not bencoded: {0}")]
    NotBencode(ztor_bencode::Error),
    /// The sequence number is negative.
    #[error("found the sequence number {0}, expected 0 or more")]
    NegativeSeq(i64),
    /// The signature is not the owner's, or is over other data.
    #[error("the signature does not match the item")]
    BadSignature,
    /// The seed yields no key.
    #[error("the seed yields no Ed25519 key")]
    BadSeed,
}

impl Item {
    /// Creates an immutable item.
    ///
    /// # Errors
    /// The rule that the value breaks.
    pub fn immutable(value: Vec<u8>) -> Result<Self, ItemError> {
        let item = Self::Immutable { value };
        item.verify().map(|()| item)
    }

    /// Creates a mutable item, signed with the key of an Ed25519 seed.
    ///
    /// # Errors
    /// The rule that the parts break.
    pub fn sign(seed: &[u8; 32], salt: Vec<u8>, seq: i64, value: Vec<u8>) -> Result<Self, ItemError> {
        check(&value, &salt, seq)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| ItemError::BadSeed)?;
        let key = pair.public_key().as_ref().try_into().map_err(|_| ItemError::BadSeed)?;
        let signature = pair.sign(&signed(&salt, seq, &value));
        let signature = signature.as_ref().try_into().map_err(|_| ItemError::BadSeed)?;
        Ok(Self::Mutable { key, salt, seq, signature, value })
    }

    /// Returns the id under which the item is found.
    pub fn target(&self) -> NodeId {
        match self {
            Self::Immutable { value } => NodeId::new(sha1(&[value])),
            Self::Mutable { key, salt, .. } => mutable_target(key, salt),
        }
    }

    /// Returns the bencoded value.
    pub fn value(&self) -> &[u8] {
        match self {
            Self::Immutable { value } | Self::Mutable { value, .. } => value,
        }
    }

    /// Returns the sequence number; `None` for an immutable item.
    pub fn seq(&self) -> Option<i64> {
        match self {
            Self::Immutable { .. } => None,
            Self::Mutable { seq, .. } => Some(*seq),
        }
    }

    /// Checks the rules: sizes, encoding, signature.
    ///
    /// # Errors
    /// The rule that the item breaks.
    pub fn verify(&self) -> Result<(), ItemError> {
        match self {
            Self::Immutable { value } => check(value, &[], 0),
            Self::Mutable { key, salt, seq, signature, value } => {
                check(value, salt, *seq)?;
                UnparsedPublicKey::new(&ED25519, key)
                    .verify(&signed(salt, *seq, value), signature)
                    .map_err(|_| ItemError::BadSignature)
            }
        }
    }
}

/// Returns the id of the mutable item of a key and a salt, which may be empty.
pub fn mutable_target(key: &[u8; 32], salt: &[u8]) -> NodeId {
    NodeId::new(sha1(&[key, salt]))
}

/// Checks the rules, except the signature.
fn check(value: &[u8], salt: &[u8], seq: i64) -> Result<(), ItemError> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(ItemError::ValueTooLong { len: value.len() });
    }
    if salt.len() > MAX_SALT_BYTES {
        return Err(ItemError::SaltTooLong { len: salt.len() });
    }
    if seq < 0 {
        return Err(ItemError::NegativeSeq(seq));
    }
    decode_with(value, Mode::Strict, LIMITS).map(drop).map_err(ItemError::NotBencode)
}

/// Returns the bytes to sign (BEP 44): pieces of a dictionary, written directly to be unambiguous.
fn signed(salt: &[u8], seq: i64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 128);
    if !salt.is_empty() {
        out.extend_from_slice(format!("4:salt{}:", salt.len()).as_bytes());
        out.extend_from_slice(salt);
    }
    out.extend_from_slice(format!("3:seqi{seq}e1:v").as_bytes());
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
    }

    const VALUE: &[u8] = b"12:Hello World!";
    const KEY: &str = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548";
    const PLAIN: &str = "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff\
        1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01";
    const SALTED: &str = "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d\
        df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08";

    fn vector(salt: &[u8], signature: &str) -> Item {
        Item::Mutable {
            key: hex(KEY),
            salt: salt.to_vec(),
            seq: 1,
            signature: hex(signature),
            value: VALUE.to_vec(),
        }
    }

    #[test]
    fn verify_of_the_bep_44_vectors_succeeds() {
        assert_eq!(signed(b"", 1, VALUE), b"3:seqi1e1:v12:Hello World!");
        assert_eq!(signed(b"foobar", 1, VALUE), b"4:salt6:foobar3:seqi1e1:v12:Hello World!");
        let plain = vector(b"", PLAIN);
        assert_eq!(plain.verify(), Ok(()));
        assert_eq!(plain.target().to_string(), "4a533d47ec9c7d95b1ad75f576cffc641853b750");
        let salted = vector(b"foobar", SALTED);
        assert_eq!(salted.verify(), Ok(()));
        assert_eq!(salted.target().to_string(), "411eba73b6f087ca51a3795d9c8c938d365e32c1");
        let immutable = Item::immutable(VALUE.to_vec()).unwrap();
        assert_eq!(immutable.target().to_string(), "e5f96f6f38320f0f33959cb4d3d656452117aadb");
    }

    #[test]
    fn verify_with_another_signature_is_an_error() {
        assert_eq!(vector(b"", SALTED).verify(), Err(ItemError::BadSignature));
        assert_eq!(vector(b"foobaz", SALTED).verify(), Err(ItemError::BadSignature));
    }

    #[test]
    fn verify_of_a_signed_item_succeeds_until_it_changes() {
        let item = Item::sign(&[7; 32], b"salt".to_vec(), 3, b"li1ei2ee".to_vec()).unwrap();
        assert_eq!(item.verify(), Ok(()));
        let Item::Mutable { key, salt, signature, value, .. } = item else { panic!("immutable") };
        let older = Item::Mutable { key, salt, seq: 2, signature, value };
        assert_eq!(older.verify(), Err(ItemError::BadSignature));
    }

    #[test]
    fn immutable_and_sign_with_invalid_parts_are_an_error() {
        let long = format!("997:{}", "x".repeat(997)).into_bytes();
        assert_eq!(Item::immutable(long), Err(ItemError::ValueTooLong { len: 1001 }));
        assert!(Item::immutable(format!("996:{}", "x".repeat(996)).into_bytes()).is_ok());
        assert!(matches!(Item::immutable(b"d1:bi1e1:ai1ee".to_vec()), Err(ItemError::NotBencode(_))));
        assert!(matches!(Item::immutable(b"i1ex".to_vec()), Err(ItemError::NotBencode(_))));
        let sign = |salt: usize, seq| Item::sign(&[1; 32], vec![0; salt], seq, b"i1e".to_vec());
        assert!(matches!(sign(65, 0), Err(ItemError::SaltTooLong { len: 65 })));
        assert!(matches!(sign(64, -1), Err(ItemError::NegativeSeq(-1))));
        assert!(sign(64, i64::MAX).is_ok());
    }
}
