//! One run of a scenario with a seed.

use crate::outcome::{Failure, Outcome};
use crate::scenarios::{Body, Scenario};
use crate::world::World;
use fastrand::Rng;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use ztor_base::{Duration, Instant};

/// Trace lines shown with a failure.
const SHOWN_LINES: usize = 40;
/// Time for which a world runs on after its goal was reached.
const AFTERMATH: Duration = Duration::from_secs(15);
/// Upper bound of the time over which a scenario plans faults.
const MAX_FAULTS: Duration = Duration::from_secs(6 * 3600);

type Build = fn(Rng) -> anyhow::Result<World>;
type Report = fn(&mut World) -> Vec<String>;

/// Runs a scenario. With `is_loud` all trace lines go to standard output.
pub fn run(scenario: &Scenario, seed: u64, is_loud: bool) -> Outcome {
    let rng = Rng::with_seed(seed ^ name_hash(scenario.name));
    match scenario.body {
        Body::Swarm { build, report } => run_swarm(build, report, rng, is_loud),
        Body::Own(play) => {
            catch_unwind(|| play(rng, is_loud)).unwrap_or_else(|panic| broken(panic_message(&*panic)))
        }
    }
}

fn run_swarm(build: Build, report: Report, rng: Rng, is_loud: bool) -> Outcome {
    let mut world = None;
    // A panic of the engine is a failure like any other, and is reported with its seed.
    let result = catch_unwind(AssertUnwindSafe(|| play(build, report, rng, is_loud, &mut world)));
    let notes = match result {
        Ok(Ok(notes)) => notes,
        Ok(Err(error)) => return broken(format!("the scenario cannot be set up: {error:#}")),
        Err(panic) => {
            let message = panic_message(&*panic);
            match &mut world {
                Some(world) => world.core.fail(&[], message),
                None => return broken(message),
            }
            Vec::new()
        }
    };
    let Some(world) = world else { return broken("there is no world".to_owned()) };
    let failure = world.core.failure.clone();
    let story =
        failure.as_ref().map_or_else(Vec::new, |failure| world.core.trace.last(SHOWN_LINES, &failure.about));
    Outcome {
        hash: world.core.trace.hash(),
        took: world.core.now.since(Instant::ZERO),
        notes,
        failure,
        story,
    }
}

fn play(
    build: Build,
    report: Report,
    rng: Rng,
    is_loud: bool,
    place: &mut Option<World>,
) -> anyhow::Result<Vec<String>> {
    let world = place.insert(build(rng)?);
    world.core.trace.is_loud = is_loud;
    world.run_until(MAX_FAULTS, |world| world.healed().is_some());
    if let Some(healed) = world.healed() {
        let bound = world.liveness_bound(healed);
        let done = world.run_until(bound, World::all_are_done);
        if !done && world.core.failure.is_none() {
            let late: Vec<String> = world.unfinished().map(|node| node.name() + " ").collect();
            let message = format!("not finished {bound:?} after the last fault: {}", late.concat());
            world.core.fail(&late, message);
        }
    } else if world.core.failure.is_none() {
        world.core.fail(&[], "the scenario's faults never end".to_owned());
    }
    let took = world.core.now;
    world.run_for(AFTERMATH);
    let mut notes = vec![format!("done after {took:?} of virtual time")];
    if world.core.failure.is_none() {
        world.judge();
        notes.extend(report(world));
    }
    Ok(notes)
}

impl World {
    fn unfinished(&self) -> impl Iterator<Item = &crate::node::Node> {
        self.nodes.iter().filter(|node| node.settings.is_honest && !node.has_left && !node.is_finished())
    }

    fn all_are_done(&self) -> bool {
        self.unfinished().next().is_none()
    }

    /// Fails unless every client that has reported its torrent finished has the right bytes.
    fn judge(&mut self) {
        let pieces = self.content.pieces();
        let wrong = self.nodes.iter().filter(|node| node.is_finished());
        let wrong: Vec<String> = wrong
            .filter(|node| !(0..pieces).all(|p| !node.wants(p) || node.disk.is_true(p)))
            .map(|node| node.name())
            .collect();
        if !wrong.is_empty() {
            let message = format!("finished with wrong bytes: {}", wrong.join(", "));
            self.core.fail(&wrong, message);
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without a message"))
}

fn broken(message: String) -> Outcome {
    let failure = Failure { at: Instant::ZERO, message, about: Vec::new() };
    Outcome { hash: 0, took: Duration::ZERO, notes: Vec::new(), failure: Some(failure), story: Vec::new() }
}

/// Returns a hash of the name, so that scenarios with the same seed differ.
fn name_hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
