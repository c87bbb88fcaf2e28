//! Verification of passwords: a bounded number of hashes at a time.

use super::denied::Denied;
use super::secret::{Digest, ProcessKey};
use super::state::AccessError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ztor_api::ProblemKind;

/// Number of hashes that are computed at the same time.
const RUNNING: usize = 2;
/// Number of hashes that run or wait. Beyond it, logins are refused.
const ADMITTED: usize = 34;

/// The means to verify passwords.
#[derive(Debug)]
pub(super) struct Passwords {
    key: ProcessKey,
    /// Key of the signatures of links.
    links: ProcessKey,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// Right to compute a hash.
pub(super) type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Passwords {
    pub(super) fn new() -> Result<Self, AccessError> {
        let (admitted, running) = (Arc::new(Semaphore::new(ADMITTED)), Arc::new(Semaphore::new(RUNNING)));
        Ok(Self { key: ProcessKey::random()?, links: ProcessKey::random()?, admitted, running })
    }

    /// Returns the digest under which verified credentials are remembered.
    pub(super) fn digest(&self, generation: u64, username: &str, password: &str) -> Digest {
        self.key.digest(generation, username, password)
    }

    /// Returns the signature of a link.
    pub(super) fn sign_link(&self, generation: u64, route: &str, expires_unix_s: u64) -> Digest {
        self.links.digest(generation, route, &expires_unix_s.to_string())
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, Denied> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Denied::busy())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Denied::busy())?;
        Ok((admitted, running))
    }
}

/// Computes a hash. The turn ends with the computation, also if the client has gone.
pub(super) async fn in_background<T: Send + 'static>(
    turn: Turn,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Denied> {
    let task = tokio::task::spawn_blocking(move || {
        let result = compute();
        drop(turn);
        result
    });
    task.await.map_err(|error| {
        tracing::error!(%error, "the computation of a hash has not ended");
        Denied::new(ProblemKind::Unavailable, "the daemon is ending")
    })
}
