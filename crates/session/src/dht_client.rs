//! A node of the DHT by itself, for people who look into it: it asks and is not asked (BEP 43).

use crate::bind::Bind;
use crate::clock::Clock;
use crate::message::NetEvent;
use crate::reply::Reply;
use crate::session::{Session, dht_config, random_u64};
use crate::start_error::{SetupError, StartError};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;
use ztor_base::Instant;
use ztor_base::addr::canonical;
use ztor_dht::{Config, Dht, Event};

/// The longest step: how late a caller may be told.
const STEP: Duration = Duration::from_millis(200);

/// A node with its socket. Nothing happens but in [`step`](Self::step).
#[derive(Debug)]
pub struct DhtClient {
    socket: UdpSocket,
    clock: Clock,
    /// What it is asked for.
    pub node: Dht,
}

impl DhtClient {
    /// Opens a socket at `bind`, or at all addresses, and enters the DHT through these nodes, `host:port`. Without any
    /// it enters no DHT, and only nodes whose address is given can be asked.
    ///
    /// # Errors
    /// If there is no socket to be had, or none of the names is found.
    pub fn start(bind: &Bind, bootstrap: &[String]) -> Result<Self, StartError> {
        let socket =
            udp_socket(bind).map_err(|error| StartError::Listen { port: 0, bind: bind.clone(), error })?;
        let clock = Clock::start();
        let config = dht_config(socket.local_addr().map_err(SetupError::of("socket"))?);
        let config = Config { read_only: true, ..config };
        let mut node = Dht::new(clock.now(), config, random_u64()?, None);
        let mut addrs = Vec::new();
        let mut failure = None;
        for name in bootstrap {
            match name.to_socket_addrs() {
                Ok(found) => addrs.extend(found.take(4)),
                Err(error) => failure = Some(format!("{name}: {error}")),
            }
        }
        if let (true, Some(failure)) = (addrs.is_empty(), failure) {
            return Err(StartError::NoNode(failure));
        }
        node.enter_by(clock.now(), &addrs);
        Ok(Self { socket, clock, node })
    }

    /// The time the node is told.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Sends what there is to send, waits a moment for what comes, and tells what was found.
    ///
    /// # Errors
    /// If the socket is of no use any more.
    pub fn step(&mut self) -> io::Result<Vec<Event>> {
        while let Some((to, datagram)) = self.node.poll_transmit() {
            let own = self.socket.local_addr()?;
            let Some(to) = crate::driver::sockets::sendable(own, to) else { continue };
            if let Err(error) = self.socket.send_to(&datagram, to) {
                tracing::debug!(%to, %error, "UDP send");
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
            // The answer to an earlier datagram that nobody was there for; its question will time out.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
        self.node.handle_timeout(self.clock.now());
        Ok(std::iter::from_fn(|| self.node.poll_event()).collect())
    }
}

/// A blocking socket at `bind`, or at all addresses; of a machine without IPv6 the other family will do.
pub(crate) fn udp_socket(bind: &Bind) -> io::Result<UdpSocket> {
    let open = |ip: IpAddr| {
        let socket = Socket::new(Domain::for_address((ip, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
        bind.hold(&socket)?;
        if ip.is_ipv6() {
            socket.set_only_v6(!ip.is_unspecified())?;
        }
        socket.bind(&SocketAddr::new(ip, 0).into())?;
        Ok(socket.into())
    };
    match bind.ip() {
        Some(ip) => open(ip),
        None => open(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| open(Ipv4Addr::UNSPECIFIED.into())),
    }
}

impl Session {
    /// Returns the figures of the session's DHT node; `None` if the session takes no part in the DHT.
    pub fn dht_stats(&self) -> Reply<Option<ztor_dht::Stats>> {
        self.ask(|answer| NetEvent::DhtStats { answer })
    }
}
