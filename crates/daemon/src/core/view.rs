//! Rows of torrents for front ends.

use super::entry::{Entry, Load};
use crate::manager::Manager;
use ztor_api::{Fault, FaultKind, Moving, State, Torrent};
use ztor_policy::{Mode, Ratio, TorrentKey};
use ztor_session::{
    DiskFault, DiskFaultKind, TorrentState, TorrentStatus, TrackerIssue, TrackerState, TrackerStatus,
};

/// A torrent as front ends see it, with cheap access to single columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    key: TorrentKey,
    entry: &'a Entry,
    manager: &'a Manager,
}

impl<'a> View<'a> {
    pub(super) fn new(key: TorrentKey, entry: &'a Entry, manager: &'a Manager) -> Self {
        Self { key, entry, manager }
    }

    pub(crate) fn key(&self) -> TorrentKey {
        self.key
    }

    pub(crate) fn entry(&self) -> &'a Entry {
        self.entry
    }

    pub(super) fn policy(&self) -> &'a ztor_policy::Policy {
        self.manager.policy()
    }

    pub(crate) fn status(&self) -> Option<&'a TorrentStatus> {
        self.entry.status()
    }

    pub(crate) fn name(&self) -> &'a str {
        self.entry.record().shown_name()
    }

    pub(crate) fn hash(&self) -> String {
        self.entry.hashes().to_string()
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.manager.policy().tags().of(self.key)
    }

    /// Returns true if the torrent has the tag; the empty string is no tag.
    pub(crate) fn has_tag(&self, wanted: &str) -> bool {
        let mut tags = self.tags().peekable();
        if wanted.is_empty() { tags.peek().is_none() } else { tags.any(|tag| tag == wanted) }
    }

    /// Returns true if the torrent is in the category or below it; the empty string is no category.
    pub(crate) fn is_in_category(&self, wanted: &str) -> bool {
        match self.category() {
            None => wanted.is_empty(),
            Some(category) => {
                let rest = category.strip_prefix(wanted).filter(|_| !wanted.is_empty());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// Returns the path of the category; `None` if it has none.
    pub(crate) fn category(&self) -> Option<String> {
        let policy = self.manager.policy();
        policy.categories().path(policy.category(self.key)?)
    }

    /// Returns the host of the tracker that works, or of the first; `None` without trackers.
    pub(crate) fn tracker(&self) -> Option<&'a str> {
        let trackers = &self.status()?.trackers;
        let working = trackers.iter().find(|tracker| tracker.state == TrackerState::Working);
        host_of(&working.or(trackers.first())?.url)
    }

    pub(crate) fn state(&self) -> State {
        use ztor_policy::State as Decision;
        match self.entry.load() {
            Load::Failed { .. } => return State::Error,
            Load::Adding | Load::Pending | Load::Again { .. } => return State::Loading,
            Load::Loaded | Load::Leaving => {}
        }
        let state = self.status().map(|status| &status.state);
        match state {
            None => return State::Loading,
            Some(TorrentState::Unusable(_) | TorrentState::Stopped(_)) => return State::Error,
            Some(TorrentState::Checking { .. }) => return State::Checking,
            _ => {}
        }
        match self.entry.decision() {
            Some(Decision::Paused) => State::Paused,
            Some(Decision::GoalReached { .. }) => State::Done,
            Some(Decision::HeldBySchedule) => State::Scheduled,
            Some(Decision::Queued { .. }) => State::Queued,
            Some(Decision::Checking | Decision::QueuedForCheck) => State::Checking,
            Some(Decision::Fault) => State::Error,
            Some(Decision::Loading) | None => State::Loading,
            Some(Decision::Running { .. }) => match state {
                Some(TorrentState::Metadata { .. } | TorrentState::Waiting) => State::Metadata,
                Some(TorrentState::Seeding) => State::Seeding,
                // Paused in the session until it has carried out the start.
                Some(TorrentState::Paused) if self.left_bytes() == 0 => State::Seeding,
                _ => State::Downloading,
            },
        }
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        if let Load::Failed { fault, .. } = self.entry.load() {
            return Some(fault.clone());
        }
        match &self.status()?.state {
            TorrentState::Unusable(message) => {
                Some(Fault { kind: FaultKind::Metadata, message: message.clone() })
            }
            TorrentState::Stopped(fault) => Some(fault_of(fault)),
            _ => None,
        }
    }

    /// Returns true if the torrent transfers data.
    pub(crate) fn is_active(&self) -> bool {
        self.status().is_some_and(|status| status.down_per_s > 0 || status.up_per_s > 0)
    }

    /// Size of the wanted pieces in bytes.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.entry.record().size.map_or(0, |size| size.wanted_bytes)
    }

    pub(crate) fn left_bytes(&self) -> u64 {
        self.status().map_or(self.size_bytes(), |status| status.left_bytes)
    }

    /// Part of the wanted data that is present, or was checked, from 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        let size = self.size_bytes();
        match self.status().map(|status| &status.state) {
            Some(TorrentState::Checking { done, total }) if *total > 0 => {
                f64::from(*done) / f64::from(*total)
            }
            Some(TorrentState::Checking { .. }) => 0.0,
            _ if size == 0 => f64::from(u8::from(self.is_empty_and_done())),
            None => 0.0,
            _ => {
                let left = self.left_bytes().min(size);
                // Not 1 before the last byte, although the quotient may round to it.
                if left == 0 { 1.0 } else { ((size - left) as f64 / size as f64).min(0.999_999) }
            }
        }
    }

    /// Returns true if the torrent has no wanted data, and is known.
    fn is_empty_and_done(&self) -> bool {
        let is_seed = self.status().is_some_and(|status| status.left_bytes == 0);
        self.entry.record().size.is_some() && is_seed
    }

    /// Ratio in thousandths; `None` without data.
    pub(crate) fn ratio(&self) -> Option<Ratio> {
        let status = self.status()?;
        Ratio::of(status.uploaded_bytes, status.downloaded_bytes, self.size_bytes())
    }

    pub(crate) fn eta_s(&self) -> Option<u64> {
        let status = self.status().filter(|status| status.state == TorrentState::Downloading)?;
        status.left_bytes.checked_div(status.down_per_s)
    }

    /// Position in the queue, from 1.
    pub(crate) fn queue_position(&self) -> Option<usize> {
        self.entry.position().map(|position| position + 1)
    }

    pub(crate) fn swarm(&self) -> (Option<u32>, Option<u32>) {
        let trackers = || self.status().into_iter().flat_map(|status| &status.trackers);
        let most = |count: fn(&TrackerStatus) -> Option<u32>| trackers().filter_map(count).max();
        (most(|tracker| tracker.seeders), most(|tracker| tracker.leechers))
    }

    /// Returns the failure of the trackers, if none of them works.
    pub(crate) fn tracker_error(&self) -> Option<String> {
        self.tracker_issue().map(ToString::to_string)
    }

    /// Returns true if no tracker works, and one of them has failed.
    pub(crate) fn has_tracker_error(&self) -> bool {
        self.tracker_issue().is_some()
    }

    fn tracker_issue(&self) -> Option<&'a TrackerIssue> {
        let trackers = &self.status()?.trackers;
        let is_good = |tracker: &TrackerStatus| tracker.state == TrackerState::Working;
        if trackers.iter().any(is_good) {
            return None;
        }
        trackers.iter().find_map(|tracker| tracker.issue.as_ref())
    }

    /// Returns true if all wanted data is present.
    pub(crate) fn is_complete(&self) -> bool {
        let is_checking =
            matches!(self.status().map(|status| &status.state), Some(TorrentState::Checking { .. }));
        !is_checking && self.progress() >= 1.0
    }

    /// Returns the whole row.
    pub(crate) fn to_row(self) -> Torrent {
        let record = self.entry.record();
        let status = self.status();
        let size = record.size;
        let number = |of: fn(&TorrentStatus) -> u64| status.map_or(0, of);
        let (swarm_seeds, swarm_leechers) = self.swarm();
        Torrent {
            id: self.key.as_u64(),
            hash: self.hash(),
            hash_v2: self.entry.hashes().v2().map(|hash| hash.to_string()),
            name: self.name().to_owned(),
            state: self.state(),
            fault: self.fault(),
            progress: self.progress(),
            size_bytes: self.size_bytes(),
            total_bytes: size.map_or(0, |size| size.total_bytes),
            left_bytes: self.left_bytes(),
            down_per_s: number(|status| status.down_per_s),
            up_per_s: number(|status| status.up_per_s),
            downloaded_bytes: number(|status| status.downloaded_bytes),
            uploaded_bytes: number(|status| status.uploaded_bytes),
            ratio: self.ratio().map(|ratio| f64::from(ratio.as_thousandths()) / 1000.0),
            eta_s: self.eta_s(),
            peers: status.map_or(0, |status| status.peers),
            seeds: status.map_or(0, |status| status.seeds),
            swarm_seeds,
            swarm_leechers,
            queue_position: self.queue_position(),
            is_forced: self.manager.policy().mode(self.key) == Some(Mode::Forced),
            is_private: size.map(|size| size.is_private),
            category: self.category(),
            tags: self.tags().map(str::to_owned).collect(),
            dir: record.dir.to_string_lossy().into_owned(),
            added_unix_s: record.added_unix_s,
            finished_unix_s: record.finished_unix_s,
            active_s: status.map_or(0, |status| status.active_for.as_secs()),
            seeding_s: status.map_or(0, |status| status.seeding_for.as_secs()),
            limits: record.limits,
            is_sequential: record.is_sequential,
            is_ends_first: record.is_ends_first,
            is_super_seeding: record.is_super_seeding,
            tracker: self.tracker().map(str::to_owned),
            tracker_error: self.tracker_error(),
            moving: status
                .and_then(|status| status.moving)
                .map(|moving| Moving { done_bytes: moving.done_bytes, total_bytes: moving.total_bytes }),
            revision: self.entry.revision(),
        }
    }
}

/// Returns the host in a URL, without port and credentials.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let end = match host.strip_prefix('[') {
        Some(inner) => return inner.split_once(']').map(|(host, _)| host),
        None => host.find(':').unwrap_or(host.len()),
    };
    host.get(..end).filter(|host| !host.is_empty())
}

/// Returns the form for front ends.
pub(crate) fn fault_of(fault: &DiskFault) -> Fault {
    let kind = match fault.kind {
        DiskFaultKind::Full => FaultKind::Full,
        DiskFaultKind::Denied => FaultKind::Permission,
        DiskFaultKind::Gone => FaultKind::Missing,
        DiskFaultKind::Changed => FaultKind::Changed,
        DiskFaultKind::InTheWay => FaultKind::InTheWay,
        DiskFaultKind::Inconsistent => FaultKind::Metadata,
        DiskFaultKind::Io => FaultKind::Io,
    };
    Fault { kind, message: fault.message.clone() }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn host_of_a_url_has_neither_port_nor_credentials() {
        for (url, host) in [
            ("http://tracker.example:6969/announce", Some("tracker.example")),
            ("udp://t.example", Some("t.example")),
            ("https://me:secret@t.example:1/x?y", Some("t.example")),
            ("http://[2001:db8::1]:80/a", Some("2001:db8::1")),
            ("http://?x", None),
            ("nonsense", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
