//! The table of scenarios.

mod common;
mod crowds;
mod faults;
mod finding;
mod hostile;
mod leech_bans;
mod leeches;
mod managing;
mod random;
mod super_seeding;
mod swarms;
mod verbs;
mod web_seeds;

use crate::dht_world;
use crate::gateways;
use crate::group_limits;
use crate::hung_disk;
use crate::outcome::Outcome;
use crate::proxy_links;
use crate::utp_links;
use crate::world::World;
use fastrand::Rng;

/// A named simulation.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Unique name. Trace hashes depend on it.
    pub name: &'static str,
    /// Description in one line.
    pub about: &'static str,
    pub(crate) body: Body,
}

/// Code of a scenario.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// A swarm of engines with planned faults, in the common event loop.
    Swarm {
        build: fn(Rng) -> anyhow::Result<World>,
        /// Returns figures to print, and may record a failure.
        report: fn(&mut World) -> Vec<String>,
    },
    /// A simulation with its own event loop and checks. With `true` it prints trace lines at once.
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
    scenario("random", "a random mix of peers and faults", random::anything),
    reporting(
        scenario("flash-crowd", "50 leechers arrive at one seed", swarms::flash_crowd),
        swarms::report_flash_crowd,
    ),
    scenario("seed-leaves", "the only seed leaves after one copy", swarms::seed_leaves),
    reporting(
        scenario("first-copy", "a slow seed that shows all pieces", super_seeding::plain_seed),
        super_seeding::report,
    ),
    reporting(
        scenario("super-seeding", "the same seed hides its pieces", super_seeding::super_seed),
        super_seeding::report,
    ),
    scenario("super-seeding-toggled", "a seed that hides its pieces at times", super_seeding::toggled),
    scenario("loss", "every line loses 5 %", swarms::loss),
    scenario("far-away", "300 ms between any two peers", swarms::far_away),
    scenario("last-block", "a very slow peer holds the last requested blocks", swarms::last_block),
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
    scenario("flood", "peers that send messages without end", hostile::flood),
    scenario("nonsense", "peers that send invalid messages", hostile::nonsense),
    scenario("vanishing", "peers that fall silent during the download", hostile::vanishing),
    scenario("bad-trackers", "trackers that lie, stall, refuse and send garbage", hostile::bad_trackers),
    scenario("tracker-down", "the tracker is down for an hour", faults::tracker_down),
    scenario("private", "a private torrent with a UDP tracker", faults::private),
    scenario("partition", "the swarm is cut in two during the download", faults::partition),
    reporting(
        scenario("outage", "all peers are offline for ten minutes or an hour", faults::outage),
        faults::report_return,
    ),
    reporting(scenario("sleep", "two machines sleep for an hour", faults::sleep), faults::report_return),
    scenario("crash-in-turn", "every peer crashes, one after the other", faults::crash_in_turn),
    scenario("disk-full", "a disk is full and is freed", faults::disk_full),
    scenario("drive-gone", "a drive is unplugged and reconnected", faults::drive_gone),
    scenario("slow-disk", "a disk that is slower than the line", faults::slow_disk),
    own("leeches", "30 % of the peers take without end, in one of several ways", leeches::play),
    own(
        "leech-bans",
        "2,200 honest clients of all kinds, and cheaters, at a seed that bans",
        leech_bans::play,
    ),
    own("hung-disk", "one of two disks does not answer for minutes", hung_disk::play),
    scenario(
        "metadata-liars",
        "nine of ten peers do not send the metadata that they announce",
        finding::metadata_liars,
    ),
    reporting(
        scenario(
            "pex-only",
            "100 peers know one address, and find the others by peer exchange",
            finding::pex_only,
        ),
        finding::report_pex,
    ),
    scenario("dht-only", "30 peers find each other in the DHT", finding::dht_only),
    scenario("private-silence", "a private torrent among peers with a DHT", finding::private_silence),
    scenario("nat", "most peers are behind NATs", faults::nat),
    reporting(
        scenario(
            "meetings",
            "peers behind NATs connect by hole punching through a peer that uploads nothing",
            finding::meetings,
        ),
        finding::report_meetings,
    ),
    reporting(
        scenario(
            "squatters",
            "useless peers hold all connections before the seed arrives",
            crowds::squatters,
        ),
        crowds::report_late_seed,
    ),
    reporting(
        scenario(
            "squatters-64",
            "useless peers of one IPv6 /64 hold as many connections as they can",
            crowds::squatters_of_one_network,
        ),
        crowds::report_late_seed,
    ),
    reporting(
        scenario("made-up-peers", "peers send thousands of made-up addresses", crowds::made_up_peers),
        crowds::report_late_seed,
    ),
    scenario(
        "control-floods",
        "peers that each repeat one kind of message without end",
        crowds::control_floods,
    ),
    reporting(
        scenario("inconsistent", "a hybrid torrent whose halves disagree", crowds::inconsistent),
        crowds::report_inconsistent,
    ),
    scenario("super-seed", "the only seed announces one piece at a time", crowds::super_seeding),
    scenario("managing", "users give commands of all kinds at random", managing::managing),
    scenario("pausing", "clients are paused and resumed", verbs::pausing),
    scenario("rechecking", "data is checked again, some of it damaged", verbs::rechecking),
    scenario("priorities", "files are skipped, ranked, and wanted again", verbs::priorities),
    scenario(
        "editing-trackers",
        "all clients change their tracker, and change it back",
        verbs::editing_trackers,
    ),
    scenario("limits", "limits of torrents, groups and peers change under load", verbs::limits),
    reporting(
        scenario("moving", "files move between two disks during the download", verbs::moving),
        verbs::report_moving,
    ),
    own("gateways", "routers that forget, shorten, refuse and lie about mapped ports", gateways::play),
    own("proxies", "proxies that die, hang, refuse, move and come back", proxy_links::play),
    own("group-limits", "several torrents share the limits of nested groups", group_limits::play),
    scenario("removing", "a torrent is removed and added again", verbs::removing),
    scenario("lifting-bans", "a ban is lifted once its cause is gone", verbs::lifting_bans),
    scenario("finding-by-hand", "users add peers and announce again", verbs::finding_by_hand),
    scenario("web-seed-alone", "a web seed is the only source", web_seeds::alone),
    reporting(
        scenario("web-seed-fast", "a fast server without ranges is the only source", web_seeds::fast),
        web_seeds::report_fast,
    ),
    scenario("web-seeds-bad", "web seeds lie, stall, vanish, or are busy", web_seeds::bad),
    reporting(
        scenario("web-seeds-only", "clients whose only seeds are slow web seeds", web_seeds::no_seed),
        web_seeds::report_no_seed,
    ),
    own("dht-200", "a DHT of 200 nodes with churn, some of them hostile", dht_world::of_200),
    own("dht-2000", "the same with 2,000 nodes", dht_world::of_2000),
    own("dht-sybil", "400 identities gather around one torrent in the DHT", dht_world::against_sybils),
    own("utp-links", "throughput, queues and shares of µTP on links of all kinds", utp_links::table),
    own("utp-grid", "the same on many more links, and for longer", utp_links::grid),
];
