//! Addresses of this machine, and those that its traffic leaves from.

use crate::bind::{Bind, Own};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Interval of the checks where the system does not report changes, and where it does.
const LOOK_EVERY: Duration = Duration::from_secs(1);
#[cfg(target_os = "linux")]
const LOOK_RARELY: Duration = Duration::from_secs(10);
/// Changes arrive in groups; the check waits until the group is over.
#[cfg(target_os = "linux")]
const SETTLE_FOR: Duration = Duration::from_millis(200);

/// Destinations for route lookups. Nothing is ever sent there: they are reserved for documentation (RFC 5737, RFC
/// 3849).
pub(crate) const ELSEWHERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1)), 9),
    SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9),
];

/// Addresses of this machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Interfaces {
    /// Addresses of all interfaces that may be used.
    pub(crate) addrs: BTreeSet<IpAddr>,
    /// Source addresses toward the Internet, IPv4 and IPv6. While there is no route, the last ones.
    sources: [Option<IpAddr>; 2],
}

/// Change of the addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Moved {
    /// Addresses that are gone, along with the connections from them.
    pub(crate) lost: BTreeSet<IpAddr>,
    /// True if other hosts see us at another address.
    pub(crate) is_elsewhere: bool,
}

impl Interfaces {
    /// Reads the current addresses. Those that cannot be read are taken from `before`.
    pub(crate) fn look(bind: &Bind, before: &Self) -> Self {
        let mut sources = ELSEWHERE.map(|addr| source(bind, addr));
        for (source, before) in sources.iter_mut().zip(before.sources) {
            *source = source.or(before);
        }
        // An interface may lose its carrier for a moment; its addresses, and the connections from them, stay.
        let addrs = match if_addrs::get_if_addrs() {
            Ok(all) => all.iter().filter(|interface| bind.admits(interface)).map(|i| i.ip()).collect(),
            Err(error) => {
                tracing::debug!(%error, "cannot list the interfaces");
                before.addrs.clone()
            }
        };
        Self { addrs, sources }
    }

    /// Returns the change since `before`; `None` if nothing relevant has changed.
    pub(crate) fn since(&self, before: &Self) -> Option<Moved> {
        let lost: BTreeSet<IpAddr> = before.addrs.difference(&self.addrs).copied().collect();
        let mut pairs = self.sources.iter().zip(&before.sources);
        let is_elsewhere = pairs.any(|(now, before)| now != before);
        (is_elsewhere || !lost.is_empty()).then_some(Moved { lost, is_elsewhere })
    }
}

/// Returns true for an address of an interface of this machine. Without a list of them, the route to the address tells.
pub(crate) fn is_own(ip: IpAddr) -> bool {
    let is_listed = if_addrs::get_if_addrs().is_ok_and(|all| all.iter().any(|i| i.ip().to_canonical() == ip));
    is_listed || source(&Bind::All, SocketAddr::new(ip, 9)) == Some(ip)
}

/// Returns true if there is a route to hosts of this family.
pub(crate) fn has_way(bind: &Bind, is_ipv6: bool) -> bool {
    source(bind, ELSEWHERE[usize::from(is_ipv6)]).is_some()
}

/// Returns the address that a socket would send from; `None` without a route.
pub(crate) fn source(bind: &Bind, to: SocketAddr) -> Option<IpAddr> {
    let own = bind.toward(to.ip(), 0)?;
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None).ok()?;
    bind.hold(&socket).ok()?;
    if let Own::Ip(ip) = own {
        socket.bind(&SocketAddr::new(ip, 0).into()).ok()?;
    }
    socket.connect(&to.into()).ok()?;
    socket.local_addr().ok()?.as_socket().map(|addr| addr.ip())
}

/// Watch for changes of the addresses.
pub(crate) struct Watch {
    #[cfg(target_os = "linux")]
    news: Option<news::News>,
}

impl Watch {
    /// Starts the watch. Must be called on the runtime.
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            news: news::News::open()
                .inspect_err(|error| tracing::debug!(%error, "cannot watch the interfaces; polling them"))
                .ok(),
        }
    }

    /// Waits until something may have changed, or until the next regular check.
    pub(crate) async fn wait(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(news) = &mut self.news {
            match tokio::time::timeout(LOOK_RARELY, news.wait()).await {
                Ok(Ok(())) => {
                    tokio::time::sleep(SETTLE_FOR).await;
                    news.drain();
                    return;
                }
                Err(_) => return,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the watch on the interfaces failed; polling them")
                }
            }
            self.news = None;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(target_os = "linux")]
mod news {
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    use std::io;
    use tokio::net::UdpSocket;

    /// Groups of rtnetlink(7): links, addresses and routes of both families.
    const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

    /// Maximum number of datagrams read at a time.
    const MAX_DRAINED: usize = 1000;

    /// Notifications of the kernel about interfaces, addresses and routes. They arrive as datagrams, so that tokio's
    /// UDP socket type serves for them.
    pub(super) struct News(UdpSocket);

    impl News {
        pub(super) fn open() -> io::Result<Self> {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            // Without a protocol, it is NETLINK_ROUTE.
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            Ok(Self(UdpSocket::from_std(socket.into())?))
        }

        /// Waits for a notification. Its content does not matter, as the caller checks the addresses itself.
        pub(super) async fn wait(&mut self) -> io::Result<()> {
            self.0.readable().await
        }

        pub(super) fn drain(&mut self) {
            let mut buf = [0; 4096];
            // If more has arrived than the kernel buffers, an error reports it once, which is a notification too.
            for _ in 0..MAX_DRAINED {
                match self.0.try_recv(&mut buf) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    Ok(0) => return,
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(addrs: &[[u8; 4]], source: Option<[u8; 4]>) -> Interfaces {
        let addrs = addrs.iter().map(|addr| IpAddr::from(*addr)).collect();
        Interfaces { addrs, sources: [source.map(IpAddr::from), None] }
    }

    #[test]
    fn since_reports_a_lost_address_or_another_source_only() {
        let (a, b) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let before = state(&[a], Some(a));
        assert_eq!(before.since(&before), None);
        assert_eq!(
            state(&[a, b], Some(a)).since(&before),
            None,
            "another interface, which nothing goes over"
        );
        let moved = state(&[b], Some(b)).since(&before);
        assert_eq!(moved, Some(Moved { lost: [a.into()].into(), is_elsewhere: true }));
        let gone = state(&[], Some(a)).since(&before);
        assert_eq!(gone, Some(Moved { lost: [a.into()].into(), is_elsewhere: false }));
        assert_eq!(before.since(&state(&[], Some(a))), None, "the same address is back");
    }

    #[test]
    fn look_at_a_bound_address_finds_that_one_only() {
        let here = Interfaces::look(&IpAddr::from([127, 0, 0, 1]).into(), &Interfaces::default());
        assert_eq!(here.addrs, [IpAddr::from([127, 0, 0, 1])].into());
    }
}
