//! The state of mappings, for users.

use super::task::Absent;
use crate::transport::{Family, Protocol, Transport};
use std::fmt;
use std::net::IpAddr;
use ztor_base::Duration;
use ztor_base::addr::is_local;

/// State of both address families.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// States, IPv4 first.
    pub sides: [SideStatus; 2],
}

/// State of one address family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SideStatus {
    /// Address family.
    pub family: Family,
    /// State.
    pub state: SideState,
    /// Address of this machine; `None` if there is nothing to map.
    pub local: Option<IpAddr>,
    /// Address of the gateway; `None` if unknown.
    pub gateway: Option<IpAddr>,
    /// Name of the gateway; `None` if it has told none. It is made safe to show.
    pub gateway_name: Option<String>,
    /// Protocol of the mappings; `None` without any.
    pub protocol: Option<Protocol>,
    /// External address; `None` if unknown.
    pub external_ip: Option<IpAddr>,
    /// Mappings, TCP first.
    pub mappings: Vec<MappingStatus>,
    /// Failures of protocols in the last search, in plain words.
    pub attempts: Vec<(Protocol, String)>,
    /// Failures of transports, though the protocol works.
    pub troubles: Vec<(Transport, String)>,
    /// Time to the next search; `None` if none is planned.
    pub retry_in: Option<Duration>,
}

/// State of the mappings of one address family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SideState {
    /// Nothing is mapped, for this reason.
    Off(Absent),
    /// Gateways are being asked.
    Searching,
    /// All ports are mapped.
    Mapped,
    /// One transport is mapped, the other is not.
    Partial,
    /// No gateway maps a port.
    Failed,
}

/// A mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MappingStatus {
    /// Transport.
    pub transport: Transport,
    /// Port of this machine.
    pub internal: u16,
    /// Port of the gateway.
    pub external: u16,
    /// True if the gateway keeps it until it is removed.
    pub is_permanent: bool,
    /// Time to its end, unless it is renewed; `None` for a permanent one.
    pub expires_in: Option<Duration>,
}

impl Status {
    /// Returns the state of a family.
    pub fn side(&self, family: Family) -> &SideStatus {
        let [v4, v6] = &self.sides;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// Returns the port at which others reach this machine; `None` if none is mapped.
    pub fn external_port(&self, family: Family) -> Option<u16> {
        self.side(family).mappings.first().map(|mapping| mapping.external)
    }
}

impl SideStatus {
    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let times = self.mappings.iter_mut().map(|mapping| &mut mapping.expires_in);
        for left in times.chain([&mut self.retry_in]).flatten() {
            *left = left.saturating_sub(time);
        }
    }

    /// Returns true if the external address is one of a private network: another NAT is in between, and others cannot
    /// reach this machine in spite of the mapping.
    pub fn is_behind_another_nat(&self) -> bool {
        self.family == Family::V4 && self.external_ip.is_some_and(is_local)
    }
}

impl fmt::Display for SideStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            SideState::Off(absent) => return absent.fmt(f),
            SideState::Searching => return f.write_str("asking the gateway"),
            SideState::Mapped | SideState::Partial => {
                for (index, mapping) in self.mappings.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{} {}", mapping.transport, mapping.external)?;
                }
                write!(f, " open")?;
                if let Some(ip) = self.external_ip.filter(|ip| !ip.is_unspecified()) {
                    write!(f, " at {ip}")?;
                }
                if let Some(protocol) = self.protocol {
                    write!(f, " by {protocol}")?;
                }
                if self.is_behind_another_nat() {
                    f.write_str("; another NAT is between the gateway and the Internet")?;
                }
            }
            SideState::Failed => f.write_str("no gateway opens the port")?,
        }
        let attempts = self.attempts.iter().filter(|_| self.state == SideState::Failed);
        for (protocol, failure) in attempts {
            write!(f, "; {protocol}: {failure}")?;
        }
        for (transport, failure) in &self.troubles {
            write!(f, "; {transport}: {failure}")?;
        }
        Ok(())
    }
}
