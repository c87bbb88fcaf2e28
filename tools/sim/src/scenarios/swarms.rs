//! Swarms of honest peers with few faults.

use super::common::{KIB, MIB, everybody, healed_after, populate, secs, tracked};
use crate::action::Action;
use crate::actors::Character;
use crate::content::Shape;
use crate::net::Line;
use crate::settings::Settings;
use crate::world::World;
use fastrand::Rng;
use ztor_base::{Duration, Instant};
use ztor_metainfo::create::Version;

const CROWD: usize = 50;

fn slow_line() -> Line {
    Line { up: 256 * KIB, down: 2 * MIB, ..Line::default() }
}

pub(super) fn flash_crowd(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 8 * MIB))?;
    populate(&mut world, 1, CROWD, slow_line());
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn report_flash_crowd(world: &mut World) -> Vec<String> {
    let len = world.content.len() as f64;
    let line = slow_line();
    let uploads = (CROWD + 1) as f64 * line.up as f64;
    let optimum = (len / line.up as f64).max(len / line.down as f64).max(CROWD as f64 * len / uploads);
    let mut times: Vec<f64> = world
        .nodes
        .iter()
        .skip(1)
        .filter_map(|n| Some(n.reported_at?.since(Instant::from_micros(1_000_000)).as_secs_f64()))
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, last) =
        (times.get(times.len() / 2).copied().unwrap_or(0.0), times.last().copied().unwrap_or(0.0));
    vec![format!(
        "optimum {optimum:.1} s; median {median:.1} s ({:.2}), last {last:.1} s ({:.2})",
        median / optimum,
        last / optimum
    )]
}

/// Builds a swarm whose seed leaves as soon as the leechers together have every piece.
pub(super) fn seed_leaves(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(32 * 1024, 4 * MIB))?;
    let settings = Settings { limit_up: Some(256 * KIB), ..Settings::seed() };
    world.add_node(Line::default(), settings);
    for _ in 0..8 {
        world.add_node(Line::default(), Settings::leech(Vec::new()));
    }
    world.run_until(secs(600), |world| {
        let pieces = world.content.pieces();
        let spread = |piece| world.nodes[1..].iter().any(|node| node.disk.is_true(piece));
        (0..pieces).all(spread)
    });
    world.act(Action::Leave { node: 0 });
    healed_after(&mut world, secs(1));
    Ok(world)
}

pub(super) fn loss(rng: Rng) -> anyhow::Result<World> {
    let shape = Shape {
        trackers: vec![vec!["udp://t0.sim:6881/announce".to_owned()]],
        ..Shape::plain(64 * 1024, 3 * MIB)
    };
    let mut world = tracked(rng, shape)?;
    // Both lines of a path lose packets.
    populate(
        &mut world,
        1,
        6,
        Line { loss_permille: 25, jitter: Duration::from_millis(40), ..Line::default() },
    );
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn far_away(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 6 * MIB))?;
    populate(&mut world, 1, 6, Line { latency: Duration::from_millis(75), ..Line::default() });
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm with two seeds, one of them very slow. The fast one must send the last blocks.
pub(super) fn last_block(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(128 * 1024, 4 * MIB))?;
    populate(&mut world, 1, 0, Line { up: 2 * KIB, ..Line::default() });
    populate(&mut world, 1, 2, Line::default());
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Builds a swarm with a slow seed and nine leechers, one of which uploads nothing. The seed serves all peers in turn,
/// so only transfers between leechers count.
pub(super) fn fairness(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(32 * 1024, 24 * MIB))?;
    world.add_node(
        Line { up: 200 * KIB, ..Line::default() },
        Settings { upload_slots: 3, ..Settings::seed() },
    );
    let leech = Settings { upload_slots: 3, ..Settings::leech(Vec::new()) };
    for _ in 0..8 {
        world.add_node(Line { up: 50 * KIB, ..slow_line() }, leech.clone());
    }
    let free_rider = Settings { limit_up: Some(0), is_honest: false, ..leech };
    world.add_node(slow_line(), free_rider);
    world.plan(secs(180), Action::Note);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn report_fairness(world: &mut World) -> Vec<String> {
    let (Some(all), Some(from_seed)) = (world.marks.first(), world.first_marks.first()) else {
        return vec!["done before the measurement".to_owned()];
    };
    let from_each_other: Vec<u64> = all.iter().zip(from_seed).map(|(all, seed)| all - seed).collect();
    let last = from_each_other.len() - 1;
    let (rider, others) = (from_each_other[last], &from_each_other[1..last]);
    let mean = others.iter().sum::<u64>() / others.len() as u64;
    let least = others.iter().min().copied().unwrap_or(0);
    if rider * 10 >= mean * 9 {
        let message =
            format!("a free rider got {rider} bytes from leechers, contributors {mean} in the mean");
        world.core.fail(&[], message);
    }
    vec![format!(
        "after 3 min, from each other: contributors {} KiB in the mean, {} at least; the free rider {}",
        mean / KIB,
        least / KIB,
        rider / KIB
    )]
}

/// Builds a swarm with one seed and a thousand visitors, each of which downloads a few blocks.
pub(super) fn crowded_seed(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 2 * MIB))?;
    let line = Line { up: 20 * MIB, down: 20 * MIB, ..Line::default() };
    let settings =
        Settings { max_peers: 1000, max_peers_per_torrent: 1000, upload_slots: 50, ..Settings::seed() };
    world.add_node(line, settings);
    let calls = everybody(&world);
    for _ in 0..1000 {
        world.add_actor(Line::default(), Character::visitor(calls.clone(), 4));
    }
    world.add_node(line, Settings::leech(calls));
    healed_after(&mut world, secs(120));
    Ok(world)
}

pub(super) fn report_crowded(world: &mut World) -> Vec<String> {
    let served = world.actors.iter().filter(|actor| actor.received_bytes > 0).count();
    vec![format!("{served} of {} visitors were served", world.actors.len())]
}

pub(super) fn rate_limits(rng: Rng) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 4 * MIB))?;
    let line = Line { up: 20 * MIB, down: 20 * MIB, ..Line::default() };
    let limit = 300 * KIB;
    world.add_node(line, Settings { limit_up: Some(limit), ..Settings::seed() });
    for n in 0..6 {
        let limit_down = (n % 2 == 0).then_some(100 * KIB);
        world
            .add_node(line, Settings { limit_down, limit_up: Some(30 * KIB), ..Settings::leech(Vec::new()) });
    }
    world.plan(secs(5), Action::Note);
    world.plan(secs(35), Action::Note);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Fails unless the seed uses at least 95 % of its upload limit, as demand exceeds it.
pub(super) fn report_limits(world: &mut World) -> Vec<String> {
    let [early, late] = &world.marks[..] else { return Vec::new() };
    let limited: Vec<u64> = (1..7).step_by(2).map(|n| (late[n] - early[n]) / 30).collect();
    let sent = world.up_marks.windows(2).next().map_or(0, |pair| (pair[1][0] - pair[0][0]) / 30);
    if sent < 300 * KIB * 95 / 100 {
        world.core.fail(
            &["n0 ".to_owned()],
            format!("{sent} bytes a second went out under a limit of {}", 300 * KIB),
        );
    }
    let shown: Vec<String> = limited.iter().map(|rate| format!("{} KiB/s", rate / KIB)).collect();
    vec![format!(
        "the seed sent {} KiB/s of 300; those limited to 100 KiB/s got {}",
        sent / KIB,
        shown.join(", ")
    )]
}

pub(super) fn layouts(mut rng: Rng) -> anyhow::Result<World> {
    let shape = Shape { private: false, ..Shape::random(&mut rng, 2 * MIB) };
    let mut world = tracked(rng, shape)?;
    populate(&mut world, 1, 3, Line::default());
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn formats(mut rng: Rng) -> anyhow::Result<World> {
    let version = [Version::V1, Version::V2, Version::Hybrid][rng.usize(0..3)];
    let shape =
        Shape { version, files: vec![MIB + 17, 0, 300_000, 16 * KIB, 1], ..Shape::plain(32 * 1024, 0) };
    let mut world = tracked(rng, shape)?;
    populate(&mut world, 1, 4, Line::default());
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}
