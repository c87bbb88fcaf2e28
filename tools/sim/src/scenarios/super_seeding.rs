//! Swarms whose only seed hides its pieces (BEP 16).

use super::common::{KIB, MIB, healed_after, secs, tracked};
use super::verbs::{must, obey, uploaded};
use crate::content::Shape;
use crate::net::Line;
use crate::settings::Settings;
use crate::verb::Verb;
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;

/// Upload of the seed until the first copy is out, at most, as a multiple of the torrent.
const MOST_TIMES: f64 = 1.2;

/// Builds a swarm with a slow seed and twelve leechers with faster lines, and runs it until the leechers together have
/// every piece. The first entry of the marks is the upload of the seed by then.
fn first_copy(rng: Rng, super_seeding: bool) -> anyhow::Result<World> {
    let mut world = tracked(rng, Shape::plain(64 * 1024, 8 * MIB))?;
    world.add_node(Line { up: 200 * KIB, ..Line::default() }, Settings { super_seeding, ..Settings::seed() });
    for _ in 0..12 {
        let up = world.core.rng.u64(100..400) * KIB;
        world.add_node(Line { up, down: 2 * MIB, ..Line::default() }, Settings::leech(Vec::new()));
    }
    let is_out = world.run_until(secs(900), |world| {
        let spread = |piece| world.nodes[1..].iter().any(|node| node.disk.is_true(piece));
        (0..world.content.pieces()).all(spread)
    });
    must(&mut world, 0, is_out, "the first copy is not out".to_owned());
    let bytes = uploaded(&world, 0);
    world.up_marks.push(vec![bytes]);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

pub(super) fn plain_seed(rng: Rng) -> anyhow::Result<World> {
    first_copy(rng, false)
}

pub(super) fn super_seed(rng: Rng) -> anyhow::Result<World> {
    let mut world = first_copy(rng, true)?;
    let times = times(&world);
    must(&mut world, 0, times < MOST_TIMES, format!("the first copy took {times:.2} times its bytes"));
    Ok(world)
}

fn times(world: &World) -> f64 {
    let bytes = world.up_marks.first().and_then(|mark| mark.first()).copied().unwrap_or(0);
    bytes as f64 / world.content.len() as f64
}

pub(super) fn report(world: &mut World) -> Vec<String> {
    vec![format!("the seed uploaded {:.2} times the torrent until the first copy was out", times(world))]
}

/// Builds a swarm with any lines and any number of leechers, some of which upload nothing or cannot be reached, whose seed
/// changes its mind.
pub(super) fn toggled(mut rng: Rng) -> anyhow::Result<World> {
    let piece = [16, 64, 256][rng.usize(0..3)] * 1024;
    let length = rng.u64(1..4 * MIB);
    let leechers = rng.usize(1..8);
    let mut world = tracked(rng, Shape::plain(piece, length))?;
    let starts_hidden = world.core.rng.bool();
    world.add_node(Line::default(), Settings { super_seeding: starts_hidden, ..Settings::seed() });
    for _ in 0..leechers {
        let rng = &mut world.core.rng;
        let line = Line { up: rng.u64(5..300) * KIB, nat: rng.u8(0..4) == 0, ..Line::default() };
        let limit_up = (rng.u8(0..4) == 0).then_some(0);
        world.add_node(line, Settings { limit_up, ..Settings::leech(Vec::new()) });
    }
    for _ in 0..world.core.rng.usize(0..5) {
        let wait = Duration::from_millis(world.core.rng.u64(0..20_000));
        world.run_for(wait);
        let verb = match world.core.rng.u8(0..6) {
            0 => Verb::Recheck { damaged: 0 },
            1 => Verb::Pause,
            2 => Verb::Resume,
            _ => Verb::SuperSeeding(world.core.rng.bool()),
        };
        obey(&mut world, 0, verb);
    }
    obey(&mut world, 0, Verb::Resume);
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}
