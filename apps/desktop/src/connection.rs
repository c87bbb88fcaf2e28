//! The connection to one daemon at a time: that of this machine, or a remote one.

use crate::host::{Flags, Host, HostState};
use crate::remotes::Remotes;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use ztor_client::tasks::{Tasks, Wake};
use ztor_client::{Client, Credentials, Fingerprint, Target, Trust};
use ztor_server::api::LogBuffer;
use ztor_view::filter::View;
use ztor_view::front::Front;

/// Time between looks at requests while the app ends.
const STEP: Duration = Duration::from_millis(10);

/// A daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// That of this machine.
    Local,
    /// That of a profile.
    Profile(String),
    /// One at an address, with the certificate that the user trusts.
    Url(String, Option<Fingerprint>),
}

impl Place {
    /// Parses what the command line names: the name of a profile, or a URL.
    pub(crate) fn parse(text: &str) -> Self {
        if text.contains("://") { Self::Url(text.to_owned(), None) } else { Self::Profile(text.to_owned()) }
    }

    /// Returns the name for the user.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Local => "This computer".to_owned(),
            Self::Profile(name) => name.clone(),
            Self::Url(url, _) => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                rest.rsplit_once('@').map_or(rest, |(_, rest)| rest).trim_end_matches('/').to_owned()
            }
        }
    }
}

/// The connection, and the daemon of this machine.
pub(crate) struct Connection {
    place: Place,
    front: Option<Front>,
    host: Option<Host>,
    /// Reason why there is no connection to make.
    error: Option<String>,
    view: View,
    remotes: Remotes,
    state_dir: PathBuf,
    flags: Flags,
    log: LogBuffer,
    runtime: Handle,
    wake: Wake,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to a daemon.
    pub(crate) fn open(
        place: Place,
        view: View,
        remotes: Remotes,
        (state_dir, flags): (PathBuf, Flags),
        log: LogBuffer,
        runtime: Handle,
        wake: Wake,
    ) -> Self {
        let (front, host, error) = (None, None, None);
        let mut connection = Self {
            place: Place::Local,
            front,
            host,
            error,
            view,
            remotes,
            state_dir,
            flags,
            log,
            runtime,
            wake,
        };
        connection.go(place);
        connection
    }

    /// Connects to another daemon, or again to the same one.
    pub(crate) fn go(&mut self, place: Place) {
        if let Some(front) = self.front.take() {
            self.view = front.view().clone();
            if place != self.place {
                // Categories and tags are those of the other daemon.
                self.view.clear_all();
            }
        }
        (self.place, self.error) = (place, None);
        match self.target() {
            Ok(Some(target)) => self.connect(target),
            Ok(None) => {
                let has_failed =
                    self.host.as_mut().is_some_and(|host| matches!(host.poll(), HostState::Failed(_)));
                if self.host.is_none() || has_failed {
                    self.start_host();
                }
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn start_host(&mut self) {
        let (flags, log) = (self.flags.clone(), self.log.clone());
        self.host = Some(Host::start(&self.state_dir, flags, log, self.wake.clone()));
    }

    /// Returns the target; `None` for the daemon of this machine.
    fn target(&self) -> Result<Option<Target>, String> {
        match &self.place {
            Place::Local => Ok(None),
            Place::Profile(name) => {
                let profiles = self.remotes.open().map_err(|error| error.to_string())?;
                profiles.target(name).map(Some).map_err(|error| error.to_string())
            }
            Place::Url(url, pin) => {
                let trust = pin.map_or(Trust::System, Trust::Pin);
                let base = url.trim_end_matches('/').to_owned();
                Ok(Some(Target::Url { base, credentials: Credentials::None, trust }))
            }
        }
    }

    fn connect(&mut self, target: Target) {
        match Client::new(target) {
            Ok(client) => {
                let tasks = Tasks::new(client, self.runtime.clone(), self.wake.clone());
                self.front = Some(Front::new(tasks, self.view.clone()));
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    /// Takes over what has happened: connects when the daemon of this machine is ready.
    pub(crate) fn tick(&mut self) {
        if self.place != Place::Local || self.front.is_some() || self.error.is_some() {
            return;
        }
        let Some(host) = &mut self.host else { return };
        match host.poll() {
            HostState::Starting => {}
            HostState::Ready => {
                let socket = host.socket().to_owned();
                self.connect(Target::Socket(socket));
            }
            HostState::Failed(reason) => self.error = Some(reason.clone()),
        }
    }

    /// Returns the state of the front end, if there is a daemon to connect to.
    pub(crate) fn front(&mut self) -> Option<&mut Front> {
        self.front.as_mut()
    }

    /// Returns the same, to look at.
    pub(crate) fn seen(&self) -> Option<&Front> {
        self.front.as_ref()
    }

    /// Waits for additions and actions under way, but not longer than `limit`.
    pub(crate) fn settle(&mut self, limit: Duration) {
        let Some(front) = &mut self.front else { return };
        let start = Instant::now();
        while front.is_busy() && start.elapsed() < limit {
            std::thread::sleep(STEP);
            front.tick();
        }
    }

    /// Returns the daemon that is chosen.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Returns true if paths of this machine are those of the daemon.
    pub(crate) fn is_local(&self) -> bool {
        self.place == Place::Local
    }

    /// Returns true if the daemon runs in this process.
    pub(crate) fn is_own(&self) -> bool {
        self.host.as_ref().is_some_and(Host::is_own)
    }

    /// Returns true if a client has asked the daemon in this process to end.
    pub(crate) fn is_asked_to_end(&self) -> bool {
        self.host.as_ref().is_some_and(Host::is_asked_to_end)
    }

    /// Returns the reason why there is no daemon to connect to.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Looks for the daemon of this machine again, after it has ended.
    pub(crate) fn revive(&mut self) {
        if self.place == Place::Local && !self.is_own() {
            self.host = None;
            self.go(Place::Local);
        } else if let Some(front) = &self.front {
            front.retry();
        } else {
            self.go(self.place.clone());
        }
    }

    /// Ends the connection, and the daemon if it runs in this process.
    pub(crate) fn end(&mut self) {
        self.front = None;
        if let Some(mut host) = self.host.take() {
            host.end();
        }
    }
}
