//! The settings of a session, from flags and environment.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ztor_session::{
    Config, DhtOptions, PortMappingOptions, RateLimits, Route, Settings, Use, default_state_dir,
};

use crate::args::NetArgs;
use crate::console::Console;
use crate::exit::{CliError, Exit};

/// Returns the settings of a session that connects to peers.
pub(crate) fn config(net: &NetArgs, state_dir: Option<PathBuf>) -> Result<Config, CliError> {
    let defaults = Settings::default();
    let max_peers = net.max_peers.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let slots = net.upload_slots.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let settings = Settings::default()
        .limits(RateLimits {
            down: net.limit_down.and_then(|limit| limit.0),
            up: net.limit_up.and_then(|limit| limit.0),
        })
        .limits_spare_local(net.no_limit_local)
        .max_peers(max_peers.unwrap_or(defaults.max_peers))
        .upload_slots(slots.unwrap_or(defaults.upload_slots))
        .web_seeds_at_once(net.web_seeds_at_once)
        .announce_to_all(net.announce_to_all)
        .peer_exchange(!net.no_pex)
        .suggest_pieces(net.suggest_pieces)
        .encryption(net.encryption.into())
        .announced_port(net.announced_port)
        .port_mapping(
            PortMappingOptions::default().enabled(!net.no_port_mapping).gateway(net.port_mapping_gateway),
        )
        .proxy(net.proxy.policy()?)
        .is_anonymous(net.proxy.is_anonymous())
        .leech_defence(net.leech_defence.into());
    let config = Config::default();
    let port = net.port.unwrap_or(config.port);
    let config = config
        .bind(net.bind.clone())
        .port(port)
        .port_is_fixed(net.port.is_some())
        .dht(dht(net))
        // Loopback has no other machines.
        .local_discovery(!net.no_lsd && !net.bind.is_loopback())
        .transports(net.transport.into())
        .dns_servers(net.dns_server.clone())
        .tracker_dns(net.tracker_dns)
        .state_dir(state_dir)
        .settings(settings);
    Ok(config)
}

/// Returns the settings of the DHT; `None` turns it off. On loopback it is off unless a bootstrap node is given.
fn dht(net: &NetArgs) -> Option<DhtOptions> {
    let is_loopback = net.bind.is_loopback();
    if net.no_dht || (is_loopback && net.dht_bootstrap.is_empty()) {
        return None;
    }
    let options = DhtOptions::default().read_only(net.dht_read_only.into());
    if net.dht_bootstrap.is_empty() {
        return Some(options);
    }
    Some(options.bootstrap(net.dht_bootstrap.clone()))
}

/// Returns the default folder for progress between runs; `None` if it cannot be created.
pub(crate) fn state_dir(console: &Console) -> Option<PathBuf> {
    let dir = default_state_dir()?;
    match std::fs::create_dir_all(&dir) {
        Ok(()) => Some(dir),
        Err(error) => {
            console.warn(&format!(
                "cannot save progress in {}: {error}; the next run will check the data again",
                dir.display()
            ));
            None
        }
    }
}

/// Returns the addresses of all `--peer` flags. Resolves names, unless connections to peers go through a proxy.
pub(crate) fn peers_for(net: &NetArgs, flags: &[String]) -> Result<Vec<SocketAddr>, CliError> {
    let is_proxied = net.proxy.is_for_peers();
    if let Some(flag) = flags.iter().find(|flag| is_proxied && flag.parse::<SocketAddr>().is_err()) {
        let error = CliError::new(
            Exit::Usage,
            format!("cannot use --peer {flag}: with a proxy, names are not resolved"),
        );
        return Err(error.hint("give the address of the peer"));
    }
    peers(flags, &net.route(Use::Peers)?)
}

/// Returns the addresses of all `--peer` flags. Resolves names on a route.
pub(crate) fn peers(flags: &[String], route: &Route) -> Result<Vec<SocketAddr>, CliError> {
    let mut peers = HashSet::new();
    for flag in flags {
        peers.extend(route.resolve(flag).map_err(|error| bad_peer(flag, &error))?);
    }
    let mut peers: Vec<SocketAddr> = peers.into_iter().collect();
    peers.sort();
    Ok(peers)
}

/// Returns the error for a `--peer` flag: wrong usage, or a name that cannot be resolved.
fn bad_peer(flag: &str, error: &io::Error) -> CliError {
    let (exit, hint) = match error.kind() {
        io::ErrorKind::InvalidInput => {
            (Exit::Usage, "write HOST:PORT, for example 192.0.2.1:6881 or [2001:db8::1]:6881")
        }
        _ => (Exit::Network, "check the name, or give the peer's address"),
    };
    CliError::new(exit, format!("cannot use --peer {flag}: {error}")).hint(hint)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::exit::Report;

    #[test]
    fn malformed_peer_is_wrong_usage_and_an_unknown_name_a_network_failure() {
        for flag in ["192.0.2.1", "192.0.2.1:65536", "host:", "host"] {
            let report = Report::of(&peers(&[flag.to_owned()], &Route::default()).unwrap_err().into());
            assert_eq!(report.exit, Exit::Usage, "{}", report.message);
            assert!(report.hint.is_some_and(|hint| hint.contains("HOST:PORT")));
        }
        let report = Report::of(&bad_peer("host:1", &io::Error::other("no such name")).into());
        assert_eq!(report.exit, Exit::Network);
        assert_eq!(report.message, "cannot use --peer host:1: no such name");
    }
}
