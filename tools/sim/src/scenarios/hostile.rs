//! Swarms with hostile peers and trackers.

use super::common::{KIB, MIB, TRACKER, bare, clients, everybody, healed_after, populate, tracked};
use crate::actors::Character;
use crate::content::Shape;
use crate::net::Line;
use crate::settings::Settings;
use crate::tracker::Manner;
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;

/// Builds a swarm with a seed, four leechers, and these characters.
fn among(rng: Rng, characters: impl Fn(&mut World) -> Vec<Character>) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 3 * MIB))?;
    world.add_node(Line { up: 400 * KIB, ..Line::default() }, Settings::seed());
    for character in characters(&mut world) {
        let calls = !character.calls.is_empty();
        let nat = calls && world.core.rng.bool();
        world.add_actor(Line { nat, ..Line::default() }, character);
    }
    let known = everybody(&world);
    for _ in 0..4 {
        world.add_node(Line::default(), Settings::leech(known.clone()));
    }
    let honest = clients(&world);
    for actor in &mut world.actors {
        if !actor.character.calls.is_empty() {
            actor.character.calls.clone_from(&honest);
        }
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn poisoning(rng: Rng) -> anyhow::Result<World> {
    among(rng, |world| (0..3).map(|_| Character::liar([30, 300, 1000][world.core.rng.usize(0..3)])).collect())
}

pub(super) fn false_haves(rng: Rng) -> anyhow::Result<World> {
    among(rng, |_| vec![Character::braggart(); 4])
}

pub(super) fn slow_loris(rng: Rng) -> anyhow::Result<World> {
    among(rng, |_| {
        vec![
            Character::slow_loris(1),
            Character::slow_loris(100),
            Character::slow_loris(2000),
            Character::deaf(),
        ]
    })
}

pub(super) fn flood(rng: Rng) -> anyhow::Result<World> {
    among(rng, |world| {
        let calls = clients(world);
        vec![Character::flooder(calls.clone()), Character { is_fast: false, ..Character::flooder(calls) }]
    })
}

pub(super) fn nonsense(rng: Rng) -> anyhow::Result<World> {
    among(rng, |world| {
        let calls = clients(world);
        vec![Character::babbler(calls.clone()), Character { is_fast: false, ..Character::babbler(calls) }]
    })
}

pub(super) fn vanishing(rng: Rng) -> anyhow::Result<World> {
    among(rng, |world| (0..5).map(|_| Character::vanisher(world.core.rng.u64(1..60))).collect())
}

/// Builds a swarm with a tracker of each kind, honest and bad, in random tiers.
pub(super) fn bad_trackers(mut rng: Rng) -> anyhow::Result<World> {
    let manners = [Manner::Lying, Manner::Stalling, Manner::Garbage, Manner::Refusing, Manner::Honest];
    let mut urls: Vec<String> = (0..manners.len())
        .map(|n| {
            if rng.bool() {
                format!("http://t{n}.sim/announce")
            } else {
                format!("udp://t{n}.sim:6881/announce")
            }
        })
        .collect();
    urls[4] = TRACKER.replace("t0", "t4");
    rng.shuffle(&mut urls);
    let shape =
        Shape { trackers: urls.chunks(2).map(<[String]>::to_vec).collect(), ..Shape::plain(32 * 1024, MIB) };
    let mut world = bare(rng, &shape)?;
    for manner in manners {
        world.add_tracker(Line::default(), manner, 60);
    }
    populate(&mut world, 1, 4, Line::default());
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}
