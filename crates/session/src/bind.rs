//! The binding of all sockets: everything, an address, or an interface.

use if_addrs::Interface;
use socket2::Socket;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// Longest name of an interface, in bytes.
const MAX_NAME_LEN: usize = 15;

/// The binding of sockets of every kind. Names are looked up by the system, which goes its own way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Bind {
    /// Nothing: all addresses, of both families.
    #[default]
    All,
    /// This address.
    Addr(IpAddr),
    /// This interface, whatever its addresses are (SO_BINDTODEVICE). Nothing passes it by; while it is gone, nothing
    /// goes at all.
    Device(String),
}

/// A text that names nothing to bind to.
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
    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Addr(ip) => Some(*ip),
            _ => None,
        }
    }

    /// An address that others know this machine by, if this says anything about it: of an interface IPv4 comes
    /// first.
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

    /// Returns true if only this machine can be reached.
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

    /// Ties a socket to the interface, if it is one.
    pub(crate) fn hold(&self, socket: &Socket) -> io::Result<()> {
        let Some(name) = self.device() else { return Ok(()) };
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return socket.bind_device(Some(name.as_bytes()));
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let _ = (name, socket);
            Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system cannot bind to an interface; give its address",
            ))
        }
    }
}

/// An interface at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DeviceState {
    /// Its number: another one if it was removed and made again. `None` if it is not there, not up, or has no
    /// address.
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

    /// Returns true if the interface is there, is up, and has an address.
    pub(crate) fn is_there(&self) -> bool {
        self.index.is_some()
    }

    /// Returns true if the connections made before are lost: the interface, or an address of it, is gone. IPv6 addresses of one
    /// interface come and go for the sake of privacy; as long as one is left, connections end by themselves.
    pub(crate) fn has_lost(&self, before: &Self) -> bool {
        let v6 = |state: &Self| state.addrs.iter().any(IpAddr::is_ipv6);
        let v4_lost = before.addrs.iter().any(|ip| ip.is_ipv4() && !self.addrs.contains(ip));
        before.index.is_some() && (self.index != before.index || v4_lost || (v6(before) && !v6(self)))
    }
}

/// The names of the interfaces that are there, for a person to choose from.
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
    fn addresses_and_names_are_told_apart() {
        assert_eq!("10.0.0.1".parse(), Ok(Bind::Addr([10, 0, 0, 1].into())));
        assert_eq!("::".parse::<Bind>().unwrap().ip(), Some("::".parse().unwrap()));
        assert_eq!("wg0".parse(), Ok(Bind::Device("wg0".to_owned())));
        assert_eq!("enp3s0.7".parse(), Ok(Bind::Device("enp3s0.7".to_owned())));
        for bad in ["", "10.0.0", "a/b", "much-too-long-name", "fe80::x", "wg 0"] {
            assert!(bad.parse::<Bind>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lost_address_is_a_loss_and_a_new_one_is_none() {
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
