//! Sockets that listen, and sockets that connect.

use crate::bind::Bind;
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

/// The permanent sockets, TCP and UDP on the same port.
pub(crate) struct Listening {
    /// `None` if nothing listens.
    pub(crate) tcp: Option<TcpListener>,
    /// `None` if all datagrams are for a proxy.
    pub(crate) udp: Option<UdpSocket>,
    /// Address of the sockets, or the one that they would have.
    pub(crate) addr: SocketAddr,
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

/// Listens on `bind`, or on all addresses of both families. If `fixed`, only `port` will do.
pub(crate) fn listen(bind: &Bind, port: u16, fixed: bool, wants: Wants) -> io::Result<Listening> {
    if wants == (Wants { tcp: false, udp: false }) {
        let addr = SocketAddr::new(bind.ip().unwrap_or(Ipv6Addr::UNSPECIFIED.into()), port);
        return Ok(Listening { tcp: None, udp: None, addr });
    }
    let ips = match bind.ip() {
        Some(ip) => vec![ip],
        None => vec![IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::UNSPECIFIED)],
    };
    let last = if fixed || port == 0 { port } else { port.saturating_add(OTHER_PORTS) };
    // A port that any program has is taken; if all of them are, the system picks one.
    // It picks one that is free for TCP; another program may have it for UDP.
    let picked = if fixed && port != 0 { 0 } else { PICKS };
    let ports = (port..=last).filter(|port| *port != 0).chain(std::iter::repeat_n(0, picked));
    let mut failure = None;
    for port in ports {
        for ip in &ips {
            match listen_at(bind, SocketAddr::new(*ip, port), wants) {
                Ok(listening) => return Ok(listening),
                Err(error) => failure = Some(keep_telling(failure, error)),
            }
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Returns the error to report: a taken port says more than a missing address family.
fn keep_telling(before: Option<io::Error>, error: io::Error) -> io::Error {
    match before {
        Some(old) if old.kind() == io::ErrorKind::AddrInUse => old,
        _ => error,
    }
}

fn listen_at(bind: &Bind, addr: SocketAddr, wants: Wants) -> io::Result<Listening> {
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
    Ok(Listening { tcp: Some(tcp).filter(|_| wants.tcp), udp: Some(udp).filter(|_| wants.udp), addr })
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

/// Starts a connection, from `bind` if it is an address.
pub(crate) fn connect(bind: &Bind, addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    bind.hold(&socket)?;
    let bind = bind.ip();
    // "All IPv6 addresses" means all addresses, as it does for listening.
    if bind.is_some_and(|ip| ip.is_ipv4() != addr.is_ipv4() && ip != IpAddr::V6(Ipv6Addr::UNSPECIFIED)) {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "cannot connect: the bound address is of the other family",
        ));
    }
    if let Some(ip) = bind.filter(|ip| !ip.is_unspecified()) {
        socket.bind(&SocketAddr::new(ip, 0).into())?;
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
