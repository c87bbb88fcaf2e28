//! Addresses with which no data is exchanged: temporary bans of hosts and peers that sent bad data, bans by the user, and
//! the IP filter. [`Bans::blocked`] decides about all of them.

mod filter;
mod user;

pub use filter::{FilterHits, IpFilter};
pub use user::{MAX_USER_BANS, UserBan};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;
use user::UserBans;
use ztor_base::addr::is_local;
use ztor_base::{Duration, Host, Instant, PeerId};
use ztor_filter::IpRange;

/// Maximum number of remembered bans. Beyond it, the ban that ends first is forgotten.
pub(crate) const MAX_BANS: usize = 10_000;
/// Length of an author's first ban. Each further ban is twice as long, up to [`LONGEST_BAN`].
const FIRST_BAN: Duration = Duration::from_secs(3600);
const LONGEST_BAN: Duration = Duration::from_secs(24 * 3600);
/// Time after the end of a ban during which it still lengthens the next one.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of addresses of one banned peer that are not dialed.
const MAX_ADDRS: usize = 4;

/// The host or peer that is responsible for received data, and is banned if the data is bad.
///
/// ```
/// use ztor_base::{Host, PeerId};
/// use ztor_engine::{Author, BanReason};
///
/// let host = Author::Host(Host::of("2001:db8::7".parse()?));
/// assert_eq!(host.to_string(), "2001:db8::/64");
/// let peer = Author::Peer("192.168.1.7".parse()?, PeerId::new(*b"-TR4060-abcdefghijkl"));
/// assert_eq!(peer.to_string(), "192.168.1.7 (Transmission 4.0.6)");
/// assert_eq!(BanReason::BadData { piece: 3 }.to_string(), "bad data in piece 3");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Author {
    /// A host on the public network, with all its peers.
    Host(Host),
    /// One peer at a local address. Behind a port that a container or a tunnel forwards, all incoming connections have
    /// the same address.
    Peer(IpAddr, PeerId),
}

impl Author {
    /// Returns the author at an address: the peer if the address is local and the id is known, otherwise the host.
    pub(crate) fn of(ip: IpAddr, id: Option<PeerId>) -> Self {
        match id {
            Some(id) if is_local(ip) => Self::Peer(ip.to_canonical(), id),
            _ => Self::Host(Host::of(ip)),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Peer(ip, id) => write!(f, "{ip} ({id})"),
        }
    }
}

/// Reason of a ban: content that does not match the torrent's hashes, or downloads without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "kind", rename_all = "snake_case"))]
pub enum BanReason {
    /// Metadata of a magnet link.
    #[error("metadata that does not match the torrent")]
    BadMetadata,
    /// Hashes of a v2 torrent (BEP 52).
    #[error("hashes that do not match the torrent")]
    BadHashes,
    /// Data of a piece.
    #[error("bad data in piece {piece}")]
    BadData {
        /// Index of the piece.
        piece: u32,
    },
    /// Downloads far beyond the progress that the peer announces.
    #[error("{} MiB taken without progress", bytes >> 20)]
    Leech {
        /// Bytes that were sent to its host, less those that it has announced or given.
        bytes: u64,
    },
    /// Downloads that start over with each connection, if the defence is strict.
    #[error("{count} downloads within an hour that it did not continue")]
    Restarts {
        /// Number of downloads.
        count: u32,
    },
}

/// Reason why nothing is exchanged with an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Block {
    /// The host is banned for its behaviour.
    #[error("banned for its behaviour")]
    Misbehaviour,
    /// The user has banned the address.
    #[error("banned by the user")]
    User,
    /// The address is in the IP filter.
    #[error("in the IP filter")]
    Filter,
}

/// A ban that is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BanStatus {
    /// Banned host or peer.
    pub author: Author,
    /// Offence.
    pub reason: BanReason,
    /// Time until the ban ends.
    pub ends_in: Duration,
}

/// All bans of an engine, and its IP filter.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    filter: IpFilter,
    user: UserBans,
    hits: FilterHits,
    by_author: BTreeMap<Author, Ban>,
    /// Addresses of banned peers in local networks.
    addrs: BTreeMap<SocketAddr, Author>,
    /// Authors, ordered by the time until which their bans are remembered.
    order: BTreeSet<(Instant, Author)>,
}

#[derive(Debug)]
struct Ban {
    until: Instant,
    /// Number of bans of the author so far, including this one.
    count: u32,
    reason: BanReason,
    addrs: Vec<SocketAddr>,
}

impl Bans {
    /// Bans an author and returns the length of the ban; `None` if the author is already banned.
    pub(crate) fn add(&mut self, now: Instant, author: Author, reason: BanReason) -> Option<Duration> {
        let old = self.by_author.get(&author).filter(|ban| now < ban.until + REMEMBERED_FOR);
        if old.is_some_and(|ban| now < ban.until) {
            return None;
        }
        let count = old.map_or(0, |ban| ban.count).saturating_add(1);
        self.forget(author);
        while self.by_author.len() >= MAX_BANS
            && let Some((_, first)) = self.order.first().copied()
        {
            self.forget(first);
        }
        let doubled = FIRST_BAN * (1 << (count - 1).min(8));
        let ends_in = doubled.min(LONGEST_BAN);
        let until = now + ends_in;
        self.order.insert((until + REMEMBERED_FOR, author));
        self.by_author.insert(author, Ban { until, count, reason, addrs: Vec::new() });
        Some(ends_in)
    }

    /// Records the address of a banned local peer, which is not dialed while the ban lasts.
    pub(crate) fn listens(&mut self, author: Author, addr: SocketAddr) {
        let has_room = |ban: &&mut Ban| ban.addrs.len() < MAX_ADDRS;
        if matches!(author, Author::Peer(..))
            && let Some(ban) = self.by_author.get_mut(&author).filter(has_room)
            && self.addrs.insert(addr, author).is_none()
        {
            ban.addrs.push(addr);
        }
    }

    /// Returns true if an author is banned.
    pub(crate) fn has(&self, now: Instant, author: Author) -> bool {
        self.by_author.get(&author).is_some_and(|ban| now < ban.until)
    }

    /// Replaces the IP filter.
    pub(crate) fn set_filter(&mut self, filter: IpFilter) {
        self.filter = filter;
    }

    /// Replaces the bans by the user.
    pub(crate) fn set_user_bans(&mut self, now: Instant, bans: &[UserBan]) {
        self.user = UserBans::new(now, bans);
    }

    /// Returns the reason why no data is exchanged with this address; `None` if there is none.
    pub(crate) fn blocked(&self, now: Instant, ip: IpAddr) -> Option<Block> {
        if self.filter.has(ip) {
            Some(Block::Filter)
        } else if self.user.has(now, ip) {
            Some(Block::User)
        } else {
            self.has(now, Author::Host(Host::of(ip))).then_some(Block::Misbehaviour)
        }
    }

    /// Returns the reason to refuse an incoming connection, and counts it.
    pub(crate) fn refuses(&mut self, now: Instant, ip: IpAddr) -> Option<Block> {
        let block = self.blocked(now, ip);
        self.hits.incoming += u64::from(is_users(block));
        block
    }

    /// Returns true if an address must not be dialed.
    pub(crate) fn forbids(&self, now: Instant, addr: SocketAddr) -> bool {
        self.blocked(now, addr.ip()).is_some()
            || self.addrs.get(&addr).is_some_and(|author| self.has(now, *author))
    }

    /// Counts an address that was not dialed.
    pub(crate) fn note_undialed(&mut self, now: Instant, addr: SocketAddr) {
        self.hits.outgoing += u64::from(is_users(self.blocked(now, addr.ip())));
    }

    /// Returns the reason to close a connection after a change of the filter or of the bans by the user, and counts it.
    pub(crate) fn expels(&mut self, now: Instant, ip: IpAddr) -> Option<Block> {
        let block = self.blocked(now, ip).filter(|block| *block != Block::Misbehaviour);
        self.hits.closed += u64::from(block.is_some());
        block
    }

    /// Returns true if a datagram of the DHT from this address is dropped, and counts it.
    pub(crate) fn drops_datagram(&mut self, now: Instant, ip: IpAddr) -> bool {
        let is_dropped = self.filter.has(ip) || self.user.has(now, ip);
        self.hits.datagrams += u64::from(is_dropped);
        is_dropped
    }

    /// Drops datagrams to blocked addresses, of those after the first `kept`.
    pub(crate) fn drop_datagrams<T>(
        &mut self,
        now: Instant,
        datagrams: &mut Vec<T>,
        kept: usize,
        to: impl Fn(&T) -> IpAddr,
    ) {
        let mut at = 0;
        datagrams.retain(|datagram| {
            at += 1;
            at <= kept || !self.drops_datagram(now, to(datagram))
        });
    }

    /// Returns true if the filter applies to trackers.
    pub(crate) fn covers_trackers(&self) -> bool {
        self.filter.covers_trackers
    }

    /// Returns the effects of the filter and of the bans by the user so far.
    pub(crate) fn hits(&self) -> FilterHits {
        self.hits
    }

    /// Ends the bans of all hosts and peers in a range, and forgets them.
    pub(crate) fn lift_in(&mut self, range: IpRange) {
        let is_in = |author: &&Author| match author {
            Author::Host(host) => range.has(host.first()),
            Author::Peer(ip, _) => range.has(*ip),
        };
        let authors: Vec<Author> = self.by_author.keys().filter(is_in).copied().collect();
        authors.into_iter().for_each(|author| self.forget(author));
    }

    /// Ends a ban and forgets it. Returns false if the author is not banned.
    pub(crate) fn lift(&mut self, now: Instant, author: Author) -> bool {
        let was_banned = self.has(now, author);
        self.forget(author);
        was_banned
    }

    /// Returns the bans in force, ordered by author.
    pub(crate) fn list(&self, now: Instant) -> Vec<BanStatus> {
        let in_force = self.by_author.iter().filter(|(_, ban)| now < ban.until);
        in_force
            .map(|(author, ban)| BanStatus {
                author: *author,
                reason: ban.reason,
                ends_in: ban.until.since(now),
            })
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_author.len()
    }

    fn forget(&mut self, author: Author) {
        if let Some(ban) = self.by_author.remove(&author) {
            self.order.remove(&(ban.until + REMEMBERED_FOR, author));
            for addr in ban.addrs {
                self.addrs.remove(&addr);
            }
        }
    }
}

/// Returns true for a reason that the user has given.
fn is_users(block: Option<Block>) -> bool {
    block.is_some_and(|block| block != Block::Misbehaviour)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::sync::Arc;

    const HOUR: u64 = 3600;

    fn at(hours: u64) -> Instant {
        Instant::from_micros(hours * HOUR * 1_000_000)
    }

    fn author(text: &str) -> Author {
        Author::of(text.parse().unwrap(), Some(PeerId::from([7; 20])))
    }

    fn hours(bans: &mut Bans, now: u64) -> Option<u64> {
        bans.add(at(now), author("192.0.2.1"), BanReason::BadHashes).map(|ends_in| ends_in.as_secs() / HOUR)
    }

    #[test]
    fn add_after_the_end_of_a_ban_doubles_its_length() {
        let mut bans = Bans::default();
        assert_eq!((hours(&mut bans, 0), hours(&mut bans, 0)), (Some(1), None));
        assert!(bans.has(at(0), author("192.0.2.1")) && !bans.has(at(1), author("192.0.2.1")));
        assert_eq!(
            (hours(&mut bans, 2), hours(&mut bans, 10), hours(&mut bans, 20)),
            (Some(2), Some(4), Some(8))
        );
        assert_eq!(hours(&mut bans, 30), Some(16));
        assert_eq!((hours(&mut bans, 60), hours(&mut bans, 90)), (Some(24), Some(24)));
        assert_eq!(hours(&mut bans, 90 + 24 + 24), Some(1), "forgotten after a day");
    }

    #[test]
    fn add_bans_a_whole_ipv6_64_but_a_local_peer_alone() {
        let mut bans = Bans::default();
        bans.add(at(0), author("2001:db8:1:2::1"), BanReason::BadHashes);
        assert!(bans.refuses(at(0), "2001:db8:1:2:3::4".parse().unwrap()).is_some());
        let local = author("10.0.0.1");
        bans.add(at(0), local, BanReason::BadHashes);
        bans.listens(local, "10.0.0.1:5".parse().unwrap());
        assert!(bans.has(at(0), local) && bans.blocked(at(0), "10.0.0.1".parse().unwrap()).is_none());
        assert!(bans.forbids(at(0), "10.0.0.1:5".parse().unwrap()));
        assert!(
            !bans.forbids(at(0), "10.0.0.1:6".parse().unwrap())
                && !bans.forbids(at(1), "10.0.0.1:5".parse().unwrap())
        );
    }

    #[test]
    fn lift_of_a_ban_removes_every_index_entry() {
        let mut bans = Bans::default();
        let local = author("10.0.0.1");
        bans.add(at(0), local, BanReason::BadHashes);
        bans.listens(local, "10.0.0.1:5".parse().unwrap());
        let [status] = &bans.list(at(0))[..] else { unreachable!("one ban is listed") };
        assert_eq!((status.author, status.ends_in.as_secs()), (local, HOUR));
        assert!(bans.lift(at(0), local) && !bans.lift(at(0), local));
        assert!(bans.list(at(0)).is_empty() && bans.addrs.is_empty() && bans.order.is_empty());
    }

    #[test]
    fn add_beyond_the_bound_forgets_the_ban_that_ends_first() {
        let mut bans = Bans::default();
        let nth = |n: usize| Author::Host(Host::V4((n as u32).to_be_bytes()));
        for n in 0..MAX_BANS + 10 {
            bans.add(Instant::from_micros(n as u64), nth(n), BanReason::BadHashes);
        }
        assert_eq!((bans.len(), bans.order.len()), (MAX_BANS, MAX_BANS));
        assert!(!bans.has(at(0), nth(9)) && bans.has(at(0), nth(10)));
    }

    #[test]
    fn blocked_names_the_filter_the_user_and_the_behaviour() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut bans = Bans::default();
        bans.add(at(0), author("192.0.2.1"), BanReason::BadHashes);
        let range = |text: &str| text.parse::<IpRange>().unwrap();
        let user = [
            UserBan { range: range("198.51.100.0/24"), ends_in: Some(Duration::from_secs(HOUR)) },
            UserBan { range: range("198.51.100.7"), ends_in: None },
        ];
        bans.set_user_bans(at(0), &user);
        let table = Arc::new([range("203.0.113.0/24"), range("10.0.0.0/8")].into_iter().collect());
        bans.set_filter(IpFilter { table, spares_local: true, covers_trackers: false });
        for (hours, text, expected) in [
            (0, "192.0.2.1", Some(Block::Misbehaviour)),
            (1, "192.0.2.1", None),
            (0, "198.51.100.1", Some(Block::User)),
            (1, "198.51.100.1", None),
            (9, "198.51.100.7", Some(Block::User)),
            (9, "::ffff:203.0.113.9", Some(Block::Filter)),
            (0, "10.0.0.1", None),
        ] {
            assert_eq!(bans.blocked(at(hours), ip(text)), expected, "{text} after {hours} h");
        }
        bans.lift_in(range("192.0.2.0/28"));
        assert_eq!(bans.blocked(at(0), ip("192.0.2.1")), None);
    }

    #[test]
    fn drop_datagrams_leaves_those_before_and_to_others() {
        let mut bans = Bans::default();
        let table = Arc::new(["203.0.113.0/24".parse::<IpRange>().unwrap()].into_iter().collect());
        bans.set_filter(IpFilter { table, ..IpFilter::default() });
        let to = |text: &str| (text.parse::<SocketAddr>().unwrap(), ());
        let mut datagrams = vec![to("203.0.113.1:1"), to("203.0.113.2:1"), to("203.0.114.3:1")];
        bans.drop_datagrams(at(0), &mut datagrams, 1, |(to, _)| to.ip());
        assert_eq!(datagrams, [to("203.0.113.1:1"), to("203.0.114.3:1")]);
        assert_eq!(bans.hits().datagrams, 1);
    }
}
