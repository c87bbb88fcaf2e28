//! Peers that take without end, beside honest ones.
//!
//! Each play compares swarms: without leeches, with them, and some with them but without the defence. Leeches are 30 % of
//! the peers, and of one kind.
//!
//! The time to completion of one swarm varies between seeds: without leeches by 0.4 % (standard deviation), with leeches by
//! 1.2 %, since each piece that the only seed gives to a leech delays all. So the limit holds for the mean of the swarms of
//! a play. That of a single swarm is four deviations above the means.

use super::common::{KIB, MIB, clients, healed_after, secs, tracked};
use crate::action::Action;
use crate::actors::Character;
use crate::content::Shape;
use crate::net::{Line, Network};
use crate::outcome::{Failure, Outcome};
use crate::settings::Settings;
use crate::world::World;
use anyhow::Context;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use ztor_base::{Duration, Instant};
use ztor_engine::LeechDefence;

/// Number of honest downloads.
const HONEST: usize = 14;
/// Number of leeches: 30 % of all downloads.
const LEECHES: usize = 6;
/// Size of the content.
const LEN: u64 = 64 * MIB;
/// Number of swarms of a play, and of those that are repeated without the defence.
const SWARMS: usize = 8;
const OPEN_SWARMS: usize = 2;
/// Largest mean time to completion with leeches, in percent of that without: the mean of all swarms, and that of one.
const MAX_PERCENT: f64 = 105.0;
const MAX_PERCENT_OF_ONE: f64 = 108.0;
/// Time limit of a run.
const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// A kind of leech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Announces no progress.
    Silent,
    /// Announces a tenth of its progress.
    Understating,
    /// Announces progress, and requests the same pieces again and again.
    Greedy,
    /// Comes back as another peer without pieces after a few blocks.
    Fickle,
    /// Has many addresses in one network.
    ManyAddresses,
    /// Some of each.
    Mixed,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Silent, Self::Understating, Self::Greedy, Self::Fickle, Self::ManyAddresses, Self::Mixed];

    fn characters(self, world: &World) -> Vec<Character> {
        let calls = || clients(world);
        let one = |kind, n| match kind {
            Self::Silent | Self::ManyAddresses | Self::Mixed => Character::free_rider(calls()),
            Self::Understating => Character::understating(calls()),
            Self::Greedy => Character::greedy(calls()),
            Self::Fickle => Character::fickle(calls(), [24, 48, 3][n % 3]),
        };
        let all = [Self::Silent, Self::Greedy, Self::Fickle, Self::Understating];
        (0..LEECHES)
            .map(|n| match self {
                Self::Mixed => one(all[n % 4], n / 4),
                kind => one(kind, n),
            })
            .collect()
    }
}

/// Result of a run.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Mean time to completion of the honest downloads, in seconds.
    mean_s: f64,
    /// Bytes that the leeches got.
    taken: u64,
    /// Number of bans of honest peers, and of all of them.
    false_bans: usize,
    bans: usize,
}

/// Results of some runs, with their times in percent of the same swarms without leeches.
#[derive(Debug, Default)]
struct Summary {
    percents: Vec<f64>,
    taken: u64,
    false_bans: usize,
    bans: usize,
}

impl Summary {
    fn of(runs: &[Figures], clean: &[Figures]) -> Self {
        let mut summary = Self::default();
        for (run, clean) in runs.iter().zip(clean) {
            summary.percents.push(100.0 * run.mean_s / clean.mean_s);
            summary.taken += run.taken;
            summary.false_bans += run.false_bans;
            summary.bans += run.bans;
        }
        summary
    }

    fn mean(&self) -> f64 {
        self.percents.iter().sum::<f64>() / self.percents.len().max(1) as f64
    }

    fn worst(&self) -> f64 {
        self.percents.iter().copied().fold(0.0, f64::max)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percents: Vec<String> = self.percents.iter().map(|percent| format!("{percent:.1}")).collect();
        let Self { taken, false_bans, bans, .. } = self;
        let taken = taken / MIB / self.percents.len().max(1) as u64;
        write!(
            f,
            "{:.1} % ({}), {taken} MiB taken on average, {bans} bans, {false_bans} of them false",
            self.mean(),
            percents.join(", ")
        )
    }
}

fn line() -> Line {
    Line { up: 256 * KIB, down: 2 * MIB, ..Line::default() }
}

/// Plays the scenario with the kind of leech that the seed chooses.
pub(super) fn play(mut rng: Rng, _: bool) -> Outcome {
    let kind = Kind::ALL[rng.usize(0..Kind::ALL.len())];
    let seeds: Vec<u64> = (0..SWARMS).map(|_| rng.u64(..)).collect();
    let (failure, notes, mean) = match compare(kind, &seeds) {
        Ok((defended, open)) => {
            let (mean, worst) = (defended.mean(), defended.worst());
            let message = if defended.false_bans > 0 {
                Some(format!("{kind:?}: {} bans of honest peers", defended.false_bans))
            } else if mean > MAX_PERCENT || worst > MAX_PERCENT_OF_ONE {
                Some(format!("{kind:?}: {mean:.1} % on average, {worst:.1} % at most"))
            } else {
                None
            };
            let notes = vec![format!("{kind:?}: {defended}"), format!("without the defence: {open}")];
            (message, notes, mean)
        }
        Err(error) => (Some(format!("{error:#}")), Vec::new(), 0.0),
    };
    let failure = failure.map(|message| Failure { at: Instant::ZERO, message, about: Vec::new() });
    Outcome { hash: mean.to_bits(), took: Duration::ZERO, notes, failure, story: Vec::new() }
}

/// Returns the results with leeches: with the defence, and without it.
fn compare(kind: Kind, seeds: &[u64]) -> anyhow::Result<(Summary, Summary)> {
    let of = |kind, defence| move |seed: &u64| (kind, defence, *seed);
    let clean = seeds.iter().map(of(None, LeechDefence::Normal));
    let defended = seeds.iter().map(of(Some(kind), LeechDefence::Normal));
    let open = seeds.iter().take(OPEN_SWARMS).map(of(Some(kind), LeechDefence::Off));
    let runs = run_all(&clean.chain(defended).chain(open).collect::<Vec<_>>())?;
    let (clean, runs) = runs.split_at(seeds.len());
    let (defended, open) = runs.split_at(seeds.len());
    let mut summary = Summary::of(defended, clean);
    summary.false_bans += clean.iter().map(|run| run.bans).sum::<usize>();
    Ok((summary, Summary::of(open, clean)))
}

/// Runs swarms on all cores. Returns their results in the same order.
fn run_all(jobs: &[(Option<Kind>, LeechDefence, u64)]) -> anyhow::Result<Vec<Figures>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, anyhow::Result<Figures>>> = Mutex::default();
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((kind, defence, seed)) = jobs.get(number).copied() else { return };
            let result = run(kind, defence, seed);
            let result = result.with_context(|| format!("{kind:?}, {defence:?}, seed {seed}"));
            results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_values().collect()
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
    let times = world.nodes.iter().skip(1).map(|node| Some(node.reported_at?.since(start).as_secs_f64()));
    let times: Vec<f64> = times.collect::<Option<_>>().context("an honest download does not finish")?;
    let bans: Vec<String> = world
        .nodes
        .iter()
        .filter_map(|node| Some(node.run()?.engine.bans(world.core.now)))
        .flatten()
        .map(|ban| ban.author.to_string())
        .collect();
    let is_leech = |author: &&String| author.starts_with("192.0.");
    Ok(Figures {
        mean_s: times.iter().sum::<f64>() / times.len() as f64,
        taken: world.actors.iter().map(|actor| actor.received_bytes).sum(),
        false_bans: bans.iter().filter(|author| !is_leech(author)).count(),
        bans: bans.len(),
    })
}
