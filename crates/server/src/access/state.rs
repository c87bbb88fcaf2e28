//! State of access control.

use super::clock::now_unix_s;
use super::limiter::Limiter;
use super::password::{self, Hash};
use super::secret::Digest;
use super::sessions::Sessions;
use super::tokens::Tokens;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use ztor_daemon::{Daemon, StoreError, StoredSessions};

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
    pub(super) fn load(
        daemon: &Daemon,
        password_file: Option<&Path>,
        default_username: &str,
    ) -> Result<Self, AccessError> {
        let saved = daemon.stored_sessions()?;
        // The hash of a password in a file is another one after each start, unless it is taken from the last run.
        let present = saved.account.as_deref().and_then(|text| Hash::parse(text).ok());
        let account = match password_file {
            Some(path) => Some(Account { username: None, hash: Arc::new(hash_in(path, present.as_ref())?) }),
            None => stored(daemon)?,
        };
        let name =
            account.as_ref().and_then(|account| account.username.as_deref()).unwrap_or(default_username);
        let is_same = account.as_ref().map(|account| account.hash.as_str()) == saved.account.as_deref()
            && name == saved.username;
        let lifetime = daemon.settings_changes().borrow().session_time;
        let rows = if is_same { saved.sessions.as_slice() } else { &[] };
        let sessions = Sessions::from_stored(rows, Instant::now(), now_unix_s(), lifetime);
        Ok(Self {
            account,
            generation: 0,
            limiter: Limiter::default(),
            sessions,
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

    /// Returns the sessions and their account for the next run.
    pub(super) fn take_stored(&mut self, default_username: &str) -> StoredSessions {
        let account = self.account.as_ref().map(|account| account.hash.as_str().to_owned());
        let name = self.account.as_ref().and_then(|account| account.username.clone());
        let username = name.unwrap_or_else(|| default_username.to_owned());
        StoredSessions {
            account,
            username,
            sessions: self.sessions.take_stored(Instant::now(), now_unix_s()),
        }
    }

    /// Replaces the account. All sessions but one, and verified credentials, end.
    pub(super) fn set_account(&mut self, account: Account, kept: Option<Digest>) {
        self.account = Some(account);
        self.generation += 1;
        self.sessions.end_others(kept);
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
