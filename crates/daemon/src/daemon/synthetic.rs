//! Torrents without content, whose figures change all the time, to measure front ends.

use super::Daemon;
use crate::record::{Record, Size, bare_magnet};
use std::time::Duration;
use ztor_policy::{State, TorrentKey};
use ztor_session::{InfoHashes, Magnet, TorrentState, TorrentStatus, TrackerState, TrackerStatus};

/// Time between two rounds of changes.
const ROUND: Duration = Duration::from_millis(200);
/// Torrents of which one changes per second.
const CHANGES_SHARE: u64 = 20;
const NAMES: [&str; 8] = [
    "debian-13.2.0-amd64-netinst.iso",
    "Big Buck Bunny (2008) [1080p]",
    "archlinux-2026.11.01-x86_64.iso",
    "Sintel",
    "LibreOffice_26.2_Linux_x86-64_deb.tar.gz",
    "wikipedia_en_all_maxi_2026-10.zim",
    "Проект Гутенберг: собрание сочинений",
    "NASA Mars Perseverance raw images",
];

impl Daemon {
    /// Adds torrents without content, and changes one in twenty of them each second. They are not saved, and no verb
    /// works on them.
    pub fn add_synthetic(&self, count: u64) {
        let keys: Vec<TorrentKey> = (0..count).filter_map(|n| self.add_one(n)).collect();
        self.publish();
        let daemon = self.clone();
        self.0.runtime.spawn(async move {
            let per_round = (count / CHANGES_SHARE * ROUND.as_millis() as u64 / 1000).max(1);
            let mut rounds = tokio::time::interval(ROUND);
            let mut turn: u64 = 0;
            while !daemon.is_ending() && !keys.is_empty() {
                rounds.tick().await;
                daemon.with(|core| {
                    for _ in 0..per_round {
                        turn = turn.wrapping_add(1);
                        // A step that is prime to most counts reaches all of them in an order that looks random.
                        let at = turn.wrapping_mul(7919) % keys.len() as u64;
                        let Some(key) = keys.get(usize::try_from(at).unwrap_or_default()) else { continue };
                        core.pretend(*key, status(at, turn), decision(at));
                    }
                });
                daemon.publish();
            }
        });
    }

    /// Adds torrents without content, which do not change, to measure front ends at rest.
    pub fn add_still(&self, count: u64) {
        for n in 0..count {
            self.add_one(n);
        }
        self.publish();
    }

    fn add_one(&self, n: u64) -> Option<TorrentKey> {
        let magnet: Magnet = format!("magnet:?xt=urn:btih:{n:040x}").parse().ok()?;
        let hashes: InfoHashes = magnet.info_hashes;
        let total = size_of(n);
        let record = Record {
            magnet: bare_magnet(hashes),
            name: match usize::try_from(n).ok().and_then(|n| NAMES.get(n)) {
                Some(name) => (*name).to_owned(),
                None => format!("{} #{n}", NAMES[usize::try_from(n % 8).unwrap_or_default()]),
            },
            dir: format!(
                "/srv/{}",
                ["movies", "images", "books", "music"][usize::try_from(n % 4).unwrap_or_default()]
            )
            .into(),
            added_unix_s: 1_700_000_000 + n * 997 % 90_000_000,
            size: Some(Size {
                total_bytes: total,
                wanted_bytes: total,
                files: 1,
                is_private: n.is_multiple_of(9),
            }),
            ..Record::default()
        };
        self.with(|core| {
            let key = core.take_id();
            core.insert(key, hashes, record);
            core.pretend(key, status(n, n), decision(n));
            Some(key)
        })
    }
}

fn size_of(n: u64) -> u64 {
    (n * 7_654_321 % 40_000 + 1) << 18
}

fn decision(n: u64) -> State {
    match n % 10 {
        0 => State::Paused,
        1 => State::Queued { position: None },
        _ => State::Running { is_forced: false, is_slow: false },
    }
}

fn tracker(n: u64, turn: u64) -> TrackerStatus {
    let hosts = ["tracker.example.org", "open.example.net", "private.example.com"];
    TrackerStatus {
        url: format!("https://{}/announce", hosts[usize::try_from(n % 3).unwrap_or_default()]),
        tier: 0,
        state: TrackerState::Working,
        issue: None,
        announces_in: Some(Duration::from_secs(turn % 1800)),
        allowed_in: Some(Duration::ZERO),
        fails: 0,
        peers: Some(50),
        seeders: u32::try_from(turn % 500).ok(),
        leechers: u32::try_from(turn % 200).ok(),
        downloads: None,
        reported: Default::default(),
    }
}

/// Returns the status of a torrent after a number of changes.
fn status(n: u64, turn: u64) -> TorrentStatus {
    let size = size_of(n);
    let is_seed = !n.is_multiple_of(3);
    let runs = n % 10 > 1;
    let percent = if is_seed { 100 } else { (n + turn) % 100 };
    let rate = |most: u64, runs: bool| if runs { turn.wrapping_mul(2_654_435_761) % most } else { 0 };
    TorrentStatus {
        id: ztor_session::TorrentId::default(),
        state: match (runs, is_seed) {
            _ if n % 97 == 5 => {
                TorrentState::Checking { done: u32::try_from(turn % 100).unwrap_or_default(), total: 100 }
            }
            (false, _) => TorrentState::Paused,
            (true, true) => TorrentState::Seeding,
            (true, false) => TorrentState::Downloading,
        },
        have_bytes: size / 100 * percent,
        left_bytes: if is_seed { 0 } else { size - size / 100 * percent },
        have_pieces: 0,
        down_per_s: rate(9 << 20, runs && !is_seed),
        up_per_s: rate(3 << 20, runs),
        downloaded_bytes: size / 100 * percent,
        uploaded_bytes: size / 100 * (turn % 400),
        session_downloaded_bytes: 0,
        session_uploaded_bytes: 0,
        wasted_bytes: 0,
        peers: u32::try_from(turn % 80).unwrap_or_default(),
        seeds: u32::try_from(turn % 30).unwrap_or_default(),
        known_peers: 200,
        partial_pieces: 0,
        active_for: Duration::from_secs(3600),
        seeding_for: Duration::from_secs(if is_seed { 1800 } else { 0 }),
        idle_for: None,
        moving: None,
        trackers: vec![tracker(n, turn)],
    }
}
