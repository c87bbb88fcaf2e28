//! X.509 certificates, as far as signed torrents need them (BEP 35): the subject and the public key.

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sha2::Digest;

/// Maximum accepted length of a certificate in bytes.
pub const MAX_CERTIFICATE_LEN: usize = 16 * 1024;
/// Maximum length of a shown common name, in characters.
const MAX_NAME_LEN: usize = 100;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
/// Context tag 0, constructed: the version.
const VERSION: u8 = 0xa0;

const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The subject and the public key of a certificate. Its issuer, its time and its own signature are not checked: a torrent is
/// signed by whoever has the key, and the user decides whether to trust it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// Common name of the subject, without control characters, at most 100 characters; `None` if it has none.
    pub common_name: Option<String>,
    kind: Key,
    key: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Key {
    Rsa,
    P256,
    P384,
    Ed25519,
    Other,
}

/// Result of the check of a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The owner of the key has signed these bytes.
    Valid,
    /// The signature does not match.
    Invalid,
    /// The key is of an unsupported kind. RSA, ECDSA on P-256 and P-384, and Ed25519 are supported.
    Unsupported,
}

/// Reader of DER: tag, length and content of each value.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Takes the next value. Returns its tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk::<2>()?;
        let len = match first {
            0..=0x7f => usize::from(first),
            // Longer lengths exceed MAX_CERTIFICATE_LEN.
            0x81 => {
                let (&len, after) = rest.split_first()?;
                rest = after;
                usize::from(len)
            }
            0x82 => {
                let (len, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                usize::from(u16::from_be_bytes(*len))
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(len)?;
        self.0 = after;
        Some((tag, content))
    }

    /// Takes the next value, which must have this tag.
    fn take(&mut self, expected: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == expected).map(|(_, content)| content)
    }

    /// Takes the next sequence.
    fn sequence(&mut self) -> Option<Reader<'a>> {
        self.take(SEQUENCE).map(Reader)
    }
}

impl Certificate {
    /// Reads a certificate in DER. Returns `None` if it is none, or is longer than [`MAX_CERTIFICATE_LEN`].
    pub fn from_der(der: &[u8]) -> Option<Self> {
        if der.len() > MAX_CERTIFICATE_LEN {
            return None;
        }
        let mut fields = Reader(der).sequence()?.sequence()?;
        let mut serial = fields.next()?;
        if serial.0 == VERSION {
            serial = fields.next()?;
        }
        let _ = serial;
        // The signature algorithm, the issuer and the time.
        for _ in 0..3 {
            fields.sequence()?;
        }
        let common_name = common_name(fields.sequence()?);
        let mut public = fields.sequence()?;
        let mut algorithm = public.sequence()?;
        let kind = match algorithm.take(OID)? {
            OID_RSA => Key::Rsa,
            OID_EC => match algorithm.take(OID)? {
                OID_P256 => Key::P256,
                OID_P384 => Key::P384,
                _ => Key::Other,
            },
            OID_ED25519 => Key::Ed25519,
            _ => Key::Other,
        };
        // The first byte is the number of unused bits.
        let key = public.take(BIT_STRING)?.strip_prefix(&[0])?;
        Some(Self { common_name, kind, key: key.to_vec() })
    }

    /// Returns the SHA-256 of a certificate in DER, in hexadecimal.
    pub fn fingerprint(der: &[u8]) -> String {
        data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(der))
    }

    /// Checks a signature of `message`: over SHA-256 or SHA-1 with an RSA key (PKCS #1 v1.5), over the hash that belongs to
    /// the curve with others.
    pub fn verify(&self, message: &[u8], signed: &[u8]) -> Verdict {
        let algorithms: &[&'static dyn VerificationAlgorithm] = match self.kind {
            Key::Rsa => &[
                &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                &signature::RSA_PKCS1_2048_8192_SHA512,
            ],
            Key::P256 => &[&signature::ECDSA_P256_SHA256_ASN1],
            Key::P384 => &[&signature::ECDSA_P384_SHA384_ASN1],
            Key::Ed25519 => &[&signature::ED25519],
            Key::Other => return Verdict::Unsupported,
        };
        let is_valid = |algorithm: &&'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(*algorithm, &self.key).verify(message, signed).is_ok()
        };
        if algorithms.iter().any(is_valid) { Verdict::Valid } else { Verdict::Invalid }
    }
}

/// Returns the last common name of a subject.
fn common_name(mut subject: Reader<'_>) -> Option<String> {
    let mut name = None;
    while let Some(set) = subject.take(SET) {
        let mut part = Reader(set).sequence()?;
        if part.take(OID)? == OID_COMMON_NAME {
            let (_, text) = part.next()?;
            let text = String::from_utf8_lossy(text);
            let plain: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME_LEN).collect();
            name = Some(plain).filter(|name| !name.trim().is_empty());
        }
    }
    name
}
