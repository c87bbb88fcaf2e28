//! The number of files and sockets that may be open at once.

use rustix::process::{Resource, getrlimit, setrlimit};
use ztor_storage::HandleCache;

/// Descriptors that are neither peers, files of torrents nor requests to trackers: sockets that listen, the threads' own,
/// and the files of the program that embeds the session.
const RESERVED: u64 = 128;
/// The most HTTP requests to trackers at a time.
const MAX_TRACKERS: usize = 256;
/// The fewest peers and kept files, however low the limit is.
const LEAST: u64 = 8;

/// The descriptors of the process, shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Connections.
    pub(crate) peers: usize,
    /// Connections that there could be, if as many were asked for.
    pub(crate) most_peers: usize,
    /// Files kept open to be used again.
    pub(crate) files: usize,
    /// HTTP requests to trackers.
    pub(crate) trackers: usize,
}

/// Raises the limit of open files as far as it goes, for the usual one is from other times, and shares it out:
/// `peers` is how many connections are asked for.
pub(crate) fn share(peers: usize) -> Share {
    let share = share_of(raise(), peers);
    if share.peers < peers {
        tracing::warn!(
            asked = peers,
            given = share.peers,
            "the limit of open files does not allow as many peers; raise it (ulimit -n)"
        );
    }
    share
}

/// `None` is no limit.
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

/// The limit after it was raised.
fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    if before.is_some() && before != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays");
            return before;
        }
    }
    limit.current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_files_and_the_rest_fit_the_limit() {
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
