//! Binding of all sockets: to nothing, to addresses, or to an interface.

use if_addrs::Interface;
use socket2::Socket;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use thiserror::Error;

/// Maximum length of an interface name, in bytes.
const MAX_NAME_LEN: usize = 15;

/// Maximum number of addresses to bind to. Each has two sockets and a DHT node.
pub const MAX_BIND_ADDRS: usize = 32;

/// Binding of all sockets. Names are resolved by the system, which ignores it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Bind {
    /// All addresses of both families.
    #[default]
    All,
    /// One address or several, each with sockets of its own.
    Addrs(Addrs),
    /// One interface with any of its addresses (`SO_BINDTODEVICE`, on Linux and Android only). No traffic uses another
    /// one; while it is gone, there is none.
    Device(String),
}

/// Addresses to bind to: 1 to [`MAX_BIND_ADDRS`], none twice. An unspecified one stands alone.
///
/// All are listened on, with the same port. Connections to peers leave from those of the right family in turn; whatever
/// has one source only, such as announces, leaves from the first one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addrs(Vec<IpAddr>);

/// Own end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Own {
    /// The system chooses.
    Any,
    Ip(IpAddr),
}

/// A text that is no binding.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadBind {
    /// Neither an address nor a name.
    #[error("'{0}' is neither an IP address nor the name of an interface")]
    Neither(String),
    /// List with a part that is no address.
    #[error("'{0}' is not an IP address, as all parts of a list must be")]
    InList(String),
    /// List with an address twice.
    #[error("the address {0} is given twice")]
    Twice(IpAddr),
    /// List with an unspecified address.
    #[error("the address {0} stands for all addresses, and cannot be combined with others")]
    WithAll(IpAddr),
    /// List with more than [`MAX_BIND_ADDRS`].
    #[error("there are more than {MAX_BIND_ADDRS} addresses")]
    TooMany,
}

impl FromStr for Bind {
    type Err = BadBind;

    /// Parses an IP address, several separated by commas, or the name of an interface.
    fn from_str(text: &str) -> Result<Self, BadBind> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        if text.contains(',') {
            let parse = |part: &str| part.trim().parse().map_err(|_| BadBind::InList(part.trim().to_owned()));
            // One more than may be shows that there are too many.
            let addrs = text.split(',').take(MAX_BIND_ADDRS + 1).map(parse).collect::<Result<_, _>>()?;
            return Addrs::new(addrs).map(Self::Addrs);
        }
        let is_name = (1..=MAX_NAME_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
            && text.bytes().any(|b| b.is_ascii_alphabetic());
        if is_name { Ok(Self::Device(text.to_owned())) } else { Err(BadBind::Neither(text.to_owned())) }
    }
}

impl Addrs {
    /// Creates a list of at least one address.
    fn new(addrs: Vec<IpAddr>) -> Result<Self, BadBind> {
        if addrs.len() > MAX_BIND_ADDRS {
            return Err(BadBind::TooMany);
        }
        let mut seen = BTreeSet::new();
        for ip in &addrs {
            if !seen.insert(ip.to_canonical()) {
                return Err(BadBind::Twice(*ip));
            }
            if ip.is_unspecified() && addrs.len() > 1 {
                return Err(BadBind::WithAll(*ip));
            }
        }
        Ok(Self(addrs))
    }

    /// Returns the addresses in their order.
    pub fn as_slice(&self) -> &[IpAddr] {
        &self.0
    }

    fn toward(&self, to: IpAddr, turn: usize) -> Option<Own> {
        // "All IPv6 addresses" means all addresses, as it does for listening.
        if self.0.contains(&IpAddr::V6(Ipv6Addr::UNSPECIFIED)) {
            return Some(Own::Any);
        }
        let of_family: Vec<IpAddr> =
            self.0.iter().copied().filter(|ip| ip.is_ipv4() == to.to_canonical().is_ipv4()).collect();
        let ip = of_family.get(turn.checked_rem(of_family.len())?)?;
        Some(if ip.is_unspecified() { Own::Any } else { Own::Ip(*ip) })
    }
}

impl fmt::Display for Addrs {
    /// Writes the addresses with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, ip) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            ip.fmt(f)?;
        }
        Ok(())
    }
}

impl From<IpAddr> for Bind {
    fn from(ip: IpAddr) -> Self {
        Self::Addrs(Addrs(vec![ip]))
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all addresses"),
            Self::Addrs(addrs) => addrs.fmt(f),
            Self::Device(name) => write!(f, "interface {name}"),
        }
    }
}

impl Bind {
    /// Returns the addresses; none unless bound to some.
    pub fn ips(&self) -> &[IpAddr] {
        match self {
            Self::Addrs(addrs) => addrs.as_slice(),
            Self::All | Self::Device(_) => &[],
        }
    }

    /// Returns our end of a connection to an address; `None` if there is none of its family. Of several, `turn` chooses.
    pub(crate) fn toward(&self, to: IpAddr, turn: usize) -> Option<Own> {
        match self {
            Self::Addrs(addrs) => addrs.toward(to, turn),
            Self::All | Self::Device(_) => Some(Own::Any),
        }
    }

    /// Returns true unless only addresses of the other family are bound to.
    pub(crate) fn reaches(&self, to: IpAddr) -> bool {
        self.toward(to, 0).is_some()
    }

    /// Returns an address at which others can reach this machine; `None` if the binding does not determine one. Of
    /// several, the first; for an interface, IPv4 comes first.
    pub fn reachable_ip(&self) -> Option<IpAddr> {
        match self {
            Self::All => None,
            Self::Addrs(addrs) => addrs.0.first().copied().filter(|ip| !ip.is_unspecified()),
            Self::Device(name) => {
                let addrs = DeviceState::look(name).addrs;
                addrs.into_iter().find(|ip| match ip {
                    IpAddr::V4(_) => true,
                    IpAddr::V6(ip) => !ip.is_unicast_link_local(),
                })
            }
        }
    }

    /// Returns true if only this machine can reach the sockets.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::All => false,
            Self::Addrs(addrs) => addrs.0.iter().all(IpAddr::is_loopback),
            Self::Device(name) => {
                let addrs = DeviceState::look(name).addrs;
                !addrs.is_empty() && addrs.iter().all(IpAddr::is_loopback)
            }
        }
    }

    pub(crate) fn device(&self) -> Option<&str> {
        match self {
            Self::Device(name) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn admits(&self, interface: &Interface) -> bool {
        match self {
            Self::All => !interface.is_loopback(),
            Self::Addrs(addrs) if addrs.0.iter().any(IpAddr::is_unspecified) => !interface.is_loopback(),
            Self::Addrs(addrs) => addrs.0.contains(&interface.ip()),
            Self::Device(name) => interface.name == *name,
        }
    }

    /// Binds a socket to the interface, if there is one.
    pub(crate) fn hold(&self, socket: &Socket) -> io::Result<()> {
        self.check()?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = self.device() {
            return socket.bind_device(Some(name.as_bytes()));
        }
        let _ = socket;
        Ok(())
    }

    /// Checks that the system can bind sockets in this way. Whatever opens sockets by a library must ask first.
    ///
    /// # Errors
    /// The system cannot bind sockets to an interface.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.check_on(cfg!(any(target_os = "linux", target_os = "android")))
    }

    fn check_on(&self, has_device_binding: bool) -> io::Result<()> {
        match self {
            Self::Device(_) if !has_device_binding => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "cannot bind to an interface on this system; use its address instead",
            )),
            _ => Ok(()),
        }
    }
}

/// State of an interface.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DeviceState {
    /// Index of the interface, which changes if it is removed and created again. `None` if it does not exist, is down,
    /// or has no address.
    pub(crate) index: Option<u32>,
    pub(crate) addrs: BTreeSet<IpAddr>,
}

impl DeviceState {
    pub(crate) fn look(name: &str) -> Self {
        let all = if_addrs::get_if_addrs().unwrap_or_default();
        let mut state = Self::default();
        for interface in all.iter().filter(|i| i.name == name && i.is_oper_up()) {
            state.index = interface.index.or(state.index);
            state.addrs.insert(interface.ip());
        }
        state
    }

    /// Returns true if the interface exists, is up, and has an address.
    pub(crate) fn is_there(&self) -> bool {
        self.index.is_some()
    }

    /// Returns true if earlier connections are lost, because the interface or an address of it is gone. Temporary IPv6
    /// addresses change for privacy; while one is left, connections end by themselves.
    pub(crate) fn has_lost(&self, before: &Self) -> bool {
        let v6 = |state: &Self| state.addrs.iter().any(IpAddr::is_ipv6);
        let v4_lost = before.addrs.iter().any(|ip| ip.is_ipv4() && !self.addrs.contains(ip));
        before.index.is_some() && (self.index != before.index || v4_lost || (v6(before) && !v6(self)))
    }
}

/// Returns the names of all interfaces, for error messages.
pub(crate) fn device_names() -> String {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let names: BTreeSet<String> = all.into_iter().map(|i| i.name).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn bind(text: &str) -> Bind {
        text.parse().unwrap()
    }

    #[test]
    fn parse_distinguishes_addresses_from_interface_names() {
        assert_eq!(bind("10.0.0.1").ips(), [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(bind("::").ips(), ["::".parse::<IpAddr>().unwrap()]);
        assert_eq!(bind("wg0"), Bind::Device("wg0".to_owned()));
        assert_eq!(bind("enp3s0.7"), Bind::Device("enp3s0.7".to_owned()));
        for bad in ["", "10.0.0", "a/b", "much-too-long-name", "fe80::x", "wg 0"] {
            assert!(bad.parse::<Bind>().is_err(), "{bad}");
        }
    }

    #[test]
    fn parse_of_a_list_keeps_its_order_and_refuses_what_is_no_list_of_addresses() {
        let list = bind("192.0.2.1, 2001:db8::1,192.0.2.2");
        assert_eq!(list.to_string(), "192.0.2.1,2001:db8::1,192.0.2.2");
        assert_eq!(bind(&list.to_string()), list);
        let error = |text: &str| text.parse::<Bind>().unwrap_err();
        assert_eq!(error("192.0.2.1,eth0"), BadBind::InList("eth0".into()));
        assert_eq!(error("192.0.2.1,"), BadBind::InList(String::new()));
        assert_eq!(error("192.0.2.1,::ffff:192.0.2.1"), BadBind::Twice("::ffff:192.0.2.1".parse().unwrap()));
        assert_eq!(error("192.0.2.1,::"), BadBind::WithAll("::".parse().unwrap()));
        let many =
            |count: usize| (0..count).map(|n| format!("10.0.0.{n}")).skip(1).collect::<Vec<_>>().join(",");
        assert_eq!(bind(&many(MAX_BIND_ADDRS + 1)).ips().len(), MAX_BIND_ADDRS);
        assert_eq!(error(&many(MAX_BIND_ADDRS + 2)), BadBind::TooMany);
    }

    #[test]
    fn toward_takes_the_addresses_of_the_family_in_turn() {
        let list = bind("192.0.2.1,2001:db8::1,192.0.2.2");
        let own = |ip: &str| Some(Own::Ip(ip.parse().unwrap()));
        let (v4, v6) = (IpAddr::from([198, 51, 100, 1]), "2001:db8:9::1".parse().unwrap());
        assert_eq!(
            [0, 1, 2].map(|turn| list.toward(v4, turn)),
            ["192.0.2.1", "192.0.2.2", "192.0.2.1"].map(own)
        );
        assert_eq!([0, 1].map(|turn| list.toward(v6, turn)), [own("2001:db8::1"), own("2001:db8::1")]);
        assert_eq!(list.toward("::ffff:198.51.100.1".parse().unwrap(), 1), own("192.0.2.2"));
        assert_eq!(bind("192.0.2.1").toward(v6, 0), None);
        for (all, reaches_v6) in [("0.0.0.0", false), ("::", true), ("eth0", true)] {
            assert_eq!(
                (bind(all).toward(v4, 3), bind(all).reaches(v6)),
                (Some(Own::Any), reaches_v6),
                "{all}"
            );
        }
    }

    #[test]
    fn check_of_an_interface_on_a_system_without_such_bindings_is_an_error() {
        let device = Bind::Device("wg0".to_owned());
        let error = device.check_on(false).unwrap_err();
        assert!(error.to_string().contains("use its address instead"), "{error}");
        assert!(device.check_on(true).is_ok());
        assert!(Bind::All.check_on(false).is_ok() && bind("10.0.0.1").check_on(false).is_ok());
    }

    #[test]
    fn has_lost_is_true_for_a_lost_address_and_false_for_a_new_one() {
        let state = |index, addrs: &[[u8; 4]]| DeviceState {
            index,
            addrs: addrs.iter().map(|a| IpAddr::from(*a)).collect(),
        };
        let before = state(Some(3), &[[10, 0, 0, 1]]);
        assert!(!state(Some(3), &[[10, 0, 0, 1], [10, 0, 0, 2]]).has_lost(&before));
        assert!(state(Some(3), &[[10, 0, 0, 2]]).has_lost(&before));
        assert!(state(Some(4), &[[10, 0, 0, 1]]).has_lost(&before));
        assert!(state(None, &[]).has_lost(&before));
        assert!(!before.has_lost(&state(None, &[])));
    }
}
