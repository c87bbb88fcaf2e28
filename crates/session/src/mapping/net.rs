//! The network of one job: sockets that keep to the binding of the session.

use crate::bind::Bind;
use crate::route;
use socket2::{Domain, Protocol as Transport, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use ztor_portmap::{ANNOUNCE_PORT, Done, Failure, Family, GATEWAY_PORT, Place, Protocol, Task, ssdp};

use super::upnp::Igd;
use super::{datagrams, upnp};

/// Longest time that a job takes. The parts of each are shorter.
const JOB_TIMEOUT: Duration = Duration::from_secs(25);

/// Access to gateways.
#[derive(Debug, Clone)]
pub(super) struct Net {
    pub(super) bind: Bind,
    /// Port of gateways for PCP and NAT-PMP.
    pub(super) gateway_port: u16,
    /// Groups that UPnP gateways are searched in.
    pub(super) groups: [SocketAddr; 2],
    /// UPnP gateways that were found, by family.
    pub(super) igds: Arc<Mutex<[Option<Igd>; 2]>>,
}

impl Net {
    pub(super) fn new(bind: Bind) -> Self {
        let groups = [
            SocketAddr::new(Ipv4Addr::new(239, 255, 255, 250).into(), ssdp::PORT),
            SocketAddr::new(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc).into(), ssdp::PORT),
        ];
        Self { bind, gateway_port: GATEWAY_PORT, groups, igds: Arc::default() }
    }

    /// Forgets the gateways that were found, as this machine may be in another network.
    pub(super) fn forget(&self) {
        *self.igds.lock().unwrap_or_else(PoisonError::into_inner) = [None, None];
    }

    /// Carries out a task.
    pub(super) async fn carry_out(&self, task: &Task) -> Result<Done, Failure> {
        let work = async {
            match task.protocol() {
                Protocol::Pcp => datagrams::pcp(self, task).await,
                Protocol::NatPmp => datagrams::nat_pmp(self, task).await,
                Protocol::Upnp => upnp::carry_out(self, task).await,
            }
        };
        tokio::time::timeout(JOB_TIMEOUT, work).await.unwrap_or(Err(Failure::Silent))
    }

    /// Opens a UDP socket with the address of this machine.
    pub(super) fn udp(&self, place: &Place) -> Result<UdpSocket, Failure> {
        self.open_udp(place).map_err(|error| Failure::Local(error.to_string()))
    }

    fn open_udp(&self, place: &Place) -> io::Result<UdpSocket> {
        let local = SocketAddr::new(place.local, 0);
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Transport::UDP))?;
        socket.set_nonblocking(true)?;
        self.bind.hold(&socket)?;
        socket.bind(&local.into())?;
        match place.local {
            IpAddr::V4(ip) => {
                socket.set_multicast_if_v4(&ip)?;
                socket.set_multicast_ttl_v4(2)?;
            }
            IpAddr::V6(_) => {
                socket.set_multicast_if_v6(place.index)?;
                socket.set_multicast_hops_v6(2)?;
            }
        }
        UdpSocket::from_std(socket.into())
    }

    /// Opens a socket for the announcements of gateways, over multicast.
    pub(super) fn announcements(&self, family: Family, place: &Place) -> io::Result<UdpSocket> {
        let group = match family {
            Family::V4 => IpAddr::from(Ipv4Addr::new(224, 0, 0, 1)),
            Family::V6 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
        };
        let addr = scoped(SocketAddr::new(group, ANNOUNCE_PORT), place.index);
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Transport::UDP))?;
        socket.set_nonblocking(true)?;
        self.bind.hold(&socket)?;
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        socket.bind(&addr.into())?;
        match (group, place.local) {
            (IpAddr::V4(group), IpAddr::V4(local)) => socket.join_multicast_v4(&group, &local)?,
            (IpAddr::V6(group), _) => socket.join_multicast_v6(&group, place.index)?,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        UdpSocket::from_std(socket.into())
    }

    /// Creates a client for HTTP requests from the address of this machine.
    pub(super) fn http(&self, place: &Place) -> Result<reqwest::Client, Failure> {
        route::gateway_client(&self.bind, place.local).map_err(|error| Failure::Local(error.to_string()))
    }
}

/// Returns an address with the index of the interface, which link-local ones need.
pub(super) fn scoped(addr: SocketAddr, index: u32) -> SocketAddr {
    match addr {
        SocketAddr::V6(addr) if addr.ip().is_unicast_link_local() || addr.ip().is_multicast() => {
            SocketAddrV6::new(*addr.ip(), addr.port(), 0, index).into()
        }
        addr => addr,
    }
}

#[cfg(test)]
impl Net {
    /// Makes the gateways that were found unreachable: their control URLs lead to another port.
    pub(super) fn move_igds_to(&self, addr: SocketAddr) {
        for igd in self.igds.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().flatten() {
            igd.move_to(addr);
        }
    }
}
