//! Binding of all sockets: to nothing, an address, or an interface.

use if_addrs::Interface;
use socket2::Socket;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// Maximum length of an interface name, in bytes.
const MAX_NAME_LEN: usize = 15;

/// Binding of all sockets. Names are resolved by the system, which ignores it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Bind {
    /// All addresses of both families.
    #[default]
    All,
    /// One address.
    Addr(IpAddr),
    /// One interface with any of its addresses (`SO_BINDTODEVICE`, on Linux and Android only). No traffic uses another
    /// one; while it is gone, there is none.
    Device(String),
}

/// A text that is neither an IP address nor an interface name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is neither an IP address nor the name of an interface")]
pub struct BadBind(String);

impl FromStr for Bind {
    type Err = BadBind;

    fn from_str(text: &str) -> Result<Self, BadBind> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Addr(ip));
        }
        let is_name = (1..=MAX_NAME_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
            && text.bytes().any(|b| b.is_ascii_alphabetic());
        if is_name { Ok(Self::Device(text.to_owned())) } else { Err(BadBind(text.to_owned())) }
    }
}

impl From<IpAddr> for Bind {
    fn from(ip: IpAddr) -> Self {
        Self::Addr(ip)
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all addresses"),
            Self::Addr(ip) => ip.fmt(f),
            Self::Device(name) => write!(f, "interface {name}"),
        }
    }
}

impl Bind {
    /// Returns the address; `None` unless bound to one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Addr(ip) => Some(*ip),
            _ => None,
        }
    }

    /// Returns an address at which others can reach this machine; `None` if the binding does not determine one. For an
    /// interface, IPv4 comes first.
    pub fn reachable_ip(&self) -> Option<IpAddr> {
        match self {
            Self::All => None,
            Self::Addr(ip) => Some(*ip).filter(|ip| !ip.is_unspecified()),
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
            Self::Addr(ip) => ip.is_loopback(),
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
            Self::Addr(ip) if ip.is_unspecified() => !interface.is_loopback(),
            Self::Addr(ip) => interface.ip() == *ip,
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

    #[test]
    fn parse_distinguishes_addresses_from_interface_names() {
        assert_eq!("10.0.0.1".parse(), Ok(Bind::Addr([10, 0, 0, 1].into())));
        assert_eq!("::".parse::<Bind>().unwrap().ip(), Some("::".parse().unwrap()));
        assert_eq!("wg0".parse(), Ok(Bind::Device("wg0".to_owned())));
        assert_eq!("enp3s0.7".parse(), Ok(Bind::Device("enp3s0.7".to_owned())));
        for bad in ["", "10.0.0", "a/b", "much-too-long-name", "fe80::x", "wg 0"] {
            assert!(bad.parse::<Bind>().is_err(), "{bad}");
        }
    }

    #[test]
    fn check_of_an_interface_on_a_system_without_such_bindings_is_an_error() {
        let device = Bind::Device("wg0".to_owned());
        let error = device.check_on(false).unwrap_err();
        assert!(error.to_string().contains("use its address instead"), "{error}");
        assert!(device.check_on(true).is_ok());
        assert!(
            Bind::All.check_on(false).is_ok() && Bind::Addr([10, 0, 0, 1].into()).check_on(false).is_ok()
        );
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
