//! Results of a run.

use ztor_base::{Duration, Instant};

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The same for the same scenario and seed, always.
    pub hash: u64,
    /// Virtual time that passed.
    pub took: Duration,
    /// What the scenario has to say of itself: numbers, mostly.
    pub notes: Vec<String>,
    /// What was found wrong.
    pub failure: Option<Failure>,
    /// The last of the story, as far as it concerns the failure.
    pub story: Vec<String>,
}

/// Something that must not be.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The virtual time.
    pub at: Instant,
    /// Which checker found what.
    pub message: String,
    /// Words that the trace lines of those concerned contain.
    pub about: Vec<String>,
}
