//! What the machine is told, what it asks for, and the results of that.

use crate::pcp::Nonce;
use crate::transport::{Family, Protocol, Transport};
use std::net::IpAddr;
use thiserror::Error;

/// Port to map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want {
    /// Port of this machine.
    pub port: u16,
    /// Only external port of use; `None` if any will do, preferably the same.
    pub external: Option<u16>,
    /// Transports.
    pub transports: Vec<Transport>,
    /// Lifetime to ask for in seconds, at least 1.
    pub lease_s: u32,
}

impl Want {
    /// Creates a request for a port over both transports, for an hour at a time.
    pub fn new(port: u16) -> Self {
        Self { port, external: None, transports: Transport::ALL.to_vec(), lease_s: 3600 }
    }
}

/// Place of this machine in a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Address of this machine, to which the gateway forwards.
    pub local: IpAddr,
    /// Address of the gateway; `None` if it is not known: only UPnP, which searches for it, can be used.
    pub gateway: Option<IpAddr>,
    /// Index of the interface, for link-local addresses; 0 if unknown.
    pub index: u32,
}

/// Reason why nothing is mapped.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Absent {
    /// It is turned off.
    #[error("port mapping is turned off")]
    TurnedOff,
    /// The sockets are bound to addresses of this machine only.
    #[error("only this machine can reach the bound address")]
    Loopback,
    /// The sockets are bound to an address of the other family.
    #[error("the bound address is of the other family")]
    OtherFamily,
    /// There is no route to the Internet.
    #[error("there is no route to the Internet")]
    NoRoute,
    /// The route to the Internet has no gateway, as on a tunnel.
    #[error("the route to the Internet has no gateway, as on a tunnel; name the gateway if there is one")]
    NoGateway,
    /// This machine has a public address, so that no NAT is in between.
    #[error("this machine has the public address {0}; nothing has to be mapped")]
    Public(IpAddr),
    /// This machine has no public IPv6 address, so that no peer could use a pinhole.
    #[error("this machine has no public IPv6 address")]
    NoPublicV6,
    /// Traffic of peers goes another way, such as through a proxy.
    #[error("{0}")]
    OtherWay(String),
}

/// Number of a job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub(crate) u64);

/// Work for the driver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Number of the job.
    pub id: JobId,
    /// Address family.
    pub family: Family,
    /// Work.
    pub task: Task,
}

/// Kinds of work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// Maps a port, or renews its mapping.
    Map(Map),
    /// Removes a mapping.
    Unmap(Lease),
    /// Finds out whether mappings of one protocol still exist.
    Check(Vec<Lease>),
}

impl Task {
    /// Returns the transport of the mapping; `None` if it is about several.
    pub fn transport(&self) -> Option<Transport> {
        match self {
            Self::Map(map) => Some(map.transport),
            Self::Unmap(lease) => Some(lease.transport),
            Self::Check(_) => None,
        }
    }

    /// Returns the kind of work in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Map(_) => "map",
            Self::Unmap(_) => "unmap",
            Self::Check(_) => "check",
        }
    }

    /// Returns the protocol.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Map(map) => map.protocol,
            Self::Unmap(lease) => lease.protocol,
            Self::Check(leases) => leases.first().map_or(Protocol::Upnp, |lease| lease.protocol),
        }
    }
}

/// Request for a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Map {
    /// Protocol.
    pub protocol: Protocol,
    /// Place of this machine.
    pub place: Place,
    /// Transport.
    pub transport: Transport,
    /// Port of this machine.
    pub internal: u16,
    /// Suggested port of the gateway.
    pub external: u16,
    /// Lifetime in seconds; `None` for a permanent mapping (UPnP).
    pub lifetime_s: Option<u32>,
    /// Nonce (PCP).
    pub nonce: Nonce,
    /// Pinhole to renew (UPnP, IPv6); `None` for a new one.
    pub pinhole: Option<u16>,
}

/// A mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Protocol.
    pub protocol: Protocol,
    /// Place of this machine.
    pub place: Place,
    /// Transport.
    pub transport: Transport,
    /// Port of this machine.
    pub internal: u16,
    /// Port of the gateway.
    pub external: u16,
    /// Nonce (PCP).
    pub nonce: Nonce,
    /// Number of the pinhole (UPnP, IPv6).
    pub pinhole: Option<u16>,
}

/// Result of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// A port is mapped.
    Mapped(Mapped),
    /// A mapping is removed.
    Unmapped,
    /// Mappings are checked.
    Checked {
        /// Seconds since the gateway lost its mappings; `None` if the protocol does not say.
        epoch_s: Option<u32>,
        /// External address; `None` if unknown.
        external_ip: Option<IpAddr>,
        /// Transports whose mapping does not exist any more.
        missing: Vec<Transport>,
    },
}

/// A new or renewed mapping.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mapped {
    /// Port of the gateway.
    pub external: u16,
    /// Lifetime in seconds; `None` for a permanent mapping.
    pub lifetime_s: Option<u32>,
    /// External address; `None` if unknown.
    pub external_ip: Option<IpAddr>,
    /// Seconds since the gateway lost its mappings; `None` if the protocol does not say.
    pub epoch_s: Option<u32>,
    /// Number of the pinhole (UPnP, IPv6).
    pub pinhole: Option<u16>,
    /// Name of the gateway, in a form that can be shown.
    pub gateway_name: Option<String>,
}

/// Failure of a job, in plain words.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// No gateway answers.
    #[error("no answer")]
    Silent,
    /// The gateway does not speak the protocol, or lacks the service.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The answer cannot be read, or makes no sense.
    #[error("unusable answer: {0}")]
    Unusable(String),
    /// The request cannot be sent.
    #[error("cannot ask: {0}")]
    Local(String),
    /// The gateway refuses.
    #[error("refused: {reason}")]
    Refused {
        /// Kind of the refusal.
        kind: Refusal,
        /// Reason in plain words.
        reason: String,
    },
}

/// Kinds of refusals that have consequences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Another machine has the external port.
    Conflict,
    /// Mappings have no lifetime.
    OnlyPermanent,
    /// External and internal port must be the same.
    SamePorts,
    /// There is no such mapping or pinhole.
    NoMapping,
    /// Any other.
    Other,
}
