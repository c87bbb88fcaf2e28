//! What a scripted peer is like.

use std::net::SocketAddr;

/// What it says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Nothing,
    Everything,
    /// Any set.
    Random,
    /// A bitfield that does not fit.
    Nonsense,
}

/// How a scripted peer gives metadata (BEP 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataManner {
    /// Other bytes, of the right length.
    Lies,
    /// Of another length.
    LiesOfLength,
    /// It has it, and never sends it.
    Silent,
    /// It has it, and refuses it.
    Refuses,
}

/// The one thing that a flooder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// Requests of hashes (BEP 52), each for many.
    Hashes,
    /// Requests of metadata (BEP 9).
    Metadata,
    /// Addresses of nodes of the DHT (BEP 5).
    Ports,
    /// Handshakes of extensions (BEP 10).
    Handshakes,
    /// Pieces that it has said before that it has.
    Haves,
    /// Addresses of peers (BEP 11), made up.
    Addresses,
    /// Requests of blocks that it takes back.
    Requests,
    /// Nothing (BEP 3).
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

    /// Whether it speaks of extensions.
    pub(super) fn is_extended(self) -> bool {
        matches!(self, Self::Metadata | Self::Handshakes | Self::Addresses)
    }
}

/// The habits of a scripted peer.
#[derive(Debug, Clone)]
pub(crate) struct Character {
    pub(crate) name: &'static str,
    pub(crate) claim: Claim,
    pub(crate) is_fast: bool,
    /// Unchokes, and answers requests.
    pub(crate) serves: bool,
    /// Blocks it falsifies, in thousandths.
    pub(crate) lies_permille: u32,
    /// Of the falsified blocks, those that are merely too short or somebody else's.
    pub(crate) false_haves: bool,
    /// Asks for blocks, and takes them.
    pub(crate) downloads: bool,
    /// Blocks until it has had enough and hangs up; a small world has many of such visitors.
    pub(crate) enough: Option<u64>,
    /// Falls silent after so many blocks.
    pub(crate) vanishes_after: Option<u64>,
    /// Sends no more than so many bytes a tick, on each connection.
    pub(crate) drip: Option<usize>,
    pub(crate) floods: bool,
    pub(crate) babbles: bool,
    /// Says this and nothing else.
    pub(crate) only: Option<Flood>,
    /// Says that it wants something, and asks for nothing.
    pub(crate) is_interested: bool,
    /// Is somebody else on each connection.
    pub(crate) has_many_names: bool,
    /// Shows one piece at a time.
    pub(crate) super_seeds: bool,
    /// Never reads what is said.
    pub(crate) is_deaf: bool,
    pub(crate) refuses: bool,
    /// What it does when asked for the metadata; `None` does not speak of it.
    pub(crate) metadata: Option<MetadataManner>,
    /// Whom it calls.
    pub(crate) calls: Vec<SocketAddr>,
}

impl Character {
    /// Has everything, serves everybody.
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

    /// Sends false blocks, now and then or always.
    pub(crate) fn liar(permille: u32) -> Self {
        Self { name: "liar", lies_permille: permille, ..Self::honest() }
    }

    /// Claims what it has not, and gives nothing.
    pub(crate) fn braggart() -> Self {
        Self { name: "braggart", serves: false, false_haves: true, claim: Claim::Random, ..Self::honest() }
    }

    /// Takes and never gives.
    pub(crate) fn free_rider(calls: Vec<SocketAddr>) -> Self {
        let claim = Claim::Nothing;
        Self { name: "free rider", claim, serves: false, downloads: true, calls, ..Self::honest() }
    }

    /// Takes some blocks and goes.
    pub(crate) fn visitor(calls: Vec<SocketAddr>, blocks: u64) -> Self {
        Self { name: "visitor", enough: Some(blocks), ..Self::free_rider(calls) }
    }

    /// Sends a few bytes at a time, for as long as it is let.
    pub(crate) fn slow_loris(bytes: usize) -> Self {
        Self { name: "slow loris", drip: Some(bytes), ..Self::honest() }
    }

    /// Asks, cancels and announces without end.
    pub(crate) fn flooder(calls: Vec<SocketAddr>) -> Self {
        Self { name: "flooder", floods: true, calls, claim: Claim::Random, ..Self::honest() }
    }

    /// Serves well, and then no more.
    pub(crate) fn vanisher(blocks: u64) -> Self {
        Self { name: "vanisher", vanishes_after: Some(blocks), ..Self::honest() }
    }

    /// Speaks nonsense.
    pub(crate) fn babbler(calls: Vec<SocketAddr>) -> Self {
        Self { name: "babbler", babbles: true, claim: Claim::Nonsense, calls, ..Self::honest() }
    }

    /// Says it has the metadata, and does not give what it should.
    pub(crate) fn metadata_liar(manner: MetadataManner) -> Self {
        Self { name: "metadata liar", metadata: Some(manner), serves: false, ..Self::honest() }
    }

    /// Holds a connection, and neither gives nor takes.
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

    /// Says one thing without end.
    pub(crate) fn only(flood: Flood, calls: Vec<SocketAddr>) -> Self {
        Self { name: "flooder", only: Some(flood), is_interested: true, ..Self::squatter(calls) }
    }

    /// Has everything, and shows one piece after the other (BEP 16).
    pub(crate) fn super_seed() -> Self {
        Self { name: "super-seed", claim: Claim::Nothing, super_seeds: true, ..Self::honest() }
    }

    /// Takes connections and never looks at them.
    pub(crate) fn deaf() -> Self {
        Self { name: "deaf", is_deaf: true, ..Self::honest() }
    }
}
