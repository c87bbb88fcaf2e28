//! Lines of the log about clients that are refused: a program with an old password tells its user little about that.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use ztor_base::Host;
use ztor_daemon::ForeignApi;

/// Shortest time between two lines about a client.
const EVERY: Duration = Duration::from_secs(60);
/// Maximum number of clients that are remembered. While all of them are recent, others get no line.
const MAX_CLIENTS: usize = 1000;

/// Times of the last lines.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(Kind, Host), Instant>>);

/// An API, and what it refuses for.
type Kind = (ForeignApi, &'static str);

impl Refusals {
    /// Tells that a client was refused.
    pub(crate) fn tell(&self, kind: Kind, client: IpAddr, reason: &str) {
        if self.is_due(kind, client, Instant::now()) {
            let name = match kind.0 {
                ForeignApi::Transmission => "Transmission RPC",
                ForeignApi::Qbittorrent => "qBittorrent Web API",
            };
            tracing::warn!(ip = %client, api = name, reason, "a client is refused; correct its settings");
        }
    }

    fn is_due(&self, kind: Kind, client: IpAddr, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind, Host::of(client));
        if told.get(&key).is_some_and(|last| now.duration_since(*last) < EVERY) {
            return false;
        }
        if told.len() >= MAX_CLIENTS {
            told.retain(|_, last| now.duration_since(*last) < EVERY);
        }
        if told.len() >= MAX_CLIENTS {
            return false;
        }
        told.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Kind = (ForeignApi::Transmission, "login");

    #[test]
    fn a_client_is_told_about_once_a_minute() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let (client, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert!(refusals.is_due(LOGIN, client, start));
        assert!(!refusals.is_due(LOGIN, client, start + EVERY / 2));
        assert!(refusals.is_due((ForeignApi::Qbittorrent, "login"), client, start + EVERY / 2));
        assert!(refusals.is_due((ForeignApi::Transmission, "host"), client, start + EVERY / 2));
        assert!(refusals.is_due(LOGIN, other, start + EVERY / 2));
        assert!(refusals.is_due(LOGIN, client, start + EVERY));
    }

    #[test]
    fn clients_are_bounded() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let client = |n: u32| IpAddr::from((0xc000_0000 + n).to_be_bytes());
        let told = (0..5000).filter(|n| refusals.is_due(LOGIN, client(*n), start)).count();
        assert_eq!(told, MAX_CLIENTS);
        assert!(refusals.is_due(LOGIN, client(9999), start + EVERY));
    }
}
