//! Lists of torrents and networks that a tracker serves or refuses.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use ipnet::IpNet;
use ztor_base::SwarmId;
use ztor_tracker::swarms::Refusal;

/// Maximum length of a file, in bytes: more than a million info-hashes.
const MAX_FILE_LEN: u64 = 64 << 20;

/// Lists of what is served and of what is refused. Empty ones restrict nothing.
///
/// ```
/// use ipnet::IpNet;
/// use ztor_base::SwarmId;
/// use ztor_server::tracker::{Access, AccessList};
/// use ztor_tracker::swarms::Refusal;
///
/// let (torrent, other) = (SwarmId::new([1; 20]), SwarmId::new([2; 20]));
/// let network: IpNet = "192.0.2.0/24".parse()?;
/// let access = Access { allow: AccessList::new([torrent], []), deny: AccessList::new([], [network]) };
/// assert_eq!(access.refusal(&torrent, "198.51.100.7".parse()?), None);
/// assert_eq!(access.refusal(&torrent, "192.0.2.7".parse()?), Some(Refusal::AddressNotAllowed));
/// assert_eq!(access.refusal(&other, "198.51.100.7".parse()?), Some(Refusal::NotAllowed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// If it names torrents, no others are tracked; if it names networks, no other peers are served.
    pub allow: AccessList,
    /// Torrents and peers that are refused.
    pub deny: AccessList,
}

/// Info-hashes and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessList {
    torrents: BTreeSet<SwarmId>,
    /// First and last address of each range, of one family: sorted, apart from each other.
    ranges: Vec<(IpAddr, IpAddr)>,
}

/// Reasons why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is longer than 64 MiB.
    #[error("cannot read {}: it is longer than 64 MiB", .0.display())]
    TooLong(PathBuf),
    /// A line is not an entry.
    #[error("cannot read {}: line {line}: {entry:?} is neither an info-hash (40 or 64 hex digits) nor a network (192.0.2.0/24)", .path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Number of the line; the first is 1.
        line: usize,
        /// Its first 80 characters.
        entry: String,
    },
}

impl Access {
    /// Returns the reason why an announce of this torrent from this address is refused; `None` if it is not.
    pub fn refusal(&self, torrent: &SwarmId, ip: IpAddr) -> Option<Refusal> {
        let ip = ip.to_canonical();
        let is_served = self.allow.ranges.is_empty() || self.allow.has_address(ip);
        if !is_served || self.deny.has_address(ip) {
            return Some(Refusal::AddressNotAllowed);
        }
        let is_tracked = self.allow.torrents.is_empty() || self.allow.torrents.contains(torrent);
        (!is_tracked || self.deny.torrents.contains(torrent)).then_some(Refusal::NotAllowed)
    }
}

impl AccessList {
    /// Makes a list of torrents and networks.
    pub fn new(
        torrents: impl IntoIterator<Item = SwarmId>,
        networks: impl IntoIterator<Item = IpNet>,
    ) -> Self {
        let mut ranges: Vec<_> = networks.into_iter().map(range).collect();
        ranges.sort_unstable();
        // A range that starts before the end of the last is merged with it.
        ranges.dedup_by(|next, last| {
            let overlaps = next.0 <= last.1;
            if overlaps {
                last.1 = last.1.max(next.1);
            }
            overlaps
        });
        Self { torrents: torrents.into_iter().collect(), ranges }
    }

    /// Reads a file with an info-hash, an address or a network in each line. `#` starts a comment.
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        let failed = |source| AccessError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        file.take(MAX_FILE_LEN + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_FILE_LEN {
            return Err(AccessError::TooLong(path.to_owned()));
        }
        Self::parse(path, &text)
    }

    /// Parses the text of a list. `path` is for errors.
    fn parse(path: &Path, text: &str) -> Result<Self, AccessError> {
        let (mut torrents, mut networks) = (Vec::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            if let Some(hash) = info_hash(entry) {
                torrents.push(hash);
            } else if let Some(network) = network(entry) {
                networks.push(network);
            } else {
                let entry = entry.chars().take(80).collect();
                return Err(AccessError::Entry { path: path.to_owned(), line: at + 1, entry });
            }
        }
        Ok(Self::new(torrents, networks))
    }

    /// Returns the number of torrents and of networks. Networks that overlap count as one.
    pub fn counts(&self) -> (usize, usize) {
        (self.torrents.len(), self.ranges.len())
    }

    fn has_address(&self, ip: IpAddr) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= ip);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|&(_, last)| ip <= last)
    }
}

/// Returns the first and the last address of a network. IPv4 written as IPv6 counts as IPv4.
fn range(network: IpNet) -> (IpAddr, IpAddr) {
    let (first, last) = (network.network(), network.broadcast());
    let canonical = (first.to_canonical(), last.to_canonical());
    if canonical.0.is_ipv4() == canonical.1.is_ipv4() { canonical } else { (first, last) }
}

/// Parses a v1 info-hash, or a v2 one, of which trackers know the first 20 bytes.
fn info_hash(text: &str) -> Option<SwarmId> {
    let hash = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    if !matches!(hash.len(), 20 | 32) {
        return None;
    }
    Some(SwarmId::new(*hash.first_chunk()?))
}

/// Parses a network, or an address as one.
fn network(text: &str) -> Option<IpNet> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789ABCDEF01234567";

    fn list(text: &str) -> Result<AccessList, AccessError> {
        AccessList::parse(Path::new("list"), text)
    }

    fn refused(access: &Access, torrent: &str, ip: &str) -> Option<Refusal> {
        access.refusal(&info_hash(torrent).unwrap(), ip.parse().unwrap())
    }

    #[test]
    fn parse_of_hashes_networks_and_comments_reads_all() {
        let text = format!(
            "# mine\n{HASH}  # one\n\n{}\n192.0.2.0/24\r\n2001:db8::/32\n198.51.100.7\n",
            "0".repeat(64)
        );
        assert_eq!(list(&text).unwrap().counts(), (2, 3));
        assert_eq!(list("10.0.0.0/8\n10.1.0.0/16\n10.255.255.255\n11.0.0.0/8\n").unwrap().counts(), (0, 2));
        assert_eq!(list("").unwrap(), AccessList::default());
    }

    #[test]
    fn parse_of_a_bad_line_names_file_and_line() {
        for bad in ["0123", "192.0.2.0/33", "example.org", &HASH.replace('0', "g"), "192.0.2.1-192.0.2.9"] {
            let error = list(&format!("{HASH}\n{bad}\n")).unwrap_err();
            let expected = format!(
                "cannot read list: line 2: {bad:?} is neither an info-hash (40 or 64 hex digits) nor a network (192.0.2.0/24)"
            );
            assert_eq!(error.to_string(), expected);
        }
        let error = AccessList::read(Path::new("/nowhere/at-all")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nowhere/at-all: "), "{error}");
    }

    #[test]
    fn refusal_of_empty_lists_is_none() {
        assert_eq!(refused(&Access::default(), HASH, "192.0.2.1"), None);
    }

    #[test]
    fn refusal_follows_both_lists() {
        let other = "f".repeat(40);
        let allow = list(&format!("{HASH}\n192.0.2.0/24\n2001:db8::/32\n")).unwrap();
        let deny = list("192.0.2.128/25\n2001:db8:9::1").unwrap();
        let access = Access { allow: allow.clone(), deny };
        for (ip, expected) in [
            ("192.0.2.127", None),
            ("::ffff:192.0.2.1", None),
            ("2001:db8::1", None),
            ("192.0.2.128", Some(Refusal::AddressNotAllowed)),
            ("192.0.1.255", Some(Refusal::AddressNotAllowed)),
            ("2001:db8:9::1", Some(Refusal::AddressNotAllowed)),
            ("2001:db9::1", Some(Refusal::AddressNotAllowed)),
        ] {
            assert_eq!(refused(&access, HASH, ip), expected, "{ip}");
        }
        assert_eq!(refused(&access, &other, "192.0.2.1"), Some(Refusal::NotAllowed));
        let access = Access { allow: AccessList::default(), deny: allow };
        assert_eq!(refused(&access, HASH, "198.51.100.1"), Some(Refusal::NotAllowed));
        assert_eq!(refused(&access, &other, "198.51.100.1"), None);
    }

    #[test]
    fn refusal_of_v4_is_not_that_of_v6_with_the_same_bits() {
        let access = Access { deny: list("0.0.0.0/0").unwrap(), ..Access::default() };
        assert_eq!(refused(&access, HASH, "2001:db8::1"), None);
        assert_eq!(refused(&access, HASH, "192.0.2.1"), Some(Refusal::AddressNotAllowed));
        // All of IPv6 does not include IPv4 addresses that are written as IPv6.
        let access = Access { deny: list("::/0\n198.51.100.0/24\n").unwrap(), ..Access::default() };
        assert_eq!(refused(&access, HASH, "2001:db8::1"), Some(Refusal::AddressNotAllowed));
        assert_eq!(refused(&access, HASH, "198.51.100.1"), Some(Refusal::AddressNotAllowed));
        for ip in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert_eq!(refused(&access, HASH, ip), None, "{ip}");
        }
        let access = Access { deny: list("::ffff:192.0.2.0/120").unwrap(), ..Access::default() };
        assert_eq!(refused(&access, HASH, "192.0.2.1"), Some(Refusal::AddressNotAllowed));
    }
}
