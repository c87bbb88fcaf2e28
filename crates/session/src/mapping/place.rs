//! The place of this machine in its networks: the address that a gateway forwards to, and the gateway.

use crate::bind::Bind;
use crate::interfaces::{ELSEWHERE, source};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use ztor_base::addr::is_local;
use ztor_portmap::{Absent, Family, Place};

/// Finds the place of this machine for a family. `gateway` is used instead of the one that the system knows.
pub(super) fn find(bind: &Bind, family: Family, gateway: Option<IpAddr>) -> Result<Place, Absent> {
    let is_v6 = family == Family::V6;
    let is_of_family = |ip: &IpAddr| ip.is_ipv6() == is_v6;
    if bind.is_loopback() {
        return Err(Absent::Loopback);
    }
    if !bind.reaches(ELSEWHERE[usize::from(is_v6)].ip()) {
        return Err(Absent::OtherFamily);
    }
    let named = gateway.filter(is_of_family);
    let toward = named.map_or(ELSEWHERE[usize::from(is_v6)], |ip| SocketAddr::new(ip, 9));
    let local = source(bind, toward).ok_or(Absent::NoRoute)?;
    if local.is_loopback() {
        return Err(Absent::Loopback);
    }
    match local {
        IpAddr::V6(ip) if is_local(local) || !is_global(ip) => return Err(Absent::NoPublicV6),
        IpAddr::V4(_) if !is_local(local) && named.is_none() => return Err(Absent::Public(local)),
        _ => {}
    }
    let (name, index) = interface_of(local);
    if named.is_some() {
        return Ok(Place { local, gateway: named, index });
    }
    match default_gateway(family, bind.device().or(name.as_deref())) {
        Known::Gateway(ip) => Ok(Place { local, gateway: Some(ip), index }),
        Known::None => Err(Absent::NoGateway),
        // UPnP searches for it.
        Known::Unknown => Ok(Place { local, gateway: None, index }),
    }
}

fn is_global(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xe000 == 0x2000
}

/// Returns the name and the index of the interface with an address; 0 if unknown.
fn interface_of(ip: IpAddr) -> (Option<String>, u32) {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let found = all.into_iter().find(|interface| interface.ip() == ip);
    found.map_or((None, 0), |interface| (Some(interface.name), interface.index.unwrap_or(0)))
}

/// Knowledge of the default gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    Gateway(IpAddr),
    /// There is a default route without a gateway, or none.
    None,
    /// The system does not say.
    #[cfg_attr(
        any(target_os = "linux", target_os = "android"),
        allow(dead_code, reason = "for other systems")
    )]
    Unknown,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn default_gateway(family: Family, device: Option<&str>) -> Known {
    let path = match family {
        Family::V4 => "/proc/net/route",
        Family::V6 => "/proc/net/ipv6_route",
    };
    let table = match std::fs::read_to_string(path) {
        Ok(table) => table,
        Err(error) => {
            tracing::debug!(%error, path, "cannot read the routes");
            return Known::Unknown;
        }
    };
    let found = match family {
        Family::V4 => parse_v4(&table, device),
        Family::V6 => parse_v6(&table, device),
    };
    found.map_or(Known::None, Known::Gateway)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn default_gateway(_: Family, _: Option<&str>) -> Known {
    Known::Unknown
}

/// Returns the gateway of the default route with the lowest metric in `/proc/net/route`, over one interface if it is
/// given.
fn parse_v4(table: &str, device: Option<&str>) -> Option<IpAddr> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, destination, gateway, flags, _, _, metric, mask, ..] = fields.as_slice() else {
            return None;
        };
        let is_default = *destination == "00000000" && *mask == "00000000" && is_up(flags);
        let gateway = u32::from_str_radix(gateway, 16).ok().filter(|gateway| *gateway != 0)?;
        let metric: u32 = metric.parse().ok()?;
        let is_wanted = is_default && device.is_none_or(|device| device == *name);
        // In the byte order of the machine, as the kernel keeps it in that of the network.
        is_wanted.then(|| (metric, IpAddr::from(gateway.to_ne_bytes())))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// Does the same for `/proc/net/ipv6_route`.
fn parse_v6(table: &str, device: Option<&str>) -> Option<IpAddr> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, length, _, _, gateway, metric, _, _, flags, name] = fields.as_slice() else {
            return None;
        };
        let is_default = destination.bytes().all(|digit| digit == b'0') && *length == "00" && is_up(flags);
        let gateway = u128::from_str_radix(gateway, 16).ok().filter(|gateway| *gateway != 0)?;
        let metric = u32::from_str_radix(metric, 16).ok()?;
        let is_wanted = is_default && device.is_none_or(|device| device == *name);
        is_wanted.then(|| (metric, IpAddr::from(Ipv6Addr::from(gateway))))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// Returns true for the flags of a usable route: RTF_UP, and not RTF_REJECT.
fn is_up(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x201 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        wlan0\t00000000\t0103A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
    const V6: &str = "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
        00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
        fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
        00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn default_route_with_the_lowest_metric_names_the_gateway() {
        assert_eq!(parse_v4(V4, None), Some([192, 168, 2, 1].into()));
        assert_eq!(parse_v4(V4, Some("wlan0")), Some([192, 168, 3, 1].into()));
        assert_eq!(parse_v4(V4, Some("wg0")), None, "a tunnel has none");
        assert_eq!(parse_v6(V6, None), "fe80::1".parse().ok());
        assert_eq!(parse_v6(V6, Some("wlan0")), None);
        for table in ["", "x", "\n\n", "a b c d e f g h i j k"] {
            assert_eq!((parse_v4(table, None), parse_v6(table, None)), (None, None));
        }
    }

    #[test]
    fn find_on_loopback_is_absent() {
        let loopback = [
            IpAddr::from([127, 0, 0, 1]).into(),
            IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
            Bind::Device("lo".into()),
        ];
        for bind in loopback {
            for family in Family::ALL {
                let gateway = Some([127, 0, 0, 1].into());
                assert_eq!(find(&bind, family, gateway), Err(Absent::Loopback), "{bind} {family}");
            }
        }
        let v4 = Bind::from(IpAddr::from([192, 0, 2, 7]));
        assert_eq!(find(&v4, Family::V6, None), Err(Absent::OtherFamily));
    }
}
