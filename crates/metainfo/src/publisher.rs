//! Publishers of mutable torrents (BEP 46): a key whose owner says which torrent is current.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use percent_encoding::percent_decode_str;

use crate::magnet::{base_key, query_of, shown};
use crate::{InfoHashV1, MAX_MAGNET_LEN};

/// Maximum length of a salt in bytes (BEP 44).
pub const MAX_SALT_LEN: usize = 64;

/// A publisher: the key and the salt under which the DHT stores the info-hash of the current torrent.
///
/// ```
/// use ztor_metainfo::Publisher;
///
/// let link = "magnet:?xs=urn:btpk:8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e&s=6e";
/// let publisher: Publisher = link.parse()?;
/// assert_eq!(publisher.salt, b"n");
/// assert_eq!(publisher.to_string(), link);
/// # Ok::<(), ztor_metainfo::PublisherError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Publisher {
    /// Public key (Ed25519).
    pub key: [u8; 32],
    /// Salt, at most [`MAX_SALT_LEN`] bytes; often empty.
    pub salt: Vec<u8>,
}

/// Reason that a text is no link of a publisher.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// It is no magnet link, or has no `xs=urn:btpk:`.
    #[error("xs: no publisher in this text, expected a magnet link with `xs=urn:btpk:…`")]
    None,
    /// The key is invalid.
    #[error("xs: found `{0}`, expected `urn:btpk:` and a key of 64 hexadecimal digits")]
    Key(String),
    /// The salt is invalid.
    #[error("s: found `{0}`, expected a salt of at most 64 bytes in hexadecimal")]
    Salt(String),
}

impl FromStr for Publisher {
    type Err = PublisherError;

    fn from_str(link: &str) -> Result<Self, PublisherError> {
        let link = link.trim();
        if link.len() > MAX_MAGNET_LEN {
            return Err(PublisherError::None);
        }
        let unescaped = match query_of(link) {
            None => percent_decode_str(link).decode_utf8().ok(),
            Some(_) => None,
        };
        let query = query_of(unescaped.as_deref().unwrap_or(link)).ok_or(PublisherError::None)?;
        let (mut key, mut salt) = (None, None);
        for parameter in query.split('&') {
            let parameter = parameter.strip_prefix("amp;").unwrap_or(parameter);
            let Some((name, value)) = parameter.split_once('=') else { continue };
            let Ok(value) = percent_decode_str(value).decode_utf8() else { continue };
            match base_key(name).to_ascii_lowercase().as_str() {
                "xs" if key.is_none() => key = btpk(&value).map(ToOwned::to_owned),
                "s" if salt.is_none() => salt = Some(value.into_owned()),
                _ => {}
            }
        }
        let text = key.ok_or(PublisherError::None)?;
        let digits = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        let key = digits
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| PublisherError::Key(shown(&text)))?;
        let salt = match salt {
            None => Vec::new(),
            Some(text) => {
                let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
                bytes
                    .filter(|salt| salt.len() <= MAX_SALT_LEN)
                    .ok_or_else(|| PublisherError::Salt(shown(&text)))?
            }
        };
        Ok(Self { key, salt })
    }
}

/// Returns the value that the DHT stores for a torrent: a dictionary with its info-hash.
pub fn announced_value(info_hash: InfoHashV1) -> Vec<u8> {
    [&b"d2:ih20:"[..], info_hash.as_ref(), b"e"].concat()
}

/// Returns the info-hash in a value of the DHT; `None` if it is no value of a torrent. Hashes of v2 torrents are not defined.
pub fn announced_hash(value: &[u8]) -> Option<InfoHashV1> {
    let document = ztor_bencode::decode(value).ok()?;
    let hash: [u8; 20] = document.root().get(b"ih")?.as_bytes()?.try_into().ok()?;
    Some(InfoHashV1::new(hash))
}

/// Returns the digits of a key.
fn btpk(source: &str) -> Option<&str> {
    let (head, digits) = source.split_at_checked("urn:btpk:".len())?;
    head.eq_ignore_ascii_case("urn:btpk:").then_some(digits)
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "magnet:?xs=urn:btpk:{}", HEXLOWER.encode(&self.key))?;
        if !self.salt.is_empty() {
            write!(f, "&s={}", HEXLOWER.encode(&self.salt))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const KEY: &str = "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e";

    #[test]
    fn link_of_a_publisher_is_read_in_any_case_and_order() {
        for link in [
            format!("magnet:?xs=urn:btpk:{KEY}"),
            format!(" magnet:?dn=x&amp;s=&XS=URN:BTPK:{} ", KEY.to_ascii_uppercase()),
            format!("magnet%3A%3Fxs%3Durn%3Abtpk%3A{KEY}"),
            format!("magnet:?xs=http://other.example/&xs=urn:btpk:{KEY}"),
        ] {
            let publisher: Publisher = link.parse().unwrap();
            assert_eq!(
                (HEXLOWER.encode(&publisher.key), publisher.salt.len()),
                (KEY.to_owned(), 0),
                "{link}"
            );
        }
    }

    #[test]
    fn value_of_a_torrent_is_read_as_it_was_written() {
        let hash = InfoHashV1::new([7; 20]);
        assert_eq!(announced_hash(&announced_value(hash)), Some(hash));
        for bad in [&b"d2:ih19:aaaaaaaaaaaaaaaaaaae"[..], b"de", b"5:hello", b"d2:ihi1ee", b"x"] {
            assert_eq!(announced_hash(bad), None);
        }
    }

    #[test]
    fn link_without_a_sound_key_or_salt_is_an_error() {
        let none = format!("magnet:?xt=urn:btih:{}", "1".repeat(40));
        assert_eq!(none.parse::<Publisher>(), Err(PublisherError::None));
        assert_eq!("http://x/?xs=urn:btpk:".parse::<Publisher>(), Err(PublisherError::None));
        let short = format!("magnet:?xs=urn:btpk:{}", &KEY[2..]);
        assert!(matches!(short.parse::<Publisher>(), Err(PublisherError::Key(_))));
        let salt = format!("magnet:?xs=urn:btpk:{KEY}&s={}", "00".repeat(65));
        assert!(matches!(salt.parse::<Publisher>(), Err(PublisherError::Salt(_))));
    }
}
