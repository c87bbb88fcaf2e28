//! The table of scenarios.

mod common;
mod faults;
mod finding;
mod hostile;
mod random;
mod swarms;

use crate::world::World;
use fastrand::Rng;

/// A world and what befalls it, under a name.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What `--scenario` takes.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    pub(crate) build: fn(&mut Rng) -> anyhow::Result<World>,
    /// Numbers worth printing; may find something wrong.
    pub(crate) report: fn(&mut World) -> Vec<String>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn scenario(
    name: &'static str,
    about: &'static str,
    build: fn(&mut Rng) -> anyhow::Result<World>,
) -> Scenario {
    Scenario { name, about, build, report: |_| Vec::new() }
}

const fn reporting(scenario: Scenario, report: fn(&mut World) -> Vec<String>) -> Scenario {
    Scenario { report, ..scenario }
}

/// All scenarios, the random one first.
pub const SCENARIOS: &[Scenario] = &[
    scenario("random", "anything of the below, and much at once", random::anything),
    reporting(
        scenario("flash-crowd", "50 leechers arrive at one seed", swarms::flash_crowd),
        swarms::report_flash_crowd,
    ),
    scenario("seed-leaves", "the only seed leaves after one copy", swarms::seed_leaves),
    scenario("loss", "every line loses 5 %", swarms::loss),
    scenario("far-away", "300 ms between any two peers", swarms::far_away),
    scenario("last-block", "a very slow peer holds what is asked for last", swarms::last_block),
    reporting(
        scenario("fairness", "a free rider among contributors", swarms::fairness),
        swarms::report_fairness,
    ),
    reporting(
        scenario("crowded-seed", "1,000 connections to one seed", swarms::crowded_seed),
        swarms::report_crowded,
    ),
    reporting(
        scenario("rate-limits", "limits both ways under load", swarms::rate_limits),
        swarms::report_limits,
    ),
    scenario("layouts", "piece sizes, files and layouts at random", swarms::layouts),
    scenario("formats", "v1, v2 and hybrid at random", swarms::formats),
    scenario("poisoning", "30 % of the peers send false blocks", hostile::poisoning),
    scenario("false-haves", "peers claim pieces they do not have", hostile::false_haves),
    scenario("slow-loris", "peers that send byte by byte", hostile::slow_loris),
    scenario("flood", "peers that never stop asking", hostile::flood),
    scenario("nonsense", "peers that speak nonsense", hostile::nonsense),
    scenario("vanishing", "peers that fall silent in the middle", hostile::vanishing),
    scenario("bad-trackers", "trackers that lie, stall, refuse and send garbage", hostile::bad_trackers),
    scenario("tracker-down", "the tracker is down for an hour", faults::tracker_down),
    scenario("private", "a private torrent, its tracker over UDP", faults::private),
    scenario("partition", "the swarm is cut in two in mid-download", faults::partition),
    scenario("crash-in-turn", "every peer crashes, one after the other", faults::crash_in_turn),
    scenario("disk-full", "a disk is full and is freed", faults::disk_full),
    scenario("drive-gone", "a drive is unplugged and comes back", faults::drive_gone),
    scenario("slow-disk", "a disk that is slower than the line", faults::slow_disk),
    scenario("metadata-liars", "nine of ten do not give the metadata they say they have", finding::metadata_liars),
    reporting(
        scenario("pex-only", "100 peers know one address, and find the others by exchange", finding::pex_only),
        finding::report_pex,
    ),
    scenario("dht-only", "30 peers find each other in the DHT", finding::dht_only),
    scenario("private-silence", "a private torrent among peers with a DHT", finding::private_silence),
    scenario("nat", "most peers cannot be called", faults::nat),
];
