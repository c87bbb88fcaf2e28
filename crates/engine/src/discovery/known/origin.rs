//! Sources of addresses, and their shares of the list.

use crate::status::PeerSource;
use ztor_base::Host;

/// The source of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The user or the magnet link.
    Hand,
    /// An earlier run, which exchanged piece data with the address.
    Earlier,
    /// A tracker, by its [index](ztor_tracker::announcer::TrackerId::index).
    Tracker(usize),
    /// A node of the DHT (BEP 5).
    Dht(Host),
    /// Another peer (BEP 11).
    Pex(Host),
    /// The local network (BEP 14).
    Local(Host),
    /// The incoming peer itself, at this host.
    Incoming(Host),
    /// A hole punch relay (BEP 55).
    Holepunch(Host),
}

/// Value of a source, the highest first. Addresses of a better source are dialed first, and are not forgotten for those
/// of a worse one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// Given by hand, or known to have exchanged piece data.
    Kept,
    Tracker,
    Local,
    Incoming,
    Dht,
    Pex,
    Holepunch,
}

/// The single source that is accountable for an address until it is reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Teller {
    Tracker(usize),
    Host(Host),
}

impl Origin {
    pub(super) fn rank(self) -> Rank {
        match self {
            Self::Hand => Rank::Kept,
            Self::Tracker(_) | Self::Earlier => Rank::Tracker,
            Self::Local(_) => Rank::Local,
            Self::Incoming(_) => Rank::Incoming,
            Self::Dht(_) => Rank::Dht,
            Self::Pex(_) => Rank::Pex,
            Self::Holepunch(_) => Rank::Holepunch,
        }
    }

    pub(super) fn teller(self) -> Option<Teller> {
        match self {
            Self::Hand | Self::Earlier => None,
            Self::Tracker(id) => Some(Teller::Tracker(id)),
            Self::Dht(host)
            | Self::Pex(host)
            | Self::Local(host)
            | Self::Incoming(host)
            | Self::Holepunch(host) => Some(Teller::Host(host)),
        }
    }
}

impl Rank {
    pub(super) const ALL: [Self; 7] =
        [Self::Kept, Self::Tracker, Self::Local, Self::Incoming, Self::Dht, Self::Pex, Self::Holepunch];

    /// Returns the source as front ends show it.
    pub(super) fn source(self) -> PeerSource {
        match self {
            Self::Kept => PeerSource::User,
            Self::Tracker => PeerSource::Tracker,
            Self::Local => PeerSource::LocalDiscovery,
            Self::Incoming => PeerSource::Incoming,
            Self::Dht => PeerSource::Dht,
            Self::Pex => PeerSource::PeerExchange,
            Self::Holepunch => PeerSource::HolePunch,
        }
    }

    /// Returns the bit of this rank in the set of ranks that have named an address.
    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Returns the best of a set of ranks, except for [`Rank::Kept`].
    pub(super) fn best_of(bits: u8) -> Self {
        Self::ALL.into_iter().skip(1).find(|rank| bits & rank.bit() != 0).unwrap_or(Self::Holepunch)
    }

    /// Returns the maximum number of addresses of this rank.
    pub(super) fn quota(self) -> usize {
        match self {
            Self::Tracker => 2000,
            Self::Kept | Self::Dht | Self::Pex => 1000,
            Self::Incoming => 600,
            Self::Local => 200,
            Self::Holepunch => 100,
        }
    }

    /// Returns the maximum number of addresses of one teller that have not been reached. It is small for a host that
    /// mostly names itself.
    pub(super) fn quota_of_teller(self) -> usize {
        match self {
            Self::Tracker => 1000,
            Self::Dht | Self::Pex => 200,
            Self::Kept | Self::Local | Self::Incoming | Self::Holepunch => 8,
        }
    }
}
