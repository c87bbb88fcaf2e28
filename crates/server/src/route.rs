use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Returns the address at which other machines most likely reach this one: the source address of its route to the
/// internet. Prefers IPv4, as it works between most machines. Returns `None` without a network.
///
/// Reads only the system's routing table, and sends nothing.
pub fn reachable_ip() -> Option<IpAddr> {
    // Addresses reserved for documentation: they are routed like any other and belong to no host.
    const FAR_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let leaving_from = |any: IpAddr, far: IpAddr| {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        // A port, as some systems refuse 0.
        socket.connect(SocketAddr::new(far, 9)).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
    };
    leaving_from(Ipv4Addr::UNSPECIFIED.into(), FAR_V4.into())
        .or_else(|| leaving_from(Ipv6Addr::UNSPECIFIED.into(), FAR_V6.into()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn reachable_ip_with_a_network_is_usable_by_others() {
        // Without a network there is none.
        if let Some(ip) = super::reachable_ip() {
            assert!(!ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast(), "{ip}");
        }
    }
}
