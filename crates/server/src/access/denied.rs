//! Refusals of requests.

use std::time::Duration;
use ztor_api::{Problem, ProblemKind};
use ztor_daemon::DaemonError;

/// A refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) problem: Problem,
    /// Time after which a retry makes sense.
    pub(crate) retry_after: Option<Duration>,
    /// Credentials to ask for.
    pub(crate) challenge: Option<Challenge>,
}

/// Credentials that a refusal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password, for which a browser asks its user.
    Basic,
    /// A token. Browsers show no dialog for it.
    Bearer,
}

impl Denied {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { problem: Problem::new(kind, detail), retry_after: None, challenge: None }
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        let challenge = Some(Challenge::Basic);
        Self { challenge, ..Self::new(ProblemKind::Unauthorized, detail) }
    }

    pub(crate) fn banned(rest: Duration) -> Self {
        let seconds = rest.as_secs().max(1);
        let detail = format!("too many failed logins from this address: try again in {seconds} s");
        Self { retry_after: Some(rest), ..Self::new(ProblemKind::TooMany, detail) }
    }

    pub(crate) fn busy() -> Self {
        let detail = "too many logins at the same time: try again in a few seconds";
        let retry_after = Some(Duration::from_secs(5));
        Self { retry_after, ..Self::new(ProblemKind::Unavailable, detail) }
    }
}

impl From<DaemonError> for Denied {
    fn from(error: DaemonError) -> Self {
        Self { problem: error.into(), retry_after: None, challenge: None }
    }
}
