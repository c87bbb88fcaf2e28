//! The handshake dictionary of extended messages (BEP 10).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ztor_bencode::{Kind, Limits, Mode, Tree, Value, decode_with};

use crate::WireError;

/// Id of the extended handshake, which assigns all other ids of extended messages.
pub const EXTENDED_HANDSHAKE_ID: u8 = 0;

/// Maximum number of extensions kept from a peer's list.
const MAX_EXTENSIONS: usize = 64;
/// Maximum length of a kept extension name, in bytes.
const MAX_NAME_LEN: usize = 64;
/// Maximum length of a client name, in characters; the rest is cut off.
const MAX_CLIENT_LEN: usize = 64;

/// Payload of extended message 0: the abilities and the identity of a peer. Every field is optional, and a field of the
/// wrong type counts as absent.
///
/// A peer may send it again at any time; extensions that the new one does not name stay unchanged.
///
/// ```
/// use ztor_wire::{ExtendedHandshake, UT_HOLEPUNCH, UT_METADATA, UT_PEX};
///
/// let hello = ExtendedHandshake {
///     messages: vec![(UT_PEX.to_owned(), 1), (UT_METADATA.to_owned(), 2)],
///     client: Some("example 1.0".to_owned()),
///     metadata_size: Some(31_235),
///     ..ExtendedHandshake::default()
/// };
/// let read = ExtendedHandshake::decode(&hello.encode())?;
/// assert_eq!((read.id_of(UT_METADATA), read.id_of(UT_HOLEPUNCH)), (Some(2), None));
/// assert_eq!(read.client.as_deref(), Some("example 1.0"));
/// assert_eq!(read.metadata_size, Some(31_235));
/// # Ok::<(), ztor_wire::WireError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtendedHandshake {
    /// `m`: extension names, each with the id that its messages to the sender must carry; id 0 turns one off.
    pub messages: Vec<(String, u8)>,
    /// `v`: client name and version as the sender writes them, made safe to show.
    pub client: Option<String>,
    /// `p`: the TCP port that the sender listens on; never 0.
    pub port: Option<u16>,
    /// `reqq`: number of requests that the sender queues before it drops some.
    pub request_queue: Option<u32>,
    /// `yourip`: the receiver's address as the sender sees it.
    pub your_ip: Option<IpAddr>,
    /// `ipv4`: another address of the sender.
    pub ipv4: Option<Ipv4Addr>,
    /// `ipv6`: another address of the sender.
    pub ipv6: Option<Ipv6Addr>,
    /// `metadata_size`: length of the info dictionary in bytes (BEP 9), as claimed by the sender.
    pub metadata_size: Option<u32>,
    /// `upload_only`: set if the sender wants no data, whether it is complete or not (BEP 21).
    pub upload_only: bool,
}

impl ExtendedHandshake {
    /// Returns the id that messages of `extension` to the sender must carry; `None` if it does not accept them.
    pub fn id_of(&self, extension: &str) -> Option<u8> {
        self.messages.iter().find(|(name, id)| name == extension && *id != 0).map(|(_, id)| *id)
    }

    /// Returns the bencoded dictionary. Of extensions with equal names the last one wins.
    pub fn encode(&self) -> Vec<u8> {
        let messages = self.messages.iter().map(|(name, id)| (name.as_str(), Tree::Int(i64::from(*id))));
        let mut entries = vec![("m", Tree::dict(messages))];
        let mut put = |key, value: Option<Tree>| entries.extend(value.map(|value| (key, value)));
        put("v", self.client.as_ref().map(|v| Tree::Bytes(v.clone().into_bytes())));
        put("p", self.port.map(|p| Tree::Int(i64::from(p))));
        put("reqq", self.request_queue.map(|n| Tree::Int(i64::from(n))));
        put(
            "yourip",
            self.your_ip.map(|ip| match ip.to_canonical() {
                IpAddr::V4(ip) => Tree::Bytes(ip.octets().to_vec()),
                IpAddr::V6(ip) => Tree::Bytes(ip.octets().to_vec()),
            }),
        );
        put("ipv4", self.ipv4.map(|ip| Tree::Bytes(ip.octets().to_vec())));
        put("ipv6", self.ipv6.map(|ip| Tree::Bytes(ip.octets().to_vec())));
        put("metadata_size", self.metadata_size.map(|n| Tree::Int(i64::from(n))));
        put("upload_only", self.upload_only.then_some(Tree::Int(1)));
        Tree::dict(entries).to_vec()
    }

    /// Decodes the payload of extended message 0. Ignores bytes after the dictionary and the order of its keys: peers
    /// in the field get both wrong.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let document = decode_with(payload, Mode::Lenient, Limits { depth: 16, tokens: 4096 })?;
        let root = document.root();
        if root.kind() != Kind::Dict {
            return Err(WireError::NotADictionary);
        }
        Ok(Self {
            messages: root.get(b"m").map(messages).unwrap_or_default(),
            client: root.get(b"v").and_then(|v| v.as_bytes()).map(shown).filter(|v| !v.is_empty()),
            port: number(root, b"p").filter(|&port| port != 0),
            request_queue: number(root, b"reqq"),
            your_ip: root.get(b"yourip").and_then(|v| v.as_bytes()).and_then(packed_ip),
            ipv4: packed::<4>(root, b"ipv4").map(Ipv4Addr::from),
            ipv6: packed::<16>(root, b"ipv6").map(Ipv6Addr::from),
            metadata_size: number(root, b"metadata_size"),
            upload_only: number::<u64>(root, b"upload_only").is_some_and(|n| n != 0),
        })
    }
}

fn messages(m: Value<'_>) -> Vec<(String, u8)> {
    let known = m.entries().filter_map(|(name, id)| {
        let id = u8::try_from(id.as_uint()?).ok()?;
        let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME_LEN)?;
        Some((name.to_owned(), id))
    });
    known.take(MAX_EXTENSIONS).collect()
}

fn number<T: TryFrom<u64>>(dict: Value<'_>, key: &[u8]) -> Option<T> {
    T::try_from(dict.get(key)?.as_uint()?).ok()
}

fn packed<const N: usize>(dict: Value<'_>, key: &[u8]) -> Option<[u8; N]> {
    dict.get(key)?.as_bytes()?.try_into().ok()
}

fn packed_ip(bytes: &[u8]) -> Option<IpAddr> {
    match *bytes {
        [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        _ => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()),
    }
}

/// Makes a peer's text safe to show: one short line without control, invisible or direction-changing characters.
fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(MAX_CLIENT_LEN * 4)];
    let text = String::from_utf8_lossy(head);
    let visible = text.chars().filter(|&c| {
        let hidden = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        !hidden && !c.is_control()
    });
    visible.take(MAX_CLIENT_LEN).collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decode_of_a_client_handshake_reads_all_fields() {
        let bytes =
            b"d1:md11:ut_metadatai2e6:ut_pexi0e3:badi300ee13:metadata_sizei14317e1:pi6881e4:reqqi500e\
            11:upload_onlyi1e1:v16:libtorrent\t2.1.16:yourip4:\x7f\x00\x00\x01etrailing";
        let handshake = ExtendedHandshake::decode(bytes).unwrap();
        assert_eq!(handshake.messages, [("ut_metadata".to_owned(), 2), ("ut_pex".to_owned(), 0)]);
        assert_eq!(handshake.id_of("ut_metadata"), Some(2));
        assert_eq!(handshake.id_of("ut_pex"), None);
        assert_eq!(handshake.client.as_deref(), Some("libtorrent2.1.1"));
        assert_eq!((handshake.port, handshake.request_queue), (Some(6881), Some(500)));
        assert_eq!((handshake.metadata_size, handshake.upload_only), (Some(14317), true));
        assert_eq!(handshake.your_ip, Some(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn fields_of_the_wrong_type_count_as_absent() {
        let bytes = b"d1:mi1e13:metadata_sizei-1e1:pi70000e4:reqq1:x1:vle6:yourip3:abce";
        assert_eq!(ExtendedHandshake::decode(bytes), Ok(ExtendedHandshake::default()));
    }

    #[test]
    fn decode_of_anything_but_a_dictionary_is_an_error() {
        assert_eq!(ExtendedHandshake::decode(b"le"), Err(WireError::NotADictionary));
        assert!(matches!(ExtendedHandshake::decode(b"d1:m"), Err(WireError::Bencode(_))));
        assert!(matches!(ExtendedHandshake::decode(&[b'l'; 1000]), Err(WireError::Bencode(_))));
    }

    proptest! {
        #[test]
        fn encoded_handshake_decodes_to_the_same(
            messages in proptest::collection::btree_map("[a-z_]{1,20}", any::<u8>(), 0..5),
            client in proptest::option::of("[a-zA-Z0-9./-]{1,30}"), port in proptest::option::of(1..=u16::MAX),
            request_queue: Option<u32>, ip: Option<[u8; 4]>, ip6: Option<[u8; 16]>, metadata_size: Option<u32>,
            upload_only: bool,
        ) {
            let handshake = ExtendedHandshake {
                messages: messages.into_iter().collect(),
                client, port, request_queue,
                your_ip: ip6.map(|ip| IpAddr::from(ip).to_canonical()),
                ipv4: ip.map(Ipv4Addr::from), ipv6: ip6.map(Ipv6Addr::from),
                metadata_size, upload_only,
            };
            prop_assert_eq!(ExtendedHandshake::decode(&handshake.encode()), Ok(handshake));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes: Vec<u8>, at: prop::sample::Index, to: u8) {
            let _ = ExtendedHandshake::decode(&bytes);
            let mut near = b"d1:md11:ut_metadatai2ee1:pi6881e1:v3:abc6:yourip4:abcde".to_vec();
            let at = at.index(near.len());
            near[at] = to;
            let _ = ExtendedHandshake::decode(&near);
        }
    }
}
