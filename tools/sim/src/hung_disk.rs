//! A client with torrents on two disks, one of which hangs for minutes.
//!
//! Every torrent has its own seed on its own line. The scenario runs twice, with and without the hang. The torrent of
//! the other disk must get at least 95 % of its bytes without the hang. The torrent of the hung disk must continue once
//! the disk answers, over the same connection.

use crate::outcome::{Failure, Outcome};
use crate::star::{self, CLIENT, World};
use crate::trace::{Subject, Trace};
use fastrand::Rng;
use ztor_base::{Duration, Instant};
use ztor_engine::PeerKey;

/// Maximum bytes that wait for a disk: the engine's bound on unwritten data, and the bytes of one step.
const MOST_WAITING: u64 = 9 * 1024 * 1024;
/// Time until both torrents transfer at full rate.
const START: Duration = Duration::from_secs(20);
/// Index of the disk that hangs.
const HUNG: usize = 0;
/// Index of the other disk.
const SOUND: usize = 1;

/// Lines and disks of one run.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// Bytes per second of the line of each seed.
    rate: u64,
    /// Time of the hang, over which the torrents are compared.
    span: Duration,
    /// True if the first disk hangs for that time.
    hangs: bool,
    /// Index of each torrent's disk.
    disks: [usize; 2],
}

/// Results of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    /// Bytes of each torrent received during the span.
    came: [u64; 2],
    /// Maximum bytes that waited for a disk.
    waited: u64,
    /// Number of the client's connections lost during the span.
    lost: u64,
    /// Time of the end; `None` if a torrent did not finish.
    end: Option<Instant>,
}

/// Plays the scenario.
pub(crate) fn play(mut rng: Rng, is_loud: bool) -> Outcome {
    let rate = rng.u64(192..320) * 1024;
    let span = Duration::from_secs(rng.u64(150..270));
    let setup = Setup { rate, span, hangs: true, disks: [HUNG, SOUND] };
    let seed = rng.u64(..);
    let hung = run(setup, seed);
    let well = run(Setup { hangs: false, ..setup }, seed);
    let mut trace = Trace::new();
    trace.is_loud = is_loud;
    let end = hung.end.unwrap_or_default();
    trace.record(end, Subject::HungDisk, &[hung.came[0], hung.came[1], well.came[1], hung.waited, hung.lost]);
    let share = hung.came[1] * 100 / well.came[1].max(1);
    let notes = vec![
        format!("hung for {span:?} at {rate} bytes/s, done after {end:?}"),
        format!("the torrent of the other disk got {share} % of its bytes without the hang"),
    ];
    notes.iter().for_each(|note| trace.note(end, format_args!("{note}")));
    let failure = fault(hung, share).map(|message| Failure { at: end, message, about: Vec::new() });
    Outcome { hash: trace.hash(), took: end.since(Instant::ZERO), notes, failure, story: Vec::new() }
}

fn fault(figures: Figures, share: u64) -> Option<String> {
    let Figures { waited, lost, end, .. } = figures;
    if share < 95 {
        return Some(format!("the torrent of the sound disk got {share} % of its rate"));
    }
    if waited > MOST_WAITING {
        return Some(format!("{waited} bytes waited for a disk"));
    }
    if lost > 0 {
        return Some(format!("{lost} connections were lost"));
    }
    end.is_none().then(|| "a torrent did not finish after its disk answered again".to_owned())
}

fn run(setup: Setup, seed: u64) -> Figures {
    let length = setup.rate * (setup.span + 2 * START).as_secs();
    let star = star::Setup { rate: setup.rate, length, disks: setup.disks.to_vec() };
    let mut world = World::new(star, seed);
    world.run_until(Instant::ZERO + START);
    let before = world.came();
    let links: Vec<PeerKey> = world.nodes[CLIENT].links.keys().copied().collect();
    world.hung = setup.hangs.then_some(HUNG);
    world.run_until(world.now + setup.span);
    let after = world.came();
    let lost = links.iter().filter(|key| !world.nodes[CLIENT].links.contains_key(key)).count() as u64;
    world.hung = None;
    let limit = world.now + 4 * (setup.span + START);
    while !world.is_done() && world.now < limit {
        world.step();
    }
    Figures {
        came: [after[0] - before[0], after[1] - before[1]],
        waited: world.waited,
        lost,
        end: world.is_done().then_some(world.now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_with_two_torrents_on_the_hung_disk_delays_both() {
        let span = Duration::from_secs(60);
        let setup = Setup { rate: 256 * 1024, span, hangs: true, disks: [HUNG, HUNG] };
        let hung = run(setup, 1);
        let well = run(Setup { hangs: false, ..setup }, 1);
        assert!(hung.came[1] * 100 < well.came[1] * 50, "{hung:?} {well:?}");
        let apart = run(Setup { disks: [HUNG, SOUND], ..setup }, 1);
        assert!(apart.came[1] * 100 >= well.came[1] * 95, "{apart:?} {well:?}");
    }
}
