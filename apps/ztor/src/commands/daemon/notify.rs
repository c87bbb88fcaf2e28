//! Messages to the service manager: readiness, reloads and the watchdog (`sd_notify`).

use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Connection to the service manager that has started the process, if there is one.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: Option<(UnixDatagram, OsString)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Reads `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub(super) fn from_environment() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let socket = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let micros = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse::<u64>().ok());
        let is_ours = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        // Twice per period, as the manual of sd_watchdog_enabled advises.
        let watchdog =
            micros.filter(|micros| *micros > 0 && is_ours).map(|micros| Duration::from_micros(micros / 2));
        Self { socket, watchdog }
    }

    /// Returns the interval of [`alive`](Self::alive); `None` without a watchdog.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    pub(super) fn ready(&self) {
        self.send("READY=1\nSTATUS=Running");
    }

    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    pub(super) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=Reloading the settings"));
    }

    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Saving");
    }

    fn send(&self, message: &str) {
        let Some((socket, address)) = &self.socket else { return };
        let sent = match address.to_str().and_then(|address| address.strip_prefix('@')) {
            Some(name) => {
                abstract_address(name).and_then(|address| socket.send_to_addr(message.as_bytes(), &address))
            }
            None => socket.send_to(message.as_bytes(), address),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "cannot notify the service manager");
        }
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
}
