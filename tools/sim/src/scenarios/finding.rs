//! Swarms that find peers and metadata, mostly without a tracker.

use super::common::{KIB, MIB, bare, healed_after, secs, tracked};
use crate::action::Action;
use crate::actors::{Character, MetadataManner};
use crate::content::Shape;
use crate::net::{Line, addr_of};
use crate::settings::Settings;
use crate::world::World;
use fastrand::Rng;
use std::net::SocketAddr;
use ztor_base::Duration;
use ztor_engine::Transport;
use ztor_metainfo::create::Version;

/// Builds a swarm with one honest client and nine peers that do not send the metadata that they announce.
pub(super) fn metadata_liars(mut rng: Rng) -> anyhow::Result<World> {
    let version = [Version::V1, Version::V2, Version::Hybrid][rng.usize(0..3)];
    // Many small pieces: the metadata has several blocks, or there are piece layers to fetch.
    let mut world = bare(rng, &Shape { version, ..Shape::plain(16 * 1024, 24 * MIB) })?;
    let seed = world.add_node(Line::default(), Settings::seed());
    let mut known = vec![addr_of(world.nodes[seed].host)];
    for _ in 0..9 {
        let manners = [
            MetadataManner::Lies,
            MetadataManner::Lies,
            MetadataManner::LiesOfLength,
            MetadataManner::Silent,
            MetadataManner::Refuses,
        ];
        let liar = Character::metadata_liar(manners[world.core.rng.usize(0..manners.len())]);
        let actor = world.add_actor(Line::default(), liar);
        known.push(world.actors[actor].addr());
    }
    world.core.rng.shuffle(&mut known);
    for _ in 0..3 {
        world.add_node(Line::default(), Settings { is_magnet: true, ..Settings::leech(known.clone()) });
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm of a hundred clients with a magnet link and one address. They find the others by peer exchange.
pub(super) fn pex_only(rng: Rng) -> anyhow::Result<World> {
    let mut world = bare(rng, &Shape::plain(32 * 1024, MIB))?;
    let line = Line { up: 400 * KIB, down: 2 * MIB, ..Line::default() };
    let seed = world.add_node(line, Settings::seed());
    let known = vec![addr_of(world.nodes[seed].host)];
    for _ in 0..100 {
        world.add_node(line, Settings { is_magnet: true, ..Settings::leech(known.clone()) });
    }
    world.plan(secs(60), Action::Note);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn report_pex(world: &mut World) -> Vec<String> {
    let met = |node: &crate::node::Node| {
        let run = node.run()?;
        run.engine.status(world.core.now).first().map(|status| status.known_peers)
    };
    let known: Vec<u32> = world.nodes.iter().filter_map(met).collect();
    let mean = known.iter().sum::<u32>() as usize / known.len().max(1);
    vec![format!("a client knows {mean} of {} in the mean", world.nodes.len() - 1)]
}

/// Builds a swarm of thirty clients with only a magnet link and one node of the DHT.
pub(super) fn dht_only(rng: Rng) -> anyhow::Result<World> {
    let mut world = bare(rng, &Shape::plain(32 * 1024, MIB))?;
    with_dht(&mut world, 30, true, 400 * KIB);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm of a private torrent with a tracker, among clients with a DHT. The checkers verify that clients
/// neither query the DHT for it nor connect to addresses from other sources than the tracker.
pub(super) fn private_silence(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape { private: true, ..Shape::plain(32 * 1024, MIB) })?;
    // Slow enough for several intervals of everything that a client might send.
    with_dht(&mut world, 12, false, 10 * KIB);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm of a seed and six leechers behind NATs, and a relay that uploads nothing. They must connect by hole
/// punching (BEP 55).
pub(super) fn meetings(rng: Rng) -> anyhow::Result<World> {
    let mut world = bare(rng, &Shape::plain(32 * 1024, 4 * MIB))?;
    let leech = Settings { utp: true, ..Settings::leech(Vec::new()) };
    let miser = Settings { limit_down: Some(2 * KIB), limit_up: Some(0), is_honest: false, ..leech.clone() };
    let relay = world.add_node(Line::default(), miser);
    let peers = vec![addr_of(world.nodes[relay].host)];
    let hidden = Line { nat: true, ..Line::default() };
    world.add_node(hidden, Settings { utp: true, peers: peers.clone(), ..Settings::seed() });
    for _ in 0..6 {
        world.add_node(hidden, Settings { peers: peers.clone(), ..leech.clone() });
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn report_meetings(world: &mut World) -> Vec<String> {
    let met = |node: &crate::node::Node| {
        let run = node.run()?;
        let peers = run.engine.peer_status(world.core.now, run.id);
        Some(peers.iter().filter(|peer| peer.transport == Transport::Utp).count())
    };
    let met: usize = world.nodes.iter().filter_map(met).sum();
    vec![format!("{} punched connections at the end", met / 2)]
}

fn with_dht(world: &mut World, leechers: usize, is_magnet: bool, up: u64) {
    let line = Line { up, down: 2 * MIB, ..Line::default() };
    let seed = world.add_node(line, Settings { dht: Some(Vec::new()), ..Settings::seed() });
    let entry: Vec<SocketAddr> = vec![addr_of(world.nodes[seed].host)];
    for _ in 0..leechers {
        let settings = Settings { is_magnet, dht: Some(entry.clone()), ..Settings::leech(Vec::new()) };
        world.add_node(line, settings);
    }
}
