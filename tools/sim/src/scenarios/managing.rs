//! Swarms whose users give commands at random.

use super::common::{KIB, bare, clients, healed_after, secs};
use crate::action::Action;
use crate::content::Shape;
use crate::disk::{Health, LANES};
use crate::net::Line;
use crate::settings::Settings;
use crate::tracker::Manner;
use crate::verb::{Rates, TrackerChoice, Verb, Wanted};
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;

/// Number of groups of limits.
const GROUPS: u32 = 4;

/// Builds a swarm of clients of several kinds, whose users give all commands in any order.
pub(super) fn managing(mut rng: Rng) -> anyhow::Result<World> {
    let length = rng.u64(100 * KIB..1024 * KIB);
    let trackers = vec![vec!["http://t0.sim/announce".to_owned()]];
    let shape = Shape { trackers, ..Shape::random(&mut rng, length) };
    let mut world = bare(rng, &shape)?;
    for _ in 0..2 {
        let interval_s = world.core.rng.u32(30..120);
        world.add_tracker(Line::default(), Manner::Honest, interval_s);
    }
    let has_dht = !shape.private && world.core.rng.bool();
    let leechers = world.core.rng.usize(2..6);
    for number in 0..=leechers {
        let known = clients(&world);
        let (line, settings) = (line(&mut world.core.rng), settings(&mut world.core.rng, number == 0));
        // A client cannot know that the torrent of a link is private.
        let is_magnet = settings.is_magnet && !shape.private;
        let dht = has_dht.then(|| known.clone());
        let peers = if world.core.rng.bool() { known } else { Vec::new() };
        let nat = number > 0 && world.core.rng.u8(0..5) == 0;
        world.add_node(Line { nat, ..line }, Settings { dht, peers, is_magnet, ..settings });
    }
    let end = Duration::from_millis(world.core.rng.u64(5_000..120_000));
    for _ in 0..world.core.rng.usize(3..40) {
        let at = Duration::from_millis(world.core.rng.u64(0..end.as_millis() as u64));
        let node = world.core.rng.usize(0..=leechers);
        let verb = verb(&mut world.core.rng, node == 0, leechers + 1);
        world.plan(at, Action::Verb { node, verb });
    }
    for _ in 0..world.core.rng.usize(0..4) {
        let at = Duration::from_millis(world.core.rng.u64(0..end.as_millis() as u64));
        let node = world.core.rng.usize(0..=leechers);
        fault(&mut world, at, end, node);
    }
    healed_after(&mut world, end + secs(2));
    Ok(world)
}

fn line(rng: &mut Rng) -> Line {
    Line {
        up: [10, 30, 150][rng.usize(0..3)] * KIB,
        down: [50, 200, 8000][rng.usize(0..3)] * KIB,
        latency: Duration::from_millis([1, 20, 150][rng.usize(0..3)]),
        loss_permille: [0, 0, 10][rng.usize(0..3)],
        ..Line::default()
    }
}

fn settings(rng: &mut Rng, is_seed: bool) -> Settings {
    let limit = |rng: &mut Rng| (rng.u8(0..4) == 0).then(|| rng.u64(40..200) * KIB);
    Settings {
        is_seed,
        limit_down: limit(rng),
        limit_up: limit(rng),
        max_peers: rng.usize(8..40),
        max_peers_per_torrent: rng.usize(8..40),
        upload_slots: rng.usize(1..8),
        sequential: rng.u8(0..4) == 0,
        is_magnet: !is_seed && rng.u8(0..4) == 0,
        utp: rng.u8(0..4) == 0,
        ..Settings::leech(Vec::new())
    }
}

fn rates(rng: &mut Rng) -> Rates {
    let limit = |rng: &mut Rng| match rng.u8(0..8) {
        0..4 => None,
        4 => Some(0),
        _ => Some(rng.u64(20..300) * KIB),
    };
    Rates { down: limit(rng), up: limit(rng) }
}

/// Returns a random command. The only seed keeps its data.
fn verb(rng: &mut Rng, is_seed: bool, nodes: usize) -> Verb {
    match rng.u8(0..28) {
        0..3 => Verb::Pause,
        3..6 => Verb::Resume,
        6 | 7 => Verb::Recheck { damaged: if is_seed { 0 } else { rng.usize(0..4) } },
        8 => Verb::Reannounce,
        9 => Verb::Trackers(TrackerChoice::Other(rng.usize(0..2))),
        10 => Verb::Trackers(TrackerChoice::Own),
        11..14 => Verb::Priorities(Wanted::Random(rng.u64(..))),
        14 => Verb::Priorities(Wanted::All),
        15 => Verb::Sequential(rng.bool()),
        16 => Verb::EndsFirst(rng.bool()),
        17 => Verb::Limits(rates(rng)),
        18 => Verb::TorrentLimits(rates(rng)),
        19 => {
            let parent = rng.bool().then(|| rng.u32(0..GROUPS));
            Verb::GroupLimits { group: rng.u32(0..GROUPS), parent, rates: rates(rng) }
        }
        20 => Verb::Join(Some(rng.u32(0..GROUPS)).filter(|_| rng.u8(0..4) > 0)),
        21 => Verb::RemoveGroup(rng.u32(0..GROUPS)),
        22 => Verb::PeerLimits { peer: rng.usize(0..nodes), rates: rates(rng) },
        23 => Verb::AddPeers,
        24 => Verb::Remove { deletes: !is_seed && rng.bool() },
        25 => Verb::Add,
        26 => Verb::Move { lane: rng.usize(0..LANES) },
        _ => [Verb::Retry, Verb::LiftBans][rng.usize(0..2)],
    }
}

/// Plans a fault that ends before the others.
fn fault(world: &mut World, at: Duration, end: Duration, node: usize) {
    let rng = &mut world.core.rng;
    let back = at + Duration::from_millis(rng.u64(1..=1 + (end - at).as_millis() as u64));
    let host = world.nodes[node].host;
    let bad = [Health::Full, Health::Gone, Health::BadReads][rng.usize(0..3)];
    let (first, then) = match rng.u8(0..6) {
        0 | 1 => (Action::Crash { node, power_cut: rng.bool() }, Action::Restart { node }),
        2 => (Action::Disk { node, health: bad }, Action::Disk { node, health: Health::Fine }),
        3 => {
            let (lane, time) = (rng.usize(0..LANES), back - at);
            (Action::Hang { node, lane, time }, Action::Resume { node })
        }
        4 => (Action::Group { host, group: 1 }, Action::Heal),
        _ => (Action::Reset { node }, Action::Resume { node }),
    };
    world.plan(at, first);
    world.plan(back, then);
}
