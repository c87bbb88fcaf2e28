//! Behaviour of scripted peers.

use std::net::SocketAddr;

/// Pieces that a scripted peer announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Nothing,
    Everything,
    /// Any set of pieces.
    Random,
    /// A bitfield of a wrong length.
    Nonsense,
}

/// Answer of a scripted peer to requests for metadata (BEP 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataManner {
    /// Sends wrong bytes of the right length.
    Lies,
    /// Announces a random length, and sends wrong bytes.
    LiesOfLength,
    /// Announces the metadata and never sends it.
    Silent,
    /// Announces the metadata and rejects requests.
    Refuses,
}

/// Kind of message that a flooder repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// Requests for many hashes each (BEP 52).
    Hashes,
    /// Requests for metadata (BEP 9).
    Metadata,
    /// Ports of the DHT (BEP 5).
    Ports,
    /// Extended handshakes (BEP 10).
    Handshakes,
    /// Repeated `have` messages.
    Haves,
    /// Made-up addresses of peers (BEP 11).
    Addresses,
    /// Requests for blocks, and cancels.
    Requests,
    /// Keep-alives (BEP 3).
    KeepAlives,
}

impl Flood {
    pub(crate) const ALL: [Self; 8] = [
        Self::Hashes,
        Self::Metadata,
        Self::Ports,
        Self::Handshakes,
        Self::Haves,
        Self::Addresses,
        Self::Requests,
        Self::KeepAlives,
    ];

    /// Returns true if it needs the extension protocol.
    pub(super) fn is_extended(self) -> bool {
        matches!(self, Self::Metadata | Self::Handshakes | Self::Addresses)
    }
}

/// Behaviour of a scripted peer.
#[derive(Debug, Clone)]
pub(crate) struct Character {
    pub(crate) name: &'static str,
    pub(crate) claim: Claim,
    pub(crate) is_fast: bool,
    /// True if it unchokes peers and answers requests.
    pub(crate) serves: bool,
    /// Falsified blocks, in thousandths.
    pub(crate) lies_permille: u32,
    /// True if it announces random pieces that it does not have.
    pub(crate) false_haves: bool,
    /// True if it requests blocks.
    pub(crate) downloads: bool,
    /// Number of received blocks after which it closes the connection; `None` never does.
    pub(crate) enough: Option<u64>,
    /// True if it connects again after that, as another peer.
    pub(crate) returns: bool,
    /// Announced pieces out of those of which it has received a block, in percent.
    pub(crate) announces_percent: u32,
    /// True if it requests the same few pieces again and again.
    pub(crate) has_favourites: bool,
    /// Number of served blocks after which it falls silent; `None` never does.
    pub(crate) vanishes_after: Option<u64>,
    /// Maximum number of bytes per tick and connection; `None` is unlimited.
    pub(crate) drip: Option<usize>,
    /// True if it sends many well-formed messages without purpose.
    pub(crate) floods: bool,
    /// True if it sends random or invalid messages.
    pub(crate) babbles: bool,
    /// Only kind of message that it sends; `None` is not limited to one.
    pub(crate) only: Option<Flood>,
    /// True if it is interested but requests nothing.
    pub(crate) is_interested: bool,
    /// True if it has another peer id on each connection.
    pub(crate) has_many_names: bool,
    /// True if it announces one piece at a time (BEP 16).
    pub(crate) super_seeds: bool,
    /// True if it ignores all received bytes.
    pub(crate) is_deaf: bool,
    /// True if it refuses connections.
    pub(crate) refuses: bool,
    /// Answer to requests for metadata; `None` does not announce the extension.
    pub(crate) metadata: Option<MetadataManner>,
    /// Addresses that it connects to.
    pub(crate) calls: Vec<SocketAddr>,
}

impl Character {
    /// Has everything and serves all peers.
    pub(crate) fn honest() -> Self {
        Self {
            name: "honest",
            claim: Claim::Everything,
            is_fast: true,
            serves: true,
            lies_permille: 0,
            false_haves: false,
            downloads: false,
            enough: None,
            returns: false,
            announces_percent: 0,
            has_favourites: false,
            vanishes_after: None,
            drip: None,
            floods: false,
            babbles: false,
            only: None,
            is_interested: false,
            has_many_names: false,
            super_seeds: false,
            is_deaf: false,
            refuses: false,
            metadata: None,
            calls: Vec::new(),
        }
    }

    /// Sends false blocks, sometimes or always.
    pub(crate) fn liar(permille: u32) -> Self {
        Self { name: "liar", lies_permille: permille, ..Self::honest() }
    }

    /// Announces pieces that it does not have, and serves nothing.
    pub(crate) fn braggart() -> Self {
        Self { name: "braggart", serves: false, false_haves: true, claim: Claim::Random, ..Self::honest() }
    }

    /// Downloads and never uploads.
    pub(crate) fn free_rider(calls: Vec<SocketAddr>) -> Self {
        let claim = Claim::Nothing;
        Self { name: "free rider", claim, serves: false, downloads: true, calls, ..Self::honest() }
    }

    /// Downloads some blocks and closes the connection.
    pub(crate) fn visitor(calls: Vec<SocketAddr>, blocks: u64) -> Self {
        Self { name: "visitor", enough: Some(blocks), ..Self::free_rider(calls) }
    }

    /// Downloads the same few pieces again and again, and announces them once.
    pub(crate) fn greedy(calls: Vec<SocketAddr>) -> Self {
        let free_rider = Self::free_rider(calls);
        Self { name: "greedy peer", announces_percent: 100, has_favourites: true, ..free_rider }
    }

    /// Downloads any blocks, and announces a part of the pieces.
    pub(crate) fn understating(calls: Vec<SocketAddr>) -> Self {
        Self { name: "understating peer", announces_percent: 10, ..Self::free_rider(calls) }
    }

    /// Downloads some blocks, closes the connection, and comes back as another peer without pieces.
    pub(crate) fn fickle(calls: Vec<SocketAddr>, blocks: u64) -> Self {
        let visitor = Self::visitor(calls, blocks);
        let returns = true;
        Self { name: "fickle peer", announces_percent: 100, returns, has_many_names: true, ..visitor }
    }

    /// Sends a few bytes at a time, until the other side closes.
    pub(crate) fn slow_loris(bytes: usize) -> Self {
        Self { name: "slow loris", drip: Some(bytes), ..Self::honest() }
    }

    /// Sends requests, cancels and `have` messages without end.
    pub(crate) fn flooder(calls: Vec<SocketAddr>) -> Self {
        Self { name: "flooder", floods: true, calls, claim: Claim::Random, ..Self::honest() }
    }

    /// Serves some blocks, and then falls silent.
    pub(crate) fn vanisher(blocks: u64) -> Self {
        Self { name: "vanisher", vanishes_after: Some(blocks), ..Self::honest() }
    }

    /// Sends invalid messages.
    pub(crate) fn babbler(calls: Vec<SocketAddr>) -> Self {
        Self { name: "babbler", babbles: true, claim: Claim::Nonsense, calls, ..Self::honest() }
    }

    /// Announces the metadata, and does not send the right bytes.
    pub(crate) fn metadata_liar(manner: MetadataManner) -> Self {
        Self { name: "metadata liar", metadata: Some(manner), serves: false, ..Self::honest() }
    }

    /// Keeps a connection open without uploads and downloads.
    pub(crate) fn squatter(calls: Vec<SocketAddr>) -> Self {
        Self {
            name: "squatter",
            claim: Claim::Nothing,
            serves: false,
            has_many_names: true,
            calls,
            ..Self::honest()
        }
    }

    /// Sends one kind of message without end.
    pub(crate) fn only(flood: Flood, calls: Vec<SocketAddr>) -> Self {
        Self { name: "flooder", only: Some(flood), is_interested: true, ..Self::squatter(calls) }
    }

    /// Has everything, and announces one piece after the other (BEP 16).
    pub(crate) fn super_seed() -> Self {
        Self { name: "super-seed", claim: Claim::Nothing, super_seeds: true, ..Self::honest() }
    }

    /// Accepts connections and never answers.
    pub(crate) fn deaf() -> Self {
        Self { name: "deaf", is_deaf: true, ..Self::honest() }
    }
}
