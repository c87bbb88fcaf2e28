//! The daemon of this machine: the one that runs, or else one in this process.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};
use ztor_client::tasks::Wake;
use ztor_daemon::settings::Sources;
use ztor_daemon::{Salvage, Store, StoreError};
use ztor_server::Served;
use ztor_server::api::LogBuffer;

/// Longest wait at the end for a daemon that still starts.
const START: Duration = Duration::from_secs(10);
/// Longest wait for a daemon that ends, and the interval of looks at it. It takes at most five seconds.
const ENDING: Duration = Duration::from_secs(8);
const AGAIN: Duration = Duration::from_millis(50);

/// Settings of a daemon in this process: key and value.
pub type Flags = Vec<(String, String)>;

/// The daemon of this machine.
#[derive(Debug)]
pub(crate) struct Host {
    start: Receiver<Result<Option<Box<Served>>, String>>,
    served: Option<Box<Served>>,
    state: HostState,
    socket: PathBuf,
}

/// State of the daemon of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostState {
    /// The daemon is looked for, or starts.
    Starting,
    /// The daemon listens on its socket.
    Ready,
    /// The daemon cannot start; the reason in plain words.
    Failed(String),
}

impl Host {
    /// Looks for the daemon of a state folder, and starts one if there is none. Does not wait; `wake` is called at the
    /// end.
    pub(crate) fn start(state_dir: &Path, flags: Flags, log: LogBuffer, wake: Wake) -> Self {
        let (sender, start) = channel();
        let socket = ztor_api::socket_in(state_dir);
        let (state_dir, known) = (state_dir.to_owned(), socket.clone());
        std::thread::spawn(move || {
            // Nobody waits any more if the app has ended.
            let result = if UnixStream::connect(&known).is_ok() {
                Ok(None)
            } else {
                serve(&state_dir, flags, log).map(|served| Some(Box::new(served)))
            };
            if let Ok(Some(served)) = &result {
                let (asked, wake) = (served.daemon.asked_to_end(), Wake::clone(&wake));
                served.runtime.spawn(async move {
                    asked.await;
                    wake();
                });
            }
            if let Err(sent) = sender.send(result)
                && let Ok(Some(served)) = sent.0
            {
                served.end();
            }
            wake();
        });
        Self { start, served: None, state: HostState::Starting, socket }
    }

    /// Returns the state.
    pub(crate) fn poll(&mut self) -> &HostState {
        if self.state == HostState::Starting {
            match self.start.try_recv() {
                Ok(Ok(served)) => (self.served, self.state) = (served, HostState::Ready),
                Ok(Err(reason)) => self.state = HostState::Failed(reason),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    self.state = HostState::Failed("the thread that starts the daemon has ended".to_owned());
                }
            }
        }
        &self.state
    }

    /// Returns the path of the local socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns true if the daemon runs in this process, and ends with it.
    pub(crate) fn is_own(&self) -> bool {
        self.served.is_some()
    }

    /// Returns true if the daemon runs in this process, and a client of one of its APIs has asked it to end.
    pub(crate) fn is_asked_to_end(&self) -> bool {
        self.served.as_ref().is_some_and(|served| served.daemon.is_asked_to_end())
    }

    /// Ends the daemon if it runs in this process.
    pub(crate) fn end(&mut self) {
        if self.state == HostState::Starting {
            match self.start.recv_timeout(START) {
                Ok(Ok(served)) => self.served = served,
                Ok(Err(_)) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        self.state = HostState::Failed("the app ends".to_owned());
        if let Some(served) = self.served.take()
            && !served.end()
        {
            tracing::warn!("the disk did not save all data in time; the next start will check it again");
        }
    }
}

/// Opens the state. A daemon that ends, such as that of a window that was closed just now, keeps it for some seconds after
/// its socket is gone.
fn open_store(state_dir: &Path) -> Result<(Store, Option<Salvage>), StoreError> {
    let end = Instant::now() + ENDING;
    loop {
        match Store::open(state_dir) {
            Err(StoreError::InUse { .. }) if Instant::now() < end => std::thread::sleep(AGAIN),
            opened => return opened,
        }
    }
}

/// Starts a daemon.
fn serve(state_dir: &Path, flags: Flags, log: LogBuffer) -> Result<Served, String> {
    let store = open_store(state_dir).map_err(|error| error.to_string())?;
    let stored = store.0.settings().map_err(|error| error.to_string())?;
    let flags = flags.into_iter().map(|(key, value)| (key.clone(), format!("--{key}"), value));
    let sources = Sources::of_user(None).map_err(|error| error.to_string())?.flags(flags).stored(stored);
    let resolved = sources
        .resolve()
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    for warning in resolved.warnings() {
        tracing::warn!("{warning}");
    }
    let folder = resolved.settings().download_dir.clone();
    if let Err(error) = std::fs::create_dir_all(&folder) {
        tracing::warn!(path = %folder.display(), %error, "cannot create the download folder; torrents in it wait");
    }
    let (served, salvage) =
        Served::start(store, state_dir.to_owned(), resolved, log).map_err(|error| error.to_string())?;
    if let Some(salvage) = salvage {
        tracing::warn!(rows = salvage.rows, damaged = %salvage.damaged.display(), "the state was damaged and salvaged");
    }
    Ok(served)
}

#[cfg(test)]
/// Returns a function that wakes nobody.
pub(crate) fn no_wake() -> Wake {
    std::sync::Arc::new(|| {})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn host_wakes_its_window_when_a_client_ends_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("downloads");
        let flags =
            [("bind", "127.0.0.1"), ("port", "0"), ("listen", ""), ("download_dir", path.to_str().unwrap())];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let (sender, woken) = channel();
        let wake: Wake = std::sync::Arc::new(move || {
            // Nobody waits after the test.
            let _ = sender.send(());
        });
        let mut host = Host::start(folder.path(), flags, LogBuffer::default(), wake);
        let patience = Duration::from_secs(60);
        woken.recv_timeout(patience).unwrap();
        assert_eq!(host.poll(), &HostState::Ready);
        assert!(!host.is_asked_to_end());
        host.served.as_ref().unwrap().daemon.ask_to_end();
        woken.recv_timeout(patience).unwrap();
        assert!(host.is_asked_to_end());
        host.end();
    }

    #[test]
    fn host_reports_settings_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let flags = vec![("port".to_owned(), "many".to_owned())];
        let mut host = Host::start(folder.path(), flags, LogBuffer::default(), no_wake());
        for _ in 0..2000 {
            if let HostState::Failed(reason) = host.poll() {
                assert!(reason.contains("port"), "{reason}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no result: {host:?}");
    }
}
