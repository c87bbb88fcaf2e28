//! Local service discovery: announces to peers in the same network by multicast (BEP 14).

use std::fmt::Write;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ztor_base::SwarmId;

/// Maximum number of info-hashes in one announce. With the headers they stay below 1400 bytes (BEP 14).
pub const MAX_LOCAL_HASHES: usize = 20;
/// Maximum length of a cookie in bytes; longer ones are ignored.
const MAX_COOKIE_LEN: usize = 64;

/// An announce to the local network.
///
/// ```
/// use ztor_base::SwarmId;
/// use ztor_wire::LocalAnnounce;
///
/// let info_hashes = vec![SwarmId::new([0xab; 20])];
/// let announce = LocalAnnounce { port: 6881, info_hashes, cookie: Some("7f3a".to_owned()) };
/// let datagram = announce.encode("239.192.152.143:6771");
/// assert!(datagram.starts_with(b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n"));
/// assert_eq!(LocalAnnounce::decode(&datagram), Some(announce));
/// assert_eq!(LocalAnnounce::decode(b"M-SEARCH * HTTP/1.1\r\n\r\n"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAnnounce {
    /// TCP port that the sender listens on; never 0.
    pub port: u16,
    /// Swarms of the sender: 1 to [`MAX_LOCAL_HASHES`].
    pub info_hashes: Vec<SwarmId>,
    /// Token by which a sender recognizes its own announces; `None` if absent.
    pub cookie: Option<String>,
}

impl LocalAnnounce {
    /// Returns the datagram for a multicast group, given as `host:port`.
    pub fn encode(&self, group: &str) -> Vec<u8> {
        let mut text = format!("BT-SEARCH * HTTP/1.1\r\nHost: {group}\r\nPort: {}\r\n", self.port);
        for hash in self.info_hashes.iter().take(MAX_LOCAL_HASHES) {
            // Writing to a string cannot fail.
            let _ = write!(text, "Infohash: {}\r\n", HEXLOWER.encode(hash.as_ref()));
        }
        if let Some(cookie) = &self.cookie {
            let _ = write!(text, "cookie: {cookie}\r\n");
        }
        text.push_str("\r\n\r\n");
        text.into_bytes()
    }

    /// Decodes a datagram; `None` if it is no announce. Ignores unknown headers and invalid hashes.
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(datagram).ok()?;
        let mut lines = text.split("\r\n");
        if !lines.next()?.starts_with("BT-SEARCH * HTTP/1.") {
            return None;
        }
        let mut announce = Self { port: 0, info_hashes: Vec::new(), cookie: None };
        for (name, value) in lines.take(64).filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("port") {
                announce.port = value.parse().ok()?;
            } else if name.eq_ignore_ascii_case("infohash") && announce.info_hashes.len() < MAX_LOCAL_HASHES {
                let hash = HEXLOWER_PERMISSIVE.decode(value.as_bytes()).ok();
                announce.info_hashes.extend(hash.and_then(|hash| SwarmId::try_from(hash.as_slice()).ok()));
            } else if name.eq_ignore_ascii_case("cookie") && value.len() <= MAX_COOKIE_LEN {
                announce.cookie = Some(value.to_owned());
            }
        }
        (announce.port != 0 && !announce.info_hashes.is_empty()).then_some(announce)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decode_of_a_client_announce_reads_all_fields() {
        let text = "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 51413\r\n\
            Infohash: 0123456789ABCDEF0123456789abcdef01234567\r\nInfohash: xyz\r\ncookie: a1\r\nX: y\r\n\r\n\r\n";
        let announce = LocalAnnounce::decode(text.as_bytes()).unwrap();
        assert_eq!(announce.port, 51413);
        assert_eq!(announce.info_hashes.len(), 1);
        assert_eq!(announce.info_hashes[0].as_ref()[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(announce.cookie.as_deref(), Some("a1"));
    }

    #[test]
    fn decode_of_an_invalid_announce_is_none() {
        for text in [
            "",
            "M-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n",
            "BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: 0123456789abcdef0123456789abcdef01234567\r\n\r\n",
            "BT-SEARCH * HTTP/1.1\r\nPort: 70000\r\nInfohash: 0123456789abcdef0123456789abcdef01234567\r\n\r\n",
            "BT-SEARCH * HTTP/1.1\r\nPort: 6881\r\n\r\n",
        ] {
            assert_eq!(LocalAnnounce::decode(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn encoded_announce_decodes_to_the_same(
            port in 1..=u16::MAX,
            info_hashes in prop::collection::vec(any::<[u8; 20]>().prop_map(SwarmId::new), 1..=MAX_LOCAL_HASHES),
            cookie in prop::option::of("[a-z0-9]{1,20}"),
        ) {
            let announce = LocalAnnounce { port, info_hashes, cookie };
            let bytes = announce.encode("[ff15::efc0:988f]:6771");
            prop_assert!(bytes.len() < 1400);
            prop_assert_eq!(LocalAnnounce::decode(&bytes), Some(announce));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes: Vec<u8>) {
            let _ = LocalAnnounce::decode(&bytes);
        }
    }
}
