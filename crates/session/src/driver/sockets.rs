//! Sockets that listen, and sockets that connect.

use crate::bind::{Bind, Own};
use crate::config::Settings;
use crate::proxy::Use;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use ztor_engine::{CloseCause, Transports};

/// Number of attempts with a port that the system picks.
const PICKS: usize = 32;
/// Number of ports tried after the requested one, unless only that will do.
const OTHER_PORTS: u16 = 32;
const BACKLOG: i32 = 512;

/// The permanent sockets, all on the same port.
pub(crate) struct Listening {
    /// Those of each bound address, in the order of the binding; at least one.
    pub(crate) places: Vec<Place>,
}

/// The permanent sockets of an address.
pub(crate) struct Place {
    /// `None` if nothing listens.
    pub(crate) tcp: Option<TcpListener>,
    /// `None` if all datagrams are for a proxy.
    pub(crate) udp: Option<UdpSocket>,
    /// Address of the sockets, or the one that they would have.
    pub(crate) addr: SocketAddr,
}

impl Listening {
    /// Returns the first address, which stands for all.
    pub(crate) fn addr(&self) -> SocketAddr {
        let unbound = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
        self.places.first().map_or(unbound, |place| place.addr)
    }

    /// Takes the listeners out.
    pub(crate) fn take_tcp(&mut self) -> Vec<TcpListener> {
        self.places.iter_mut().filter_map(|place| place.tcp.take()).collect()
    }
}

/// The permanent sockets that are needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wants {
    tcp: bool,
    udp: bool,
}

impl Wants {
    /// Returns the sockets for the traffic that does not go through a proxy.
    pub(crate) fn of(settings: &Settings, transports: Transports) -> Self {
        let is_direct = |of| settings.proxy.proxy_for(of).is_none();
        Self {
            tcp: transports.tcp() && settings.proxy.allows_incoming(),
            udp: is_direct(Use::Peers) || is_direct(Use::Trackers),
        }
    }
}

/// Listens on each address of `bind`, or on all addresses of both families. If `fixed`, only `port` will do.
pub(crate) fn listen(bind: &Bind, port: u16, fixed: bool, wants: Wants) -> io::Result<Listening> {
    if wants == (Wants { tcp: false, udp: false }) {
        let ips = if bind.ips().is_empty() { &[IpAddr::V6(Ipv6Addr::UNSPECIFIED)] } else { bind.ips() };
        let place = |ip: &IpAddr| Place { tcp: None, udp: None, addr: SocketAddr::new(*ip, port) };
        return Ok(Listening { places: ips.iter().map(place).collect() });
    }
    let choices = match bind.ips() {
        [] => vec![vec![IpAddr::from(Ipv6Addr::UNSPECIFIED)], vec![IpAddr::from(Ipv4Addr::UNSPECIFIED)]],
        ips => vec![ips.to_vec()],
    };
    let last = if fixed || port == 0 { port } else { port.saturating_add(OTHER_PORTS) };
    // A port that any program has is taken; if all of them are, the system picks one.
    // It picks one that is free for TCP; another program may have it for UDP.
    let picked = if fixed && port != 0 { 0 } else { PICKS };
    let ports = (port..=last).filter(|port| *port != 0).chain(std::iter::repeat_n(0, picked));
    let mut failure = None;
    for port in ports {
        for ips in &choices {
            match listen_at_all(bind, ips, port, wants) {
                Ok(places) => return Ok(Listening { places }),
                Err(error) => failure = Some(keep_telling(failure, error)),
            }
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Listens on all of these addresses with one port.
fn listen_at_all(bind: &Bind, ips: &[IpAddr], port: u16, wants: Wants) -> io::Result<Vec<Place>> {
    let mut places: Vec<Place> = Vec::new();
    for ip in ips {
        let port = places.first().map_or(port, |first| first.addr.port());
        let place = listen_at(bind, SocketAddr::new(*ip, port), wants);
        places.push(place.map_err(|error| match ips.len() {
            // One address is in the message around it.
            1 => error,
            _ => io::Error::new(error.kind(), format!("{ip}: {error}")),
        })?);
    }
    Ok(places)
}

/// Returns the error to report: a taken port says more than a missing address family.
fn keep_telling(before: Option<io::Error>, error: io::Error) -> io::Error {
    match before {
        Some(old) if old.kind() == io::ErrorKind::AddrInUse => old,
        _ => error,
    }
}

fn listen_at(bind: &Bind, addr: SocketAddr, wants: Wants) -> io::Result<Place> {
    let tcp = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    prepare(bind, &tcp, addr)?;
    tcp.set_reuse_address(true)?;
    tcp.bind(&addr.into())?;
    if wants.tcp {
        tcp.listen(BACKLOG)?;
    }
    let tcp: std::net::TcpListener = tcp.into();
    let addr = tcp.local_addr()?;
    let udp = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(bind, &udp, addr)?;
    udp.bind(&addr.into())?;
    let (tcp, udp) = (TcpListener::from_std(tcp), UdpSocket::from_std(udp.into()));
    Ok(Place { tcp: Some(tcp).filter(|_| wants.tcp), udp: Some(udp).filter(|_| wants.udp), addr })
}

fn prepare(bind: &Bind, socket: &Socket, addr: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    bind.hold(socket)?;
    if addr.is_ipv6() {
        // An unspecified IPv6 address serves both families.
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    Ok(())
}

/// Turns of the bound addresses from which connections leave, by family.
#[derive(Debug, Default)]
pub(crate) struct Turns([usize; 2]);

impl Turns {
    /// Returns the number of the next connection to this family.
    pub(crate) fn next(&mut self, to: SocketAddr) -> usize {
        let turn = &mut self.0[usize::from(to.is_ipv6())];
        *turn = turn.wrapping_add(1);
        *turn
    }
}

/// Starts a connection, from an address of `bind` if it has any. Of several, `turn` chooses.
pub(crate) fn connect(bind: &Bind, addr: SocketAddr, turn: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    bind.hold(&socket)?;
    match bind.toward(addr.ip(), turn) {
        Some(Own::Any) => {}
        Some(Own::Ip(ip)) => socket.bind(&SocketAddr::new(ip, 0).into())?,
        None => {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "cannot connect: no bound address is of its family",
            ));
        }
    }
    match socket.connect(&addr.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
            Err(error)
        }
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Returns the side responsible for an error. Without network, address or descriptors, it is ours.
pub(crate) fn cause(error: &io::Error) -> CloseCause {
    use rustix::io::Errno;
    let ours = [
        Errno::NETUNREACH,
        Errno::NETDOWN,
        Errno::NODEV,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::ADDRNOTAVAIL,
    ];
    let is_ours = |code: i32| ours.iter().any(|errno| errno.raw_os_error() == code);
    if error.raw_os_error().is_some_and(is_ours) { CloseCause::Local } else { CloseCause::Remote }
}

/// Returns the form of `to` that a socket bound to `own` can send to; `None` if there is none.
pub(crate) fn sendable(own: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
    match (own.ip(), to.ip()) {
        (IpAddr::V6(own), IpAddr::V4(ip)) if own.is_unspecified() => {
            Some(SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()))
        }
        (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => Some(to),
        _ => None,
    }
}
