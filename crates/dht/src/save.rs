//! State that is kept from one run to the next.

use std::net::SocketAddr;

use ztor_bencode::{Limits, Mode, Tree, decode_with};

use crate::addr::read_compact;
use crate::krpc::compact_contacts;
use crate::{Contact, Family, NodeId, PerFamily};

/// Maximum number of nodes that are kept of a family.
pub(crate) const MAX_SAVED: usize = 200;

/// The ids and nodes of a [`Dht`](crate::Dht), with which its next run starts (BEP 5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// Our ids; `None` for a family without one.
    pub ids: PerFamily<Option<NodeId>>,
    /// Nodes of both families, at most 200 of each.
    pub nodes: Vec<Contact>,
}

/// Reason that bytes are no [`Saved`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SavedError {
    /// The bytes are not bencoded.
    #[error("cannot read the saved DHT nodes: {0}")]
    Bencode(#[from] ztor_bencode::Error),
    /// The value is no dictionary.
    #[error("cannot read the saved DHT nodes: expected a dictionary")]
    NotADictionary,
}

impl Saved {
    /// Returns the bencoded dictionary.
    pub fn to_bytes(&self) -> Vec<u8> {
        let of = |family| {
            let nodes = self.nodes.iter().filter(|node| Family::of(node.addr) == family);
            let nodes: Vec<_> = nodes.copied().take(MAX_SAVED).collect();
            Tree::Bytes(compact_contacts(&nodes))
        };
        let mut entries = vec![(&b"nodes"[..], of(Family::V4)), (b"nodes6", of(Family::V6))];
        let id = |id: NodeId| Tree::Bytes(id.as_bytes().to_vec());
        entries.extend(self.ids.v4.map(|v4| (&b"id"[..], id(v4))));
        entries.extend(self.ids.v6.map(|v6| (&b"id6"[..], id(v6))));
        Tree::dict(entries).to_vec()
    }

    /// Reads what [`Saved::to_bytes`] wrote. Parts of the wrong type count as absent.
    ///
    /// # Errors
    /// If the bytes are no bencoded dictionary.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedError> {
        let document = decode_with(bytes, Mode::Lenient, Limits { depth: 4, tokens: 64 })?;
        let root = document.root();
        if root.kind() != ztor_bencode::Kind::Dict {
            return Err(SavedError::NotADictionary);
        }
        let string = |key: &[u8]| root.get(key).and_then(|value| value.as_bytes());
        let id = |key: &[u8]| string(key).and_then(NodeId::from_slice);
        let nodes = |key: &[u8], width: usize, family: Family| {
            let chunks = string(key).unwrap_or_default().chunks_exact(width).take(MAX_SAVED);
            chunks.filter_map(contact).filter(move |node| Family::of(node.addr) == family)
        };
        let nodes = nodes(b"nodes", 26, Family::V4).chain(nodes(b"nodes6", 38, Family::V6)).collect();
        Ok(Self { ids: PerFamily { v4: id(b"id"), v6: id(b"id6") }, nodes })
    }
}

fn contact(bytes: &[u8]) -> Option<Contact> {
    let (id, addr) = bytes.split_at_checked(NodeId::LEN)?;
    let addr: SocketAddr = read_compact(addr)?;
    Some(Contact { id: NodeId::from_slice(id)?, addr })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn from_bytes_of_to_bytes_returns_the_original(
            v4: Option<[u8; 20]>, v6: Option<[u8; 20]>,
            nodes in proptest::collection::vec((any::<[u8; 20]>(), any::<[u8; 4]>(), 1u16..), 0..20),
            nodes6 in proptest::collection::vec((any::<[u8; 20]>(), any::<[u8; 8]>(), 1u16..), 0..20),
        ) {
            let v6_addr = |ip: [u8; 8], port| {
                let mut bytes = [0x20; 16];
                bytes[8..].copy_from_slice(&ip);
                SocketAddr::new(bytes.into(), port)
            };
            let nodes4 = nodes.into_iter().map(|(id, ip, port)| Contact {
                id: id.into(), addr: SocketAddr::new(ip.into(), port)
            });
            let nodes6 = nodes6.into_iter().map(|(id, ip, port)| Contact { id: id.into(), addr: v6_addr(ip, port) });
            let saved = Saved {
                ids: PerFamily { v4: v4.map(NodeId::new), v6: v6.map(NodeId::new) },
                nodes: nodes4.chain(nodes6).collect(),
            };
            prop_assert_eq!(Saved::from_bytes(&saved.to_bytes()), Ok(saved));
        }

        #[test]
        fn from_bytes_of_any_bytes_does_not_panic(bytes: Vec<u8>) {
            let _ = Saved::from_bytes(&bytes);
        }
    }

    #[test]
    fn from_bytes_with_mapped_ipv4_nodes_skips_them() {
        let mapped = [&[7; 20][..], &[0; 10], &[255, 255, 81, 1, 1, 1, 26, 225]].concat();
        let bytes = Tree::dict([("nodes6", Tree::Bytes(mapped))]).to_vec();
        assert_eq!(Saved::from_bytes(&bytes), Ok(Saved::default()));
    }

    #[test]
    fn from_bytes_without_a_dictionary_is_an_error() {
        assert_eq!(Saved::from_bytes(b"le"), Err(SavedError::NotADictionary));
        assert!(matches!(Saved::from_bytes(b"d"), Err(SavedError::Bencode(_))));
        assert_eq!(Saved::from_bytes(b"d2:idi1e5:nodes3:abce"), Ok(Saved::default()));
    }
}
