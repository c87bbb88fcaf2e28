//! State of access control.

use super::limiter::Limiter;
use super::password::{self, Hash};
use super::secret::Digest;
use super::sessions::Sessions;
use super::tokens::Tokens;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use ztor_daemon::{Daemon, StoreError};

/// Reason why access control does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The password file cannot be used.
    #[error("cannot use the password file {}: {reason}", path.display())]
    PasswordFile {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The system has no random numbers.
    #[error("cannot get random numbers from the system: {0}")]
    Random(#[from] getrandom::Error),
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// State of access control.
#[derive(Debug)]
pub(super) struct State {
    /// `None` without a password.
    pub(super) account: Option<Account>,
    /// Number of changes of the account.
    pub(super) generation: u64,
    pub(super) limiter: Limiter,
    pub(super) sessions: Sessions,
    pub(super) tokens: Tokens,
    /// Keyed digest of the credentials of the account; `None` until they were verified.
    verified: Option<Digest>,
}

/// The user who may log in.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// User name; `None` for that in the settings.
    pub(super) username: Option<String>,
    pub(super) hash: Arc<Hash>,
}

impl State {
    pub(super) fn load(daemon: &Daemon, password_file: Option<&Path>) -> Result<Self, AccessError> {
        let account = match password_file {
            Some(path) => Some(Account { username: None, hash: Arc::new(hash_in(path, None)?) }),
            None => stored(daemon)?,
        };
        Ok(Self {
            account,
            generation: 0,
            limiter: Limiter::default(),
            sessions: Sessions::default(),
            tokens: Tokens::from_stored(daemon.stored_tokens()?),
            verified: None,
        })
    }

    /// Returns true if credentials were right before.
    pub(super) fn is_verified(&self, digest: &Digest) -> bool {
        self.verified.is_some_and(|known| known.is_same(digest))
    }

    /// Remembers credentials that were right.
    pub(super) fn on_verified(&mut self, digest: Digest) {
        self.verified = Some(digest);
    }

    /// Replaces the account. All sessions and verified credentials end.
    pub(super) fn set_account(&mut self, account: Account) {
        self.account = Some(account);
        self.generation += 1;
        self.sessions.end_all();
        self.verified = None;
    }
}

fn stored(daemon: &Daemon) -> Result<Option<Account>, AccessError> {
    let Some(row) = daemon.stored_account()? else { return Ok(None) };
    match Hash::parse(&row.hash) {
        Ok(hash) => Ok(Some(Account { username: row.username, hash: Arc::new(hash) })),
        Err(error) => {
            tracing::error!(%error, "cannot use the stored password; `ztor password` sets a new one");
            Ok(None)
        }
    }
}

/// Returns the hash of the password in a file; the present one if it is of the same password.
pub(super) fn hash_in(path: &Path, present: Option<&Hash>) -> Result<Hash, AccessError> {
    let failed = |reason| AccessError::PasswordFile { path: path.to_owned(), reason };
    let line = password::read_line(path).map_err(failed)?;
    match present {
        Some(hash) if hash.is_of_line(&line) => Ok(hash.clone()),
        _ => Hash::of_line(&line).map_err(failed),
    }
}
