//! Building blocks of worlds.

use crate::action::Action;
use crate::content::{Content, Shape};
use crate::net::{Line, addr_of};
use crate::settings::Settings;
use crate::tracker::Manner;
use crate::world::World;
use fastrand::Rng;
use std::net::SocketAddr;
use ztor_base::Duration;

pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;

/// URL of the tracker of most worlds.
pub(super) const TRACKER: &str = "http://t0.sim/announce";

/// Returns a world with a torrent of this shape and one honest tracker.
pub(super) fn tracked(rng: Rng, mut shape: Shape) -> anyhow::Result<World> {
    if shape.trackers.is_empty() {
        shape.trackers = vec![vec![TRACKER.to_owned()]];
    }
    let mut world = bare(rng, &shape)?;
    world.add_tracker(Line::default(), Manner::Honest, 60);
    Ok(world)
}

/// Returns a world with a torrent of this shape and no hosts.
pub(super) fn bare(mut rng: Rng, shape: &Shape) -> anyhow::Result<World> {
    let content = Content::new(&mut rng, shape)?;
    let mut world = World::new(rng, content);
    world.core.note(format_args!(
        "{:?}, pieces of {}, {} bytes in {} files",
        shape.version,
        shape.piece_length,
        shape.files.iter().sum::<u64>(),
        shape.files.len()
    ));
    Ok(world)
}

/// Adds seeds and leechers that find each other through the tracker.
pub(super) fn populate(world: &mut World, seeds: usize, leechers: usize, line: Line) {
    for _ in 0..seeds {
        world.add_node(line, Settings::seed());
    }
    for _ in 0..leechers {
        world.add_node(line, Settings::leech(Vec::new()));
    }
}

/// Plans the end of all faults.
pub(super) fn healed_after(world: &mut World, wait: Duration) {
    world.plan(wait, Action::Healed);
}

/// Returns the addresses of all clients added so far.
pub(super) fn clients(world: &World) -> Vec<SocketAddr> {
    world.nodes.iter().map(|node| addr_of(node.host)).collect()
}

/// Returns the addresses of all clients and scripted peers added so far.
pub(super) fn everybody(world: &World) -> Vec<SocketAddr> {
    world
        .nodes
        .iter()
        .map(|node| addr_of(node.host))
        .chain(world.actors.iter().map(|actor| actor.addr()))
        .collect()
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
