//! Swarms with many useless or harmful peers.

use super::common::{KIB, MIB, bare, clients, healed_after, populate, secs, tracked};
use crate::action::Action;
use crate::actors::{Character, Flood};
use crate::content::Shape;
use crate::net::{Line, Network, addr_of};
use crate::settings::Settings;
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;
use ztor_engine::{DiskFaultKind, TorrentState};
use ztor_metainfo::create::Version;

/// Time at which the seed arrives.
const LATE: Duration = Duration::from_secs(120);
/// Maximum time from its arrival to the end of the download, however full the torrent is. It covers a minute for a free
/// connection, the announce, and the transfer.
const SOON: Duration = Duration::from_secs(150);

/// Builds a swarm with a leecher whose connections are taken before the only seed arrives.
fn taken(rng: Rng, network: Network, squatters: usize) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 2 * MIB))?;
    let seed = world.add_node(Line::default(), Settings::seed());
    let leech = world.add_node(Line::default(), Settings::leech(Vec::new()));
    let calls = vec![addr_of(world.nodes[leech].host)];
    for n in 0..squatters {
        let character = Character { is_interested: n % 2 == 0, ..Character::squatter(calls.clone()) };
        world.add_actor(Line { network, ..Line::default() }, character);
    }
    world.plan(Duration::ZERO, Action::Crash { node: seed, power_cut: true });
    world.plan(LATE, Action::Restart { node: seed });
    healed_after(&mut world, LATE);
    Ok(world)
}

pub(super) fn squatters(rng: Rng) -> anyhow::Result<World> {
    taken(rng, Network::Public, 15)
}

pub(super) fn squatters_of_one_network(rng: Rng) -> anyhow::Result<World> {
    taken(rng, Network::One64, 40)
}

/// Builds a swarm with six peers that send thousands of made-up addresses.
pub(super) fn made_up_peers(rng: Rng) -> anyhow::Result<World> {
    let mut world = taken(rng, Network::Public, 0)?;
    let calls = clients(&world);
    for _ in 0..6 {
        let character = Character::only(Flood::Addresses, calls.clone());
        world.add_actor(Line { network: Network::Public, ..Line::default() }, character);
    }
    Ok(world)
}

/// Fails if the leecher finished later than [`SOON`] after the arrival of the seed.
pub(super) fn report_late_seed(world: &mut World) -> Vec<String> {
    let Some(took) = world.nodes[1].reported_at().map(|at| at.since(ztor_base::Instant::ZERO)) else {
        return Vec::new();
    };
    if took > LATE + SOON {
        world.core.fail(&["n1 ".to_owned()], format!("finished too late, {took:?} after the start"));
    }
    let most = world.nodes[1].run().map_or(0, |run| run.most_peers());
    vec![format!("finished {took:?} after the start, {most} connections at most")]
}

/// Builds a swarm with one flooder for each kind of message.
pub(super) fn control_floods(mut rng: Rng) -> anyhow::Result<World> {
    let version = [Version::V2, Version::Hybrid][rng.usize(0..2)];
    let shape = Shape { version, ..Shape::plain(16 * 1024, 8 * MIB) };
    let mut world = tracked(rng, shape)?;
    let dht = Some(Vec::new());
    world.add_node(Line { up: MIB, ..Line::default() }, Settings { dht: dht.clone(), ..Settings::seed() });
    for _ in 0..3 {
        world.add_node(Line::default(), Settings { dht: dht.clone(), ..Settings::leech(Vec::new()) });
    }
    let calls = clients(&world);
    for flood in Flood::ALL {
        world.add_actor(
            Line { network: Network::Public, ..Line::default() },
            Character::only(flood, calls.clone()),
        );
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm of a hybrid torrent whose halves describe different contents. Blocks of honest peers match one half.
pub(super) fn inconsistent(rng: Rng) -> anyhow::Result<World> {
    let shape = Shape { version: Version::Hybrid, is_inconsistent: true, ..Shape::plain(32 * 1024, MIB) };
    let mut world = bare(rng, &shape)?;
    let givers: Vec<usize> = (0..4).map(|_| world.add_actor(Line::default(), Character::honest())).collect();
    let peers = givers.into_iter().map(|giver| world.actors[giver].addr()).collect();
    world.add_node(Line::default(), Settings { is_honest: false, ..Settings::leech(peers) });
    healed_after(&mut world, secs(60));
    Ok(world)
}

pub(super) fn report_inconsistent(world: &mut World) -> Vec<String> {
    let now = world.core.now;
    let Some(run) = world.nodes[0].run() else { return Vec::new() };
    let (bans, status) = (run.engine.bans(now), run.engine.status(now));
    let is_stopped = |state: &TorrentState| matches!(state, TorrentState::Stopped(fault) if fault.kind == DiskFaultKind::Inconsistent);
    if !bans.is_empty() {
        world.core.fail(&["n0 ".to_owned()], format!("bans for a fault of the torrent: {bans:?}"));
    } else if !status.iter().all(|torrent| is_stopped(&torrent.state)) {
        world.core.fail(&["n0 ".to_owned()], format!("the torrent was not stopped: {:?}", status[0].state));
    }
    vec!["the torrent was stopped".to_owned()]
}

/// Builds a swarm whose only seed announces one piece at a time, and the next once the peer has the last.
pub(super) fn super_seeding(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 2 * MIB))?;
    let seed = world.add_actor(Line { up: 600 * KIB, ..Line::default() }, Character::super_seed());
    populate(&mut world, 0, 3, Line::default());
    let known = [world.actors[seed].addr()];
    for node in 0..world.nodes.len() {
        world.meet(node, &known);
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}
