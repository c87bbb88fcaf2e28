//! Division of the limit of open files among connections, files and requests to trackers.

use rustix::process::{Resource, getrlimit, setrlimit};
use ztor_storage::HandleCache;

/// Number of descriptors for everything else: listening sockets, threads, and files of the embedding program.
const RESERVED: u64 = 128;
/// Maximum number of concurrent HTTP requests to trackers.
const MAX_TRACKERS: usize = 256;
/// Minimum number of connections and of kept files, whatever the limit.
const LEAST: u64 = 8;

/// Division of the descriptors of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Number of connections.
    pub(crate) peers: usize,
    /// Maximum number of connections, if more are requested.
    pub(crate) most_peers: usize,
    /// Number of files kept open for reuse.
    pub(crate) files: usize,
    /// Number of concurrent HTTP requests to trackers.
    pub(crate) trackers: usize,
}

/// Raises the limit of open files as far as possible, as its usual value is too low, and divides it. `peers` is the
/// requested number of connections.
pub(crate) fn share(peers: usize) -> Share {
    let share = share_of(raise(), peers);
    if share.peers < peers {
        tracing::warn!(
            asked = peers,
            given = share.peers,
            "using fewer connections to fit the limit of open files; raise it (ulimit -n)"
        );
    }
    share
}

/// Divides a limit; `None` means no limit.
fn share_of(limit: Option<u64>, peers: usize) -> Share {
    let most_files = HandleCache::DEFAULT_LIMIT;
    let Some(limit) = limit else {
        return Share { peers, most_peers: usize::MAX, files: most_files, trackers: MAX_TRACKERS };
    };
    let rest = limit - RESERVED.min(limit / 4);
    let within = |share: u64, most: usize| usize::try_from(share.max(LEAST)).unwrap_or(most).min(most);
    let trackers = within(rest / 8, MAX_TRACKERS);
    let rest = rest - (trackers as u64).min(rest);
    let files = within(rest / 4, most_files);
    // Blocks on their way to peers hold their files open as well.
    let most_peers = within((rest - (files as u64).min(rest)) / 4 * 3, usize::MAX);
    Share { peers: peers.min(most_peers), most_peers, files, trackers }
}

/// Raises the limit. Returns the new one; `None` means no limit.
fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    if before.is_some() && before != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "cannot raise the limit of open files");
            return before;
        }
    }
    limit.current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_any_limit_fits_within_it() {
        let numbers = |share: Share| (share.peers, share.files, share.trackers);
        assert_eq!(numbers(share_of(None, 500)), (500, 512, 256));
        assert_eq!(numbers(share_of(Some(1 << 20), 500)), (500, 512, 256));
        assert_eq!(numbers(share_of(Some(1024), 400)), (400, 196, 112));
        for limit in [64, 256, 1024, 4096, 100_000] {
            let (peers, files, trackers) = numbers(share_of(Some(limit), 1_000_000));
            assert!((peers + files + trackers) as u64 <= limit - limit.min(4 * RESERVED) / 4, "{limit}");
            assert!(peers >= 8 && files >= 8 && trackers >= 6);
        }
        assert_eq!(numbers(share_of(Some(0), 500)), (8, 8, 8));
    }
}
