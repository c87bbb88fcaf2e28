//! Torrents with web seeds.

use super::common::{KIB, MIB, bare, clients, healed_after, tracked};
use super::verbs::{must, status};
use crate::content::Shape;
use crate::net::Line;
use crate::node::{WebManner, WebServer};
use crate::settings::Settings;
use crate::world::World;
use fastrand::Rng;
use ztor_base::Duration;
use ztor_metainfo::create::Version;

fn server(manner: WebManner, rate: u64) -> WebServer {
    WebServer { manner, rate }
}

/// A client without peers, whose only source is a web seed of one of the useful kinds.
pub(super) fn alone(mut rng: Rng) -> anyhow::Result<World> {
    let version = [Version::V1, Version::V2, Version::Hybrid][rng.usize(0..3)];
    let shape = Shape { version, private: false, ..Shape::random(&mut rng, 6 * MIB) };
    let manner = [
        WebManner::Honest,
        WebManner::Busy { wait_s: 20 },
        WebManner::Stalling { after: 300 * KIB },
        WebManner::WithoutRanges,
    ][rng.usize(0..4)];
    let limit_down = rng.bool().then_some(200 * KIB);
    let sequential = rng.bool();
    let mut world = bare(rng, &shape)?;
    let web_seeds = vec![server(manner, MIB)];
    let settings = Settings { limit_down, sequential, web_seeds, ..Settings::leech(Vec::new()) };
    world.add_node(Line::default(), settings);
    healed_after(&mut world, Duration::from_secs(600));
    Ok(world)
}

/// A client without peers, whose only source is a server without ranges that is faster than any line.
pub(super) fn fast(mut rng: Rng) -> anyhow::Result<World> {
    let version = [Version::V1, Version::V2, Version::Hybrid][rng.usize(0..3)];
    let shape = Shape { version, private: false, ..Shape::plain(64 * KIB as u32, 24 * MIB) };
    let rate = rng.u64(16..256) * MIB;
    let mut world = bare(rng, &shape)?;
    let web_seeds = vec![server(WebManner::WithoutRanges, rate)];
    world.add_node(Line::default(), Settings { web_seeds, ..Settings::leech(Vec::new()) });
    healed_after(&mut world, Duration::from_secs(60));
    Ok(world)
}

/// Reports the bytes that the client has received in vain: none, as the server is its only source.
pub(super) fn report_fast(world: &mut World) -> Vec<String> {
    let wasted = status(world, 0).map_or(0, |status| status.wasted_bytes);
    must(world, 0, wasted == 0, format!("{wasted} bytes of the only source are lost"));
    vec![format!("{wasted} bytes in vain")]
}

/// A swarm in which most web seeds lie, stall, vanish or are busy, with one slow seed.
pub(super) fn bad(mut rng: Rng) -> anyhow::Result<World> {
    let shape = Shape { private: false, ..Shape::random(&mut rng, 8 * MIB) };
    let mut world = tracked(rng, shape)?;
    world.add_node(Line { up: 100 * KIB, ..Line::default() }, Settings::seed());
    let known = clients(&world);
    for _ in 0..4 {
        let rng = &mut world.core.rng;
        let manners = [
            WebManner::Lying { one_in: rng.u32(1..40) },
            WebManner::Stalling { after: rng.u64(0..MIB) },
            WebManner::Vanishing { after_s: rng.u64(1..30) },
            WebManner::Busy { wait_s: rng.u64(0..100) },
            WebManner::WithoutRanges,
            WebManner::Partial,
        ];
        let count = rng.usize(1..5);
        let web_seeds = (0..count)
            .map(|_| server(manners[rng.usize(0..manners.len())], rng.u64(10 * KIB..MIB)))
            .collect();
        let limit_down = (rng.u8(0..3) == 0).then_some(100 * KIB);
        let settings = Settings { web_seeds, limit_down, ..Settings::leech(known.clone()) };
        world.add_node(Line::default(), settings);
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// A swarm of clients that each have a web seed, and no other seed.
pub(super) fn no_seed(mut rng: Rng) -> anyhow::Result<World> {
    let shape = Shape { private: false, ..Shape::random(&mut rng, 8 * MIB) };
    let mut world = tracked(rng, shape)?;
    for _ in 0..5 {
        let web_seeds = vec![server(WebManner::Honest, 100 * KIB)];
        world.add_node(Line::default(), Settings { web_seeds, ..Settings::leech(Vec::new()) });
    }
    healed_after(&mut world, Duration::ZERO);
    Ok(world)
}

/// Reports how much of the torrent came from web seeds.
pub(super) fn report_no_seed(world: &mut World) -> Vec<String> {
    let from_web: u64 = world.nodes.iter().filter_map(|node| node.run()).map(|run| run.audit.web_bytes).sum();
    let copies = from_web as f64 / world.content.len() as f64;
    vec![format!("web seeds sent {copies:.2} copies to {} clients", world.nodes.len())]
}
