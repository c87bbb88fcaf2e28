use std::fmt;
use std::ops::Range;

/// A decoded input: a flat tape of nodes over the borrowed bytes.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    input: &'a [u8],
    /// Nodes in input order, the root first; never empty.
    nodes: Vec<Node>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(input: &'a [u8], nodes: Vec<Node>) -> Self {
        Self { input, nodes }
    }

    /// Returns the outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { input: self.input, nodes: &self.nodes, node: self.nodes[0], index: 0 }
    }
}

/// Type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An integer.
    Int,
    /// A byte string.
    Bytes,
    /// A list.
    List,
    /// A dictionary.
    Dict,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int => "an integer",
            Self::Bytes => "a string",
            Self::List => "a list",
            Self::Dict => "a dictionary",
        })
    }
}

/// One value on the tape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    start: u32,
    end: u32,
    /// Index of the node after this one and its descendants.
    next: u32,
    kind: Kind,
    /// Bytes before the content: the type letter, or a string's length and colon.
    header: u8,
}

impl Node {
    /// Creates a node. The casts are lossless: the decoder rejects inputs of 4 GiB or more and long numbers.
    pub(crate) fn new(kind: Kind, start: usize, header: usize, end: usize, next: usize) -> Self {
        Self { start: start as u32, end: end as u32, next: next as u32, kind, header: header as u8 }
    }

    pub(crate) fn close(&mut self, end: usize, next: usize) {
        self.end = end as u32;
        self.next = next as u32;
    }
}

/// A handle to a value of a [`Document`], cheap to copy.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    input: &'d [u8],
    nodes: &'d [Node],
    node: Node,
    index: u32,
}

impl<'d> Value<'d> {
    /// Returns the type of this value.
    pub fn kind(&self) -> Kind {
        self.node.kind
    }

    /// Returns the position of the encoded value in the input, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.node.start as usize..self.node.end as usize
    }

    /// Returns the encoded value as it is in the input.
    pub fn raw(&self) -> &'d [u8] {
        &self.input[self.span()]
    }

    /// Returns the content of a string; `None` for other types.
    pub fn as_bytes(&self) -> Option<&'d [u8]> {
        (self.kind() == Kind::Bytes).then(|| &self.raw()[usize::from(self.node.header)..])
    }

    /// Returns the content of a string; `None` for other types and invalid UTF-8.
    pub fn as_str(&self) -> Option<&'d str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Returns an integer; `None` for other types and outside the range of `i64`.
    pub fn as_int(&self) -> Option<i64> {
        self.digits()?.parse().ok()
    }

    /// Returns an integer; `None` for other types and outside the range of `u64`.
    pub fn as_uint(&self) -> Option<u64> {
        // `-0`, which lenient mode accepts, has a sign but is not negative.
        let digits = self.digits()?;
        digits.parse().ok().or_else(|| digits.strip_prefix('-')?.parse().ok().filter(|&n: &u64| n == 0))
    }

    /// Returns the value of a dictionary key; `None` if it is missing and for other types. Searches linearly: use
    /// [`Value::entries`] to read many keys of a large dictionary.
    pub fn get(&self, key: &[u8]) -> Option<Value<'d>> {
        self.entries().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Returns the items of a list; empty for other types.
    pub fn items(&self) -> Items<'d> {
        Items { rest: self.children(Kind::List) }
    }

    /// Returns the keys and values of a dictionary in input order; empty for other types.
    pub fn entries(&self) -> Entries<'d> {
        Entries { rest: self.children(Kind::Dict) }
    }

    fn children(&self, kind: Kind) -> Rest<'d> {
        let end = if self.kind() == kind { self.node.next } else { 0 };
        Rest { input: self.input, nodes: self.nodes, at: self.index + 1, end }
    }

    fn digits(&self) -> Option<&'d str> {
        if self.kind() != Kind::Int {
            return None;
        }
        let raw = self.raw();
        std::str::from_utf8(&raw[1..raw.len() - 1]).ok()
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Int => f.write_str(self.digits().unwrap_or_default()),
            Kind::Bytes => write!(f, "\"{}\"", self.as_bytes().unwrap_or_default().escape_ascii()),
            Kind::List => f.debug_list().entries(self.items()).finish(),
            Kind::Dict => {
                let entries = self.entries().map(|(key, value)| (key.escape_ascii().to_string(), value));
                f.debug_map().entries(entries).finish()
            }
        }
    }
}

/// Compares the encoded values.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

/// Iterator over the direct children of a list or dictionary.
#[derive(Clone)]
struct Rest<'d> {
    input: &'d [u8],
    nodes: &'d [Node],
    at: u32,
    end: u32,
}

impl<'d> Rest<'d> {
    fn next(&mut self) -> Option<Value<'d>> {
        if self.at >= self.end {
            return None;
        }
        let index = self.at;
        let node = self.nodes[index as usize];
        self.at = node.next;
        Some(Value { input: self.input, nodes: self.nodes, node, index })
    }
}

/// Iterator over the items of a list; see [`Value::items`].
#[derive(Clone)]
pub struct Items<'d> {
    rest: Rest<'d>,
}

impl<'d> Iterator for Items<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest.next()
    }
}

/// Iterator over the entries of a dictionary; see [`Value::entries`].
#[derive(Clone)]
pub struct Entries<'d> {
    rest: Rest<'d>,
}

impl<'d> Iterator for Entries<'d> {
    type Item = (&'d [u8], Value<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.rest.next()?.as_bytes()?;
        Some((key, self.rest.next()?))
    }
}
