use std::collections::BTreeMap;

use crate::{Kind, Value};

/// An owned value for building documents. Dictionaries keep their keys sorted, so every tree can be encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tree {
    /// An integer.
    Int(i64),
    /// A string of bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Tree>),
    /// A dictionary.
    Dict(BTreeMap<Vec<u8>, Tree>),
}

impl Tree {
    /// Creates a dictionary of these entries; of equal keys the last one wins.
    pub fn dict<K: Into<Vec<u8>>>(entries: impl IntoIterator<Item = (K, Tree)>) -> Self {
        Self::Dict(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Returns the value of a dictionary key; `None` if it is missing and for other types.
    pub fn get(&self, key: &[u8]) -> Option<&Tree> {
        match self {
            Self::Dict(entries) => entries.get(key),
            _ => None,
        }
    }

    /// Returns the encoding.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out);
        out
    }

    /// Appends the encoding to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) => out.extend_from_slice(format!("i{value}e").as_bytes()),
            Self::Bytes(bytes) => write_string(bytes, out),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write_to(out));
                out.push(b'e');
            }
            Self::Dict(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    write_string(key, out);
                    value.write_to(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

/// Copies a value. Of equal keys the first one wins, as for [`Value::get`]. An integer outside the range of `i64`
/// becomes the nearest value in range. The maximum depth of a document
/// ([`Limits::MAX_DEPTH`](crate::Limits::MAX_DEPTH)) bounds the recursion.
impl From<Value<'_>> for Tree {
    fn from(value: Value<'_>) -> Self {
        match value.kind() {
            Kind::Int => Self::Int(
                value
                    .as_int()
                    .unwrap_or_else(|| if value.raw().starts_with(b"i-") { i64::MIN } else { i64::MAX }),
            ),
            Kind::Bytes => Self::Bytes(value.as_bytes().unwrap_or_default().to_vec()),
            Kind::List => Self::List(value.items().map(Self::from).collect()),
            Kind::Dict => {
                let mut entries = BTreeMap::new();
                for (key, value) in value.entries() {
                    entries.entry(key.to_vec()).or_insert_with(|| Self::from(value));
                }
                Self::Dict(entries)
            }
        }
    }
}

impl From<i64> for Tree {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Tree {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<Vec<u8>> for Tree {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Tree {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Tree {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl From<&str> for Tree {
    fn from(value: &str) -> Self {
        Self::Bytes(value.as_bytes().to_vec())
    }
}

impl From<String> for Tree {
    fn from(value: String) -> Self {
        Self::Bytes(value.into_bytes())
    }
}

impl From<Vec<Tree>> for Tree {
    fn from(value: Vec<Tree>) -> Self {
        Self::List(value)
    }
}

impl From<BTreeMap<Vec<u8>, Tree>> for Tree {
    fn from(value: BTreeMap<Vec<u8>, Tree>) -> Self {
        Self::Dict(value)
    }
}
