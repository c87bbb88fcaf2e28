//! Swarms with faults of network, disk, process and tracker.

use super::common::{KIB, MIB, healed_after, populate, secs, tracked};
use crate::action::Action;
use crate::content::Shape;
use crate::disk::Health;
use crate::net::Line;
use crate::settings::Settings;
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;

/// Builds a swarm that needs about a minute.
fn a_minute(rng: Rng, leechers: usize) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 4 * MIB))?;
    populate(&mut world, 1, leechers, Line { up: 100 * KIB, down: MIB, ..Line::default() });
    Ok(world)
}

/// Builds a swarm whose clients know no peers until the tracker is up again.
pub(super) fn tracker_down(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(32 * 1024, MIB))?;
    world.act(Action::Tracker { tracker: 0, down_for: secs(3600) });
    populate(&mut world, 1, 4, Line::default());
    healed_after(&mut world, secs(3600));
    Ok(world)
}

pub(super) fn private(rng: Rng) -> anyhow::Result<World> {
    let trackers = vec![vec!["udp://t0.sim:6881/announce".to_owned()]];
    let mut world = tracked(rng, Shape { private: true, trackers, ..Shape::plain(32 * 1024, MIB) })?;
    populate(&mut world, 1, 4, Line { loss_permille: 10, ..Line::default() });
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm in which half of the leechers lose the seed, the tracker and the other leechers for some minutes.
pub(super) fn partition(rng: Rng) -> anyhow::Result<World> {
    let mut world = a_minute(rng, 6)?;
    let length = secs([20, 100, 400][world.core.rng.usize(0..3)]);
    for node in 4..7 {
        let host = world.nodes[node].host;
        world.plan(secs(15), Action::Group { host, group: 1 });
    }
    world.plan(secs(15) + length, Action::Heal);
    healed_after(&mut world, secs(15) + length);
    Ok(world)
}

/// Builds a private swarm whose clients are all isolated for a while during the download.
fn alone(rng: Rng, length: Duration) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape { private: true, ..Shape::plain(64 * 1024, 16 * MIB) })?;
    populate(&mut world, 1, 4, Line { up: 40 * KIB, down: MIB, ..Line::default() });
    for node in 0..5 {
        let (host, group) = (world.nodes[node].host, node as u32 + 1);
        world.plan(secs(40), Action::Group { host, group });
    }
    let back = secs(40) + length;
    world.plan(back, Action::Heal);
    world.plan(back, Action::Note);
    world.plan(back + secs(30), Action::Note);
    healed_after(&mut world, back);
    Ok(world)
}

/// Builds a swarm whose network is down for ten minutes or an hour.
pub(super) fn outage(mut rng: Rng) -> anyhow::Result<World> {
    let length = secs([600, 3600][rng.usize(0..2)]);
    alone(rng, length)
}

/// Builds a swarm in which two clients sleep for an hour, and wake up with a network.
pub(super) fn sleep(rng: Rng) -> anyhow::Result<World> {
    let slept = secs(3600);
    let mut world = alone(rng, slept)?;
    for node in [1, 3] {
        world.plan(secs(40) + slept, Action::Woke { node, slept });
    }
    Ok(world)
}

pub(super) fn report_return(world: &mut World) -> Vec<String> {
    let [before, after] = &world.marks[..] else {
        world.core.fail(&[], "the download ended before the network was back".to_owned());
        return Vec::new();
    };
    let moved: Vec<u64> = before.iter().zip(after).skip(1).map(|(before, after)| after - before).collect();
    if let Some(node) = moved.iter().position(|bytes| *bytes == 0) {
        let message = format!("n{}: received nothing in the 30 s after the network was back", node + 1);
        world.core.fail(&[format!("n{} ", node + 1)], message);
    }
    let shown: Vec<String> = moved.iter().map(|bytes| format!("{} KiB", bytes / KIB)).collect();
    vec![format!("in the 30 s after the network was back the clients got {}", shown.join(", "))]
}

pub(super) fn crash_in_turn(rng: Rng) -> anyhow::Result<World> {
    let mut world = a_minute(rng, 4)?;
    let mut at = Duration::ZERO;
    for node in 0..world.nodes.len() {
        at += Duration::from_millis(world.core.rng.u64(3_000..15_000));
        let power_cut = world.core.rng.bool();
        let away = Duration::from_millis(world.core.rng.u64(1..8_000));
        world.plan(at, Action::Crash { node, power_cut });
        world.plan(at + away, Action::Restart { node });
    }
    healed_after(&mut world, at + secs(8));
    Ok(world)
}

fn a_disk(rng: Rng, health: Health) -> anyhow::Result<World> {
    let mut world = a_minute(rng, 4)?;
    // The seed's drive may be gone as well, but not the drives of all nodes.
    let first = if health == Health::Full { 1 } else { 0 };
    let nodes = [world.core.rng.usize(first..3), 3];
    for node in nodes {
        let from = Duration::from_millis(world.core.rng.u64(2_000..30_000));
        let back = from + Duration::from_millis(world.core.rng.u64(1_000..60_000));
        world.plan(from, Action::Disk { node, health });
        world.plan(back, Action::Disk { node, health: Health::Fine });
        world.plan(back + secs(1), Action::Resume { node });
    }
    healed_after(&mut world, secs(95));
    Ok(world)
}

pub(super) fn disk_full(rng: Rng) -> anyhow::Result<World> {
    a_disk(rng, Health::Full)
}

pub(super) fn drive_gone(rng: Rng) -> anyhow::Result<World> {
    a_disk(rng, Health::Gone)
}

/// Builds a swarm whose line is 25 times as fast as the disk. Sockets must stay unread instead of data piling up.
pub(super) fn slow_disk(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(256 * 1024, 48 * MIB))?;
    let line = Line { up: 50 * MIB, down: 50 * MIB, latency: Duration::from_millis(1), ..Line::default() };
    populate(&mut world, 1, 1, line);
    world.nodes[1].disk.speed = 2 * MIB;
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn nat(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 3 * MIB))?;
    populate(&mut world, 1, 1, Line::default());
    for _ in 0..6 {
        world.add_node(Line { nat: true, ..Line::default() }, Settings::leech(Vec::new()));
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}
