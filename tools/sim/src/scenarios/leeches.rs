//! Peers that take without end, beside honest ones.
//!
//! Each play compares the same swarm: without leeches, with them, and with them but without the defence.
//! Leeches are 30 % of the peers.

use super::common::{KIB, MIB, clients, healed_after, secs, tracked};
use crate::action::Action;
use crate::actors::Character;
use crate::content::Shape;
use crate::net::{Line, Network};
use crate::outcome::{Failure, Outcome};
use crate::settings::Settings;
use crate::world::World;
use fastrand::Rng;
use std::fmt;
use ztor_base::{Duration, Instant};
use ztor_engine::LeechDefence;

/// Number of honest downloads.
const HONEST: usize = 14;
/// Number of leeches: 30 % of all downloads.
const LEECHES: usize = 6;
/// Size of the content.
const LEN: u64 = 64 * MIB;
/// Largest mean time to completion of one run, in percent of that without leeches. The mean of many runs is lower.
const MAX_PERCENT: f64 = 110.0;
/// Time limit of a run.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// A kind of leech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Announces no progress.
    Silent,
    /// Announces progress, and requests the same pieces again and again.
    Greedy,
    /// Comes back as another peer without pieces after a few blocks.
    Fickle,
    /// Has many addresses in one network.
    ManyAddresses,
    /// One of each, and two more.
    Mixed,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Silent, Self::Greedy, Self::Fickle, Self::ManyAddresses, Self::Mixed];

    fn characters(self, world: &World) -> Vec<Character> {
        let calls = || clients(world);
        let one = |kind| match kind {
            Self::Silent | Self::ManyAddresses | Self::Mixed => Character::free_rider(calls()),
            Self::Greedy => Character::greedy(calls()),
            Self::Fickle => Character::fickle(calls(), 24),
        };
        (0..LEECHES)
            .map(|n| match self {
                Self::Mixed => one([Self::Silent, Self::Greedy, Self::Fickle][n % 3]),
                kind => one(kind),
            })
            .collect()
    }
}

/// Result of a run.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Mean time to completion of the honest downloads, in seconds; `None` if one did not finish.
    mean_s: Option<f64>,
    /// Bytes that the leeches got.
    taken: u64,
    /// Number of bans of honest peers, and of all of them.
    false_bans: usize,
    bans: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean_s = self.mean_s.unwrap_or(f64::NAN);
        let Self { taken, false_bans, bans, .. } = self;
        write!(f, "{mean_s:.1} s, {} MiB taken, {bans} bans, {false_bans} of them false", taken / MIB)
    }
}

fn line() -> Line {
    Line { up: 256 * KIB, down: 2 * MIB, ..Line::default() }
}

/// Plays the scenario with the kind of leech that the seed chooses.
pub(super) fn play(mut rng: Rng, _: bool) -> Outcome {
    let kind = Kind::ALL[rng.usize(0..Kind::ALL.len())];
    let seed = rng.u64(..);
    let result = compare(kind, seed);
    let (failure, notes, took) = match result {
        Ok([clean, calm, defended, open]) => {
            let percent = |figures: Figures| match (figures.mean_s, clean.mean_s) {
                (Some(mean_s), Some(clean_s)) => 100.0 * mean_s / clean_s,
                _ => f64::INFINITY,
            };
            let notes = vec![
                format!("{kind:?}: without leeches {clean}"),
                format!("without leeches, with the defence {calm}: {:.1} %", percent(calm)),
                format!("with leeches {defended}: {:.1} %", percent(defended)),
                format!("without the defence {open}: {:.1} %", percent(open)),
            ];
            let message = if defended.false_bans + calm.false_bans > 0 {
                Some("bans an honest peer".to_owned())
            } else {
                (percent(defended) > MAX_PERCENT).then(|| format!("{kind:?}: {:.1} %", percent(defended)))
            };
            (message, notes, defended.mean_s.unwrap_or_default())
        }
        Err(error) => (Some(format!("{error:#}")), Vec::new(), 0.0),
    };
    let at = Instant::ZERO;
    let failure = failure.map(|message| Failure { at, message, about: Vec::new() });
    Outcome { hash: took.to_bits(), took: Duration::from_secs_f64(took), notes, failure, story: Vec::new() }
}

fn compare(kind: Kind, seed: u64) -> anyhow::Result<[Figures; 4]> {
    let clean = run(None, LeechDefence::Off, seed)?;
    let calm = run(None, LeechDefence::Normal, seed)?;
    let defended = run(Some(kind), LeechDefence::Normal, seed)?;
    let open = run(Some(kind), LeechDefence::Off, seed)?;
    Ok([clean, calm, defended, open])
}

/// Builds and runs a swarm. Some honest peers are odd: two are behind one address, one loses its connections at times, and
/// one is restarted.
fn run(kind: Option<Kind>, defence: LeechDefence, seed: u64) -> anyhow::Result<Figures> {
    let mut world = tracked(Rng::with_seed(seed), Shape::plain(64 * 1024, LEN))?;
    world.add_node(line(), Settings { leech_defence: defence, ..Settings::seed() });
    for n in 0..HONEST {
        let network = if n < 2 { Network::At([198, 51, 100, 1]) } else { Network::At([203, 0, n as u8, 1]) };
        let settings = Settings { leech_defence: defence, ..Settings::leech(Vec::new()) };
        world.add_node(Line { network, ..line() }, settings);
    }
    let characters = kind.map(|kind| kind.characters(&world)).unwrap_or_default();
    for (n, character) in characters.into_iter().enumerate() {
        let ip = match kind {
            Some(Kind::ManyAddresses) => [192, 0, 2, n as u8 + 1],
            _ => [192, 0, n as u8, 1],
        };
        world.add_actor(Line { network: Network::At(ip), ..line() }, character);
    }
    // Leeches are not dialed: they have other addresses then.
    let known = clients(&world);
    for node in 0..world.nodes.len() {
        world.meet(node, &known);
    }
    for minute in 1..30 {
        world.plan(secs(60 * minute), Action::Reset { node: 3 });
    }
    world.plan(secs(45), Action::Crash { node: 4, power_cut: false });
    world.plan(secs(50), Action::Restart { node: 4 });
    healed_after(&mut world, secs(55));
    let start = world.core.now;
    world.run_until(LIMIT, |world| {
        world.nodes.iter().skip(1).all(crate::node::Node::is_finished) && world.healed().is_some()
    });
    if let Some(failure) = &world.core.failure {
        anyhow::bail!("{}", failure.message);
    }
    let times: Option<Vec<f64>> =
        world.nodes.iter().skip(1).map(|node| Some(node.reported_at?.since(start).as_secs_f64())).collect();
    let bans: Vec<String> = world
        .nodes
        .iter()
        .filter_map(|node| Some(node.run()?.engine.bans(world.core.now)))
        .flatten()
        .map(|ban| ban.author.to_string())
        .collect();
    let is_leech = |author: &&String| author.starts_with("192.0.");
    Ok(Figures {
        mean_s: times.map(|times| times.iter().sum::<f64>() / times.len() as f64),
        taken: world.actors.iter().map(|actor| actor.received_bytes).sum(),
        false_bans: bans.iter().filter(|author| !is_leech(author)).count(),
        bans: bans.len(),
    })
}
