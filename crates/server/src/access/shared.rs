//! Access control as a whole, and what all parts of it need.

use super::denied::Denied;
use super::limiter::Limit;
use super::passwords::Passwords;
use super::request::Rules;
use super::secret::{Digest, random_text};
use super::state::{AccessError, Account, State};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;
use ztor_api::ProblemKind;
use ztor_daemon::Daemon;
use ztor_daemon::settings::Settings;

/// Access control. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Access(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) daemon: Daemon,
    pub(super) rules: Rules,
    settings: watch::Receiver<Arc<Settings>>,
    /// User name of an account without one of its own, as of the start.
    default_username: String,
    pub(super) password_file: Option<PathBuf>,
    pub(super) passwords: Passwords,
    state: Mutex<State>,
    /// Locked while tokens or the account change, so that memory and the database change in the same order.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// Notified when credentials end.
    pub(super) revoked: watch::Sender<()>,
}

/// The sender of a request, as far as it may do something.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Its credentials; `None` on routes that need none.
    pub(crate) pass: Option<Pass>,
    /// Address of the client; `None` on the local socket.
    pub(crate) client: Option<IpAddr>,
    /// True if the client speaks TLS.
    pub(crate) is_secure: bool,
}

/// Credentials that were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Access to the local socket.
    Socket,
    /// The cookie of a session.
    Session(Digest),
    /// A token, by name.
    Token(String),
    /// A password, of this generation of the account.
    Password(u64),
}

impl Access {
    /// Reads the password and the tokens.
    ///
    /// # Errors
    /// The password or the state cannot be used.
    pub(crate) fn start(
        daemon: &Daemon,
        rules: Rules,
        password_file: Option<PathBuf>,
    ) -> Result<Self, AccessError> {
        let settings = daemon.settings_changes();
        let default_username = settings.borrow().username.clone();
        Ok(Self(Arc::new(Shared {
            daemon: daemon.clone(),
            rules,
            settings,
            state: Mutex::new(State::load(daemon, password_file.as_deref(), &default_username)?),
            default_username,
            passwords: Passwords::new()?,
            password_file,
            changing: tokio::sync::Mutex::default(),
            revoked: watch::Sender::new(()),
        })))
    }

    /// Records a failed login. Returns the refusal.
    pub(super) fn on_failure(&self, client: Option<IpAddr>, detail: &str) -> Denied {
        if self.is_closed() {
            return closed();
        }
        let Some(ip) = client else { return Denied::unauthorized(detail) };
        let limit = {
            let settings = self.settings();
            Limit { attempts: settings.login_attempts, ban: settings.login_ban }
        };
        let (now, mut state) = (Instant::now(), self.state());
        if let Some(rest) = state.limiter.ban(ip, now) {
            return Denied::banned(rest);
        }
        let is_banned = state.limiter.on_failure(ip, now, limit);
        drop(state);
        tracing::warn!(%ip, is_banned, "failed login");
        Denied::unauthorized(detail)
    }

    /// Returns the user name.
    pub(super) fn username(&self) -> String {
        let account = self.state().account.clone();
        account.map_or_else(|| self.0.default_username.clone(), |account| self.name_of(&account))
    }

    pub(super) fn name_of(&self, account: &Account) -> String {
        account.username.clone().unwrap_or_else(|| self.0.default_username.clone())
    }

    /// Returns true if nobody can log in.
    pub(super) fn is_closed(&self) -> bool {
        let state = self.state();
        state.account.is_none() && state.tokens.is_empty()
    }

    /// Saves the sessions, which outlive the process.
    pub(crate) fn save_sessions(&self) {
        let mut state = self.state();
        let stored = state.take_stored(&self.0.default_username);
        // Under the lock, so that the last change is saved last.
        self.0.daemon.update_sessions(&stored);
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.settings.borrow())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the refusal while nobody can log in.
pub(super) fn closed() -> Denied {
    Denied::unauthorized(
        "no password and no token is set, so nobody can use the API over TCP: run `ztor password` or `ztor token add NAME` \
         on the machine of the daemon, or set password_file",
    )
}

/// Returns a new secret.
pub(super) fn random() -> Result<String, Denied> {
    random_text().map_err(no_random)
}

/// Reports that there are no random numbers.
pub(super) fn no_random(error: getrandom::Error) -> Denied {
    tracing::error!(%error, "cannot get random numbers from the system");
    Denied::new(ProblemKind::Internal, "the system has no random numbers; the log says why")
}
