//! A random mix of peers, lines, trackers and faults.

use super::common::{KIB, MIB, bare, clients, everybody, healed_after};
use crate::action::Action;
use crate::actors::{Character, Flood};
use crate::content::Shape;
use crate::disk::Health;
use crate::net::{Line, Network};
use crate::settings::Settings;
use crate::tracker::Manner;
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;

pub(super) fn anything(mut rng: Rng) -> anyhow::Result<World> {
    let length = rng.u64(20 * KIB..3 * MIB / 2);
    let trackers = rng.usize(1..4);
    // At least one tracker is honest.
    let good = rng.usize(0..trackers);
    let url = |n: usize, rng: &mut Rng| {
        if rng.bool() { format!("http://t{n}.sim/announce") } else { format!("udp://t{n}.sim:6881/a") }
    };
    let urls: Vec<Vec<String>> = (0..trackers).map(|n| vec![url(n, &mut rng)]).collect();
    let shape = Shape { trackers: urls, ..Shape::random(&mut rng, length) };
    let mut world = bare(rng, &shape)?;
    for n in 0..trackers {
        let bad = [Manner::Honest, Manner::Lying, Manner::Stalling, Manner::Garbage, Manner::Refusing];
        let manner = if n == good { Manner::Honest } else { bad[world.core.rng.usize(0..bad.len())] };
        let interval_s = world.core.rng.u32(30..120);
        world.add_tracker(Line::default(), manner, interval_s);
    }
    // At least one seed accepts connections, and has only temporary faults.
    let rng = &mut world.core.rng;
    let (line_of_seed, settings_of_seed) = (line(rng), settings(rng, true));
    world.add_node(Line { nat: false, ..line_of_seed }, settings_of_seed);
    let known = everybody(&world);
    for _ in 0..world.core.rng.usize(1..7) {
        let rng = &mut world.core.rng;
        let is_seed = rng.u8(0..5) == 0;
        let mut settings = settings(rng, is_seed);
        if rng.bool() && !shape.private {
            settings.peers.clone_from(&known);
        }
        let line = line(rng);
        world.add_node(line, settings);
    }
    for _ in 0..world.core.rng.usize(0..4) {
        let character = character(&mut world);
        let line = line(&mut world.core.rng);
        world.add_actor(line, character);
    }
    introduce(&mut world);
    trouble(&mut world);
    Ok(world)
}

fn line(rng: &mut Rng) -> Line {
    Line {
        up: [30, 100, 400, 4000][rng.usize(0..4)] * KIB,
        down: [100, 500, 8000][rng.usize(0..3)] * KIB,
        latency: Duration::from_millis([1, 20, 150][rng.usize(0..3)]),
        jitter: Duration::from_millis([0, 5, 100][rng.usize(0..3)]),
        loss_permille: [0, 0, 5, 50][rng.usize(0..4)],
        nat: rng.u8(0..4) == 0,
        network: [Network::Local, Network::Local, Network::Public, Network::One64][rng.usize(0..4)],
    }
}

fn settings(rng: &mut Rng, is_seed: bool) -> Settings {
    let limit = |rng: &mut Rng| (rng.u8(0..4) == 0).then(|| rng.u64(20..200) * KIB);
    Settings {
        is_seed,
        limit_down: limit(rng),
        limit_up: limit(rng),
        max_peers: rng.usize(8..40),
        max_peers_per_torrent: rng.usize(8..40),
        upload_slots: rng.usize(1..8),
        sequential: rng.u8(0..4) == 0,
        ..Settings::leech(Vec::new())
    }
}

fn character(world: &mut World) -> Character {
    let clients = clients(world);
    let rng = &mut world.core.rng;
    let calls = if rng.bool() { clients.clone() } else { Vec::new() };
    let character = match rng.u8(0..14) {
        0 => Character::honest(),
        1 => Character::liar(rng.u32(1..1000)),
        2 => Character::braggart(),
        3 => Character::free_rider(clients),
        4 => Character::slow_loris(rng.usize(1..3000)),
        5 => Character::flooder(clients),
        6 => Character::vanisher(rng.u64(1..50)),
        7 => Character::babbler(clients),
        8 => Character::deaf(),
        9 => Character { is_interested: rng.bool(), ..Character::squatter(clients) },
        10 | 11 => Character::only(Flood::ALL[rng.usize(0..Flood::ALL.len())], clients),
        12 => Character::super_seed(),
        _ => Character { refuses: true, ..Character::honest() },
    };
    let calls = if character.calls.is_empty() { calls } else { character.calls.clone() };
    Character { is_fast: rng.u8(0..4) > 0, calls, ..character }
}

/// Adds the addresses of the scripted peers, which no tracker has, to some of the clients.
fn introduce(world: &mut World) {
    let actors: Vec<_> = world.actors.iter().map(|actor| actor.addr()).collect();
    for node in 0..world.nodes.len() {
        if world.core.rng.bool() && !actors.is_empty() {
            world.meet(node, &actors);
        }
    }
}

/// Plans faults of all kinds, for up to two minutes.
fn trouble(world: &mut World) {
    let rng = &mut world.core.rng;
    let end = Duration::from_millis(rng.u64(0..120_000));
    let count = if rng.u8(0..4) == 0 { 0 } else { rng.usize(1..8) };
    let nodes = world.nodes.len();
    for _ in 0..count {
        let rng = &mut world.core.rng;
        let node = rng.usize(0..nodes);
        let host = world.nodes[node].host;
        let from = Duration::from_millis(rng.u64(0..=end.as_millis() as u64));
        let to = from + Duration::from_millis(rng.u64(1..=1 + (end - from).as_millis() as u64));
        let (first, then) = match rng.u8(0..9) {
            0 | 1 => (Action::Crash { node, power_cut: rng.bool() }, Action::Restart { node }),
            2 => (Action::Group { host, group: rng.u32(1..3) }, Action::Heal),
            3 => (Action::Disk { node, health: Health::Full }, Action::Disk { node, health: Health::Fine }),
            4 => (Action::Disk { node, health: Health::Gone }, Action::Disk { node, health: Health::Fine }),
            5 => (Action::Disk { node, health: Health::BadReads }, Action::Resume { node }),
            6 => {
                let tracker = rng.usize(0..world.trackers.len());
                (Action::Tracker { tracker, down_for: to - from }, Action::Resume { node })
            }
            7 if node > 0 && rng.bool() => (Action::Leave { node }, Action::Heal),
            _ => (Action::Reset { node }, Action::Resume { node }),
        };
        world.plan(from, first);
        world.plan(to, then);
        world.plan(to + Duration::from_secs(1), Action::Resume { node });
    }
    healed_after(world, end + Duration::from_secs(2));
}
