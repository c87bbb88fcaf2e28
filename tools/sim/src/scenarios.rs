//! The table of scenarios.

mod common;
mod crowds;
mod faults;
mod finding;
mod hostile;
mod random;
mod swarms;

use crate::dht_world;
use crate::hung_disk;
use crate::outcome::Outcome;
use crate::utp_links;
use crate::world::World;
use fastrand::Rng;

/// Something to be played, under a name.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What `--scenario` takes.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    pub(crate) body: Body,
}

/// What is played.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// A swarm of engines and what befalls it, watched from outside.
    Swarm {
        build: fn(Rng) -> anyhow::Result<World>,
        /// Numbers worth printing; may find something wrong.
        report: fn(&mut World) -> Vec<String>,
    },
    /// Something that has a loop of its own and judges itself; with `true` it tells its story as it happens.
    Own(fn(Rng, bool) -> Outcome),
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn scenario(
    name: &'static str,
    about: &'static str,
    build: fn(Rng) -> anyhow::Result<World>,
) -> Scenario {
    Scenario { name, about, body: Body::Swarm { build, report: |_| Vec::new() } }
}

const fn reporting(scenario: Scenario, report: fn(&mut World) -> Vec<String>) -> Scenario {
    match scenario.body {
        Body::Swarm { build, .. } => Scenario { body: Body::Swarm { build, report }, ..scenario },
        Body::Own(_) => scenario,
    }
}

const fn own(name: &'static str, about: &'static str, play: fn(Rng, bool) -> Outcome) -> Scenario {
    Scenario { name, about, body: Body::Own(play) }
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
    reporting(
        scenario("outage", "nobody has a network for ten minutes or an hour", faults::outage),
        faults::report_return,
    ),
    reporting(scenario("sleep", "two machines sleep for an hour", faults::sleep), faults::report_return),
    scenario("crash-in-turn", "every peer crashes, one after the other", faults::crash_in_turn),
    scenario("disk-full", "a disk is full and is freed", faults::disk_full),
    scenario("drive-gone", "a drive is unplugged and comes back", faults::drive_gone),
    scenario("slow-disk", "a disk that is slower than the line", faults::slow_disk),
    own("hung-disk", "one of two disks does not answer for minutes", hung_disk::play),
    scenario(
        "metadata-liars",
        "nine of ten do not give the metadata they say they have",
        finding::metadata_liars,
    ),
    reporting(
        scenario(
            "pex-only",
            "100 peers know one address, and find the others by exchange",
            finding::pex_only,
        ),
        finding::report_pex,
    ),
    scenario("dht-only", "30 peers find each other in the DHT", finding::dht_only),
    scenario("private-silence", "a private torrent among peers with a DHT", finding::private_silence),
    scenario("nat", "most peers cannot be called", faults::nat),
    reporting(
        scenario(
            "meetings",
            "peers that nobody can call meet through one that gives nothing",
            finding::meetings,
        ),
        finding::report_meetings,
    ),
    reporting(
        scenario("squatters", "useless peers hold all places when the seed comes", crowds::squatters),
        crowds::report_late_seed,
    ),
    reporting(
        scenario(
            "squatters-64",
            "useless peers of one IPv6 /64 hold what they can get",
            crowds::squatters_of_one_network,
        ),
        crowds::report_late_seed,
    ),
    reporting(
        scenario("made-up-peers", "peers tell of thousands that are not there", crowds::made_up_peers),
        crowds::report_late_seed,
    ),
    scenario("control-floods", "peers that say one thing without end, of each kind", crowds::control_floods),
    reporting(
        scenario("inconsistent", "a hybrid torrent whose halves disagree", crowds::inconsistent),
        crowds::report_inconsistent,
    ),
    scenario("super-seeding", "the only seed shows one piece at a time", crowds::super_seeding),
    own("dht-200", "a DHT of 200 nodes that come and go, some of them hostile", dht_world::of_200),
    own("dht-2000", "the same of 2,000 nodes", dht_world::of_2000),
    own("dht-sybil", "400 identities gather around one torrent in the DHT", dht_world::against_sybils),
    own("utp-links", "throughput, queues and shares of µTP on links of all kinds", utp_links::table),
    own("utp-grid", "the same on many more links, and for longer", utp_links::grid),
];
