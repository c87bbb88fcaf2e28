//! Lookups of the ports that a tracker's host names in the DNS (BEP 34).
//!
//! The system has no interface for text records, so the name servers of `/etc/resolv.conf` are asked over UDP, from the bound
//! address. Without an answer the port of the URL holds.

use crate::bind::Bind;
use crate::dht_client::udp_socket;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use ztor_tracker::dns::{DnsError, TrackerPorts, decode_answer, encode_query};

/// Wait for each server.
const PATIENCE: Duration = Duration::from_secs(2);
/// Maximum number of servers that are asked, as in the resolver of the system.
const MAX_SERVERS: usize = 3;
/// Longest answer that is read.
const MAX_ANSWER: usize = 4096;
const CONFIG: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

/// Returns the trackers that a host names; `None` without a record or an answer. Blocks for some seconds at most.
pub(crate) fn look_up(name: &str, bind: &Bind) -> Option<TrackerPorts> {
    let config = std::fs::read_to_string(CONFIG).unwrap_or_default();
    servers_of(&config)
        .into_iter()
        .find_map(|server| match ask(server, name, bind) {
            Ok(texts) => Some(texts),
            Err(error) => {
                tracing::debug!(%server, name, error, "cannot look up the ports of a tracker");
                None
            }
        })?
        .iter()
        .find_map(|text| TrackerPorts::of_text(text))
}

/// Returns the addresses of the name servers.
fn servers_of(config: &str) -> Vec<SocketAddr> {
    let of_line = |line: &str| {
        let ip: IpAddr = line.trim().strip_prefix("nameserver")?.trim().parse().ok()?;
        Some(SocketAddr::new(ip, DNS_PORT))
    };
    config.lines().filter_map(of_line).take(MAX_SERVERS).collect()
}

fn ask(server: SocketAddr, name: &str, bind: &Bind) -> Result<Vec<String>, String> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| error.to_string())?;
    let id = u16::from_ne_bytes(id);
    let query = encode_query(id, name).ok_or("the name cannot be in the DNS")?;
    let text = |error: std::io::Error| error.to_string();
    let socket = udp_socket(bind).map_err(text)?;
    let own = socket.local_addr().map_err(text)?;
    let to = crate::driver::sockets::sendable(own, server).ok_or("the bound address cannot reach it")?;
    socket.connect(to).map_err(text)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(text)?;
    socket.send(&query).map_err(text)?;
    let mut answer = [0; MAX_ANSWER];
    // A forged answer with another id does not end the wait; there are few, as the port is random too.
    for _ in 0..8 {
        let len = socket.recv(&mut answer).map_err(text)?;
        match decode_answer(id, answer.get(..len).unwrap_or_default()) {
            Err(DnsError::NotMine) => {}
            Err(error) => return Err(error.to_string()),
            Ok(texts) => return Ok(texts),
        }
    }
    Err(DnsError::NotMine.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_a_configuration_are_its_first_three_addresses() {
        let config = "# a comment\nsearch example\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserver x\n\
                      nameserver 192.0.2.2\nnameserver 192.0.2.3\noptions edns0";
        let servers: Vec<String> = servers_of(config).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
    }
}
