//! The sockets of local discovery (BEP 14): multicast of both families, on every interface or on the bound one.

use super::tokens::{LOCAL_V4, LOCAL_V6};
use crate::bind::Bind;
use if_addrs::{IfAddr, Interface};
use mio::net::UdpSocket;
use mio::{Interest, Registry};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use ztor_wire::LocalAnnounce;

const PORT: u16 = 6771;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0xefc0, 0x988f);
/// Hop limit: the groups reach further than one network (BEP 14).
const TTL: u32 = 8;

/// Receiver of announces, and sender of ours.
pub(crate) struct LocalSockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    bind: Bind,
    /// Interfaces whose groups were joined: true for IPv4, and the index.
    joined: BTreeSet<(bool, u32)>,
}

impl LocalSockets {
    /// Opens the sockets that can be opened: a machine without one family works without it.
    pub(crate) fn open(bind: Bind) -> Self {
        let socket = |group: IpAddr| {
            let opened = bind.reaches(group).then(|| receiver(&bind, group));
            opened.and_then(|opened| {
                opened
                    .inspect_err(|error| tracing::debug!(%error, "cannot open a socket for local discovery"))
                    .ok()
            })
        };
        let (v4, v6) = (socket(GROUP_V4.into()), socket(GROUP_V6.into()));
        let mut sockets = Self { v4, v6, bind, joined: BTreeSet::new() };
        sockets.interfaces();
        sockets
    }

    /// Returns the open sockets.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    /// Registers the sockets.
    pub(crate) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for (token, socket) in [(LOCAL_V4, &mut self.v4), (LOCAL_V6, &mut self.v6)] {
            if let Some(socket) = socket {
                registry.register(socket, token, Interest::READABLE)?;
            }
        }
        Ok(())
    }

    /// Sends an announce over every interface.
    pub(crate) fn announce(&mut self, announce: &LocalAnnounce) {
        for interface in self.interfaces() {
            let sent = match &interface.addr {
                IfAddr::V4(addr) => sender_v4(&self.bind, addr.ip).and_then(|socket| {
                    let group = SocketAddr::from((GROUP_V4, PORT));
                    socket.send_to(&announce.encode(&group.to_string()), &group.into())
                }),
                IfAddr::V6(addr) => {
                    sender_v6(&self.bind, addr.ip, interface.index.unwrap_or(0)).and_then(|socket| {
                        let group = SocketAddr::from((GROUP_V6, PORT));
                        socket.send_to(&announce.encode(&group.to_string()), &group.into())
                    })
                }
            };
            if let Err(error) = sent {
                tracing::debug!(interface = interface.name, %error, "cannot send a local announce");
            }
        }
    }

    /// Returns the interfaces to use, of each family once. Joins the groups on new ones.
    fn interfaces(&mut self) -> Vec<Interface> {
        let mut seen = BTreeSet::new();
        let all = if_addrs::get_if_addrs().unwrap_or_default();
        let used: Vec<Interface> = all
            .into_iter()
            .filter(|i| self.bind.admits(i))
            .filter(|i| match &i.addr {
                IfAddr::V4(_) => self.v4.is_some(),
                IfAddr::V6(_) => self.v6.is_some() && i.index.is_some(),
            })
            .filter(|i| seen.insert((i.ip().is_ipv4(), i.name.clone())))
            .collect();
        for interface in &used {
            let index = interface.index.unwrap_or(0);
            if !self.joined.insert((interface.ip().is_ipv4(), index)) {
                continue;
            }
            let joined = match (&interface.addr, &self.v4, &self.v6) {
                (IfAddr::V4(addr), Some(v4), _) if index == 0 => v4.join_multicast_v4(&GROUP_V4, &addr.ip),
                (IfAddr::V4(_), Some(v4), _) => socket2::SockRef::from(v4)
                    .join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(index)),
                (IfAddr::V6(_), _, Some(v6)) => v6.join_multicast_v6(&GROUP_V6, index),
                _ => Ok(()),
            };
            if let Err(error) = joined {
                tracing::debug!(interface = interface.name, %error, "cannot join a group of local discovery");
            }
        }
        used
    }
}

fn receiver(bind: &Bind, group: IpAddr) -> io::Result<UdpSocket> {
    // Bound to the group itself, so that nothing else sent to the port arrives here.
    let addr = SocketAddr::new(group, PORT);
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    bind.hold(&socket)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if group.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

fn sender_v4(bind: &Bind, ip: Ipv4Addr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    bind.hold(&socket)?;
    socket.bind(&SocketAddr::from((ip, 0)).into())?;
    socket.set_multicast_if_v4(&ip)?;
    socket.set_multicast_ttl_v4(TTL)?;
    Ok(socket)
}

fn sender_v6(bind: &Bind, ip: Ipv6Addr, index: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    bind.hold(&socket)?;
    let scope = if ip.is_unicast_link_local() { index } else { 0 };
    socket.bind(&std::net::SocketAddrV6::new(ip, 0, 0, scope).into())?;
    socket.set_multicast_if_v6(index)?;
    socket.set_multicast_hops_v6(TTL)?;
    Ok(socket)
}
