//! Results of a run.

use ztor_base::{Duration, Instant};

/// Result of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Hash of the trace; always the same for the same scenario and seed.
    pub hash: u64,
    /// Virtual time that passed.
    pub took: Duration,
    /// Report of the scenario, mostly figures.
    pub notes: Vec<String>,
    /// First failure; `None` if all checks passed.
    pub failure: Option<Failure>,
    /// Last trace lines that are relevant to the failure.
    pub story: Vec<String>,
}

/// Violation of a rule.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Virtual time of the violation.
    pub at: Instant,
    /// Description of the violation.
    pub message: String,
    /// Words in the trace lines that are relevant; empty for all lines.
    pub about: Vec<String>,
}
