//! Queries to name servers from the bound address: for addresses, and for the ports of trackers (BEP 34).
//!
//! The system has no interface for text records, and resolves names outside of the bound interface.

use crate::bind::Bind;
use crate::dht_client::udp_socket;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use ztor_tracker::dns::{DnsError, RecordKind, TrackerPorts, decode_addresses, decode_answer, encode_query};

/// Wait for each server.
const PATIENCE: Duration = Duration::from_secs(2);
/// Maximum number of servers that are asked, as in the resolver of the system.
const MAX_SERVERS: usize = 3;
/// Longest answer that is read.
const MAX_ANSWER: usize = 4096;
const CONFIG: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

/// Name servers, and the address or interface from which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Dns {
    /// Addresses by the user; those of the system if there are none.
    servers: Vec<SocketAddr>,
    bind: Bind,
}

impl Dns {
    pub(crate) fn new(servers: &[IpAddr], bind: &Bind) -> Self {
        let servers = servers.iter().take(MAX_SERVERS).map(|ip| SocketAddr::new(*ip, DNS_PORT)).collect();
        Self { servers, bind: bind.clone() }
    }

    /// Returns true if names are looked up here, and not by the system.
    pub(crate) fn has_servers(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Returns the addresses of a host. Blocks for some seconds at most.
    pub(crate) fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let name = name.trim_end_matches('.');
        // RFC 6761: never a question to a server.
        if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
            return Ok(vec![[127, 0, 0, 1].into()]);
        }
        let mut last = None;
        for server in self.servers() {
            let both = [RecordKind::A, RecordKind::Aaaa]
                .map(|kind| self.ask(server, name, kind, |id, bytes| decode_addresses(id, bytes, kind)));
            let (found, failed): (Vec<_>, Vec<_>) = both.into_iter().partition(Result::is_ok);
            let found: Vec<IpAddr> = found.into_iter().flatten().flatten().collect();
            match failed.into_iter().find_map(Result::err) {
                _ if !found.is_empty() => return Ok(found),
                Some(error) => last = Some(error),
                None => last = Some("it has no address".to_owned()),
            }
        }
        Err(io::Error::other(last.unwrap_or_else(|| "there is no name server to ask".to_owned())))
    }

    /// Returns the trackers that a host names; `None` without a record or an answer. Blocks for some seconds at most.
    pub(crate) fn tracker_ports(&self, name: &str) -> Option<TrackerPorts> {
        self.servers()
            .into_iter()
            .find_map(|server| match self.ask(server, name, RecordKind::Txt, decode_answer) {
                Ok(texts) => Some(texts),
                Err(error) => {
                    tracing::debug!(%server, name, error, "cannot look up the ports of a tracker");
                    None
                }
            })?
            .iter()
            .find_map(|text| TrackerPorts::of_text(text))
    }

    fn servers(&self) -> Vec<SocketAddr> {
        if self.has_servers() {
            return self.servers.clone();
        }
        servers_of(&std::fs::read_to_string(CONFIG).unwrap_or_default())
    }

    fn ask<T>(
        &self,
        server: SocketAddr,
        name: &str,
        kind: RecordKind,
        decode: impl Fn(u16, &[u8]) -> Result<T, DnsError>,
    ) -> Result<T, String> {
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| error.to_string())?;
        let id = u16::from_ne_bytes(id);
        let query = encode_query(id, name, kind).ok_or("the name cannot be in the DNS")?;
        let text = |error: io::Error| format!("the name server {}: {error}", server.ip());
        if !self.bind.reaches(server.ip()) {
            return Err(format!("no bound address can reach the name server {}", server.ip()));
        }
        let socket = udp_socket(&self.bind, Some(server.ip())).map_err(text)?;
        let own = socket.local_addr().map_err(text)?;
        let to = crate::driver::sockets::sendable(own, server)
            .ok_or_else(|| format!("no bound address can reach the name server {}", server.ip()))?;
        socket.connect(to).map_err(text)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        let mut is_again = false;
        socket.send(&query).map_err(text)?;
        let mut answer = [0; MAX_ANSWER];
        // A forged answer with another id does not end the wait; there are few, as the port is random too.
        for _ in 0..8 {
            let len = match socket.recv(&mut answer) {
                Ok(len) => len,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    // One datagram may be lost.
                    if std::mem::replace(&mut is_again, true) {
                        return Err(format!("the name server {} does not answer", server.ip()));
                    }
                    socket.send(&query).map_err(text)?;
                    continue;
                }
                Err(error) => return Err(text(error)),
            };
            match decode(id, answer.get(..len).unwrap_or_default()) {
                Err(DnsError::NotMine) => {}
                Err(error) => return Err(format!("the name server {}: {error}", server.ip())),
                Ok(found) => return Ok(found),
            }
        }
        Err(DnsError::NotMine.to_string())
    }
}

/// Returns the addresses of the name servers.
fn servers_of(config: &str) -> Vec<SocketAddr> {
    let of_line = |line: &str| {
        let ip: IpAddr = line.trim().strip_prefix("nameserver")?.trim().parse().ok()?;
        Some(SocketAddr::new(ip, DNS_PORT))
    };
    config.lines().filter_map(of_line).take(MAX_SERVERS).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Answers queries for IPv4 addresses with 192.0.2.7, those for IPv6 with nothing, until it has had this many.
    fn name_server(queries: usize) -> (SocketAddr, std::thread::JoinHandle<Vec<Vec<u8>>>) {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let addr = socket.local_addr().unwrap();
        let answer = move || {
            let mut seen = Vec::new();
            for _ in 0..queries {
                let mut buffer = [0; 512];
                let (len, from) = socket.recv_from(&mut buffer).unwrap();
                let mut bytes = buffer[..len].to_vec();
                seen.push(bytes.clone());
                bytes[2] = 0x81;
                if bytes[len - 3] == 1 {
                    bytes[7] = 1;
                    bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x07");
                }
                socket.send_to(&bytes, from).unwrap();
            }
            seen
        };
        (addr, std::thread::spawn(answer))
    }

    #[test]
    fn addresses_come_from_the_given_server_and_localhost_from_none() {
        let (server, thread) = name_server(2);
        let dns = Dns { servers: vec![server], bind: IpAddr::from([127, 0, 0, 1]).into() };
        assert_eq!(dns.addresses("localhost").unwrap(), [IpAddr::from([127, 0, 0, 1])]);
        assert_eq!(dns.addresses("t.example.").unwrap(), [IpAddr::from([192, 0, 2, 7])]);
        let seen = thread.join().unwrap();
        assert!(seen.iter().all(|query| query[12..].starts_with(b"\x01t\x07example\x00")), "{seen:?}");
    }

    #[test]
    fn addresses_without_a_server_in_reach_is_an_error_that_names_it() {
        let dns = Dns::new(&["192.0.2.1".parse().unwrap()], &Bind::from("::1".parse::<IpAddr>().unwrap()));
        let error = dns.addresses("t.example").unwrap_err().to_string();
        assert!(error.contains("192.0.2.1"), "{error}");
    }

    #[test]
    fn servers_of_a_configuration_are_its_first_three_addresses() {
        let config = "# a comment\nsearch example\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserver x\n\
                      nameserver 192.0.2.2\nnameserver 192.0.2.3\noptions edns0";
        let servers: Vec<String> = servers_of(config).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
    }
}
