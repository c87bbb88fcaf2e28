//! A stand-alone DHT node for inspection, which queries and is not queried (BEP 43).

use crate::bind::{Bind, Own};
use crate::clock::Clock;
use crate::message::NetEvent;
use crate::reply::Reply;
use crate::route::Route;
use crate::session::{Session, dht_config, random_u64};
use crate::start_error::{SetupError, StartError};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use ztor_base::Instant;
use ztor_base::addr::canonical;
use ztor_dht::{Config, Dht, Event, ReadOnly};

/// Maximum wait in a step.
const STEP: Duration = Duration::from_millis(200);

/// A read-only DHT node (BEP 43) with its socket. It runs only in [`step`](Self::step).
#[derive(Debug)]
pub struct DhtClient {
    socket: UdpSocket,
    clock: Clock,
    /// The node, for queries and lookups.
    pub node: Dht,
}

impl DhtClient {
    /// Opens a socket on a route, at the first of several addresses, and enters the DHT through the nodes `bootstrap`, as
    /// `host:port`. Blocks to resolve them. Without any, it enters no DHT, and only nodes with known addresses can be queried.
    ///
    /// # Errors
    /// The route has a proxy, the socket cannot be opened, or none of the names can be resolved.
    pub fn start(route: &Route, bootstrap: &[String]) -> Result<Self, StartError> {
        if route.has_proxy() {
            return Err(StartError::Proxied);
        }
        let bind = route.bind();
        let socket = udp_socket(bind, None).map_err(|error| StartError::Listen {
            port: 0,
            bind: bind.clone(),
            error,
        })?;
        let clock = Clock::start();
        let config = dht_config(socket.local_addr().map_err(SetupError::of("socket"))?);
        let version = config.version.filter(|_| !route.is_anonymous());
        let config = Config { read_only: ReadOnly::Always, version, ..config };
        let mut node = Dht::new(clock.now(), config, random_u64()?, None);
        let mut addrs = Vec::new();
        let mut failure = None;
        for name in bootstrap {
            match route.resolve(name) {
                Ok(found) => addrs.extend(found.into_iter().take(4)),
                Err(error) => failure = Some(format!("{name}: {error}")),
            }
        }
        if let (true, Some(failure)) = (addrs.is_empty(), failure) {
            return Err(StartError::NoNode(failure));
        }
        node.enter_by(clock.now(), &addrs);
        Ok(Self { socket, clock, node })
    }

    /// Returns the current time of the node.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sends what is pending, waits up to 200 ms for a datagram, and returns the node's events.
    ///
    /// # Errors
    /// The socket has failed.
    pub fn step(&mut self) -> io::Result<Vec<Event>> {
        while let Some((to, datagram)) = self.node.poll_transmit() {
            let own = self.socket.local_addr()?;
            let Some(to) = crate::driver::sockets::sendable(own, to) else { continue };
            if let Err(error) = self.socket.send_to(&datagram, to) {
                tracing::debug!(%to, %error, "cannot send a datagram");
            }
        }
        let next = self.node.poll_timeout().map_or(STEP, |at| self.clock.until(at).min(STEP));
        self.socket.set_read_timeout(Some(next.max(Duration::from_millis(1))))?;
        let mut buf = [0; 4096];
        match self.socket.recv_from(&mut buf) {
            Ok((len, from)) => {
                let from = canonical(from);
                self.node.handle(self.clock.now(), from, &buf[..len]);
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            // An earlier datagram found no listener; its query times out.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
        self.node.handle_timeout(self.clock.now());
        Ok(std::iter::from_fn(|| self.node.poll_event()).collect())
    }
}

/// Opens a blocking socket for datagrams to an address, or to any: at the first address of `bind` for that, or at all
/// addresses; these are of IPv4 only on a machine without IPv6.
pub(crate) fn udp_socket(bind: &Bind, to: Option<IpAddr>) -> io::Result<UdpSocket> {
    let open = |ip: IpAddr| {
        let socket = Socket::new(Domain::for_address((ip, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
        bind.hold(&socket)?;
        if ip.is_ipv6() {
            socket.set_only_v6(!ip.is_unspecified())?;
        }
        socket.bind(&SocketAddr::new(ip, 0).into())?;
        Ok(socket.into())
    };
    let own = match to {
        Some(to) => match bind.toward(to, 0) {
            Some(Own::Ip(ip)) => Some(ip),
            Some(Own::Any) => None,
            None => return Err(io::ErrorKind::AddrNotAvailable.into()),
        },
        None => bind.ips().first().copied(),
    };
    match own {
        Some(ip) => open(ip),
        None => open(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| open(Ipv4Addr::UNSPECIFIED.into())),
    }
}

impl Session {
    /// Returns state and counters of the session's DHT nodes, one for each bound address of a family (BEP 45), or one; none
    /// if the session takes no part in the DHT.
    pub fn dht_stats(&self) -> Reply<Vec<ztor_dht::Stats>> {
        self.ask(|answer| NetEvent::DhtStats { answer })
    }
}
