//! Ports at which peers reach the daemon, and their mapping by routers.

use serde::{Deserialize, Serialize};

/// Ports at which peers reach the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ports {
    /// Port that is listened on.
    pub listen_port: u16,
    /// Port that trackers and peers beyond the local network hear of, over IPv4.
    pub announced_port: u16,
    /// Mapping over IPv4.
    pub ipv4: PortMapping,
    /// Pinholes in the firewall over IPv6.
    pub ipv6: PortMapping,
}

/// State of the port mapping over one address family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PortMapping {
    /// State.
    pub state: PortMappingState,
    /// State with its reasons in plain words.
    pub message: String,
    /// Protocol of the mappings, such as `PCP`; `null` without any.
    pub protocol: Option<String>,
    /// Address of this machine in the network of the router; `null` if there is nothing to map.
    pub local_address: Option<String>,
    /// Address of the router; `null` if unknown.
    pub gateway: Option<String>,
    /// Name of the router; `null` if it has told none.
    pub gateway_name: Option<String>,
    /// External address, as the router says; `null` if unknown.
    pub external_address: Option<String>,
    /// True if the external address is one of a private network: another router is in between, and peers cannot reach the
    /// daemon in spite of the mapping.
    pub is_behind_another_nat: bool,
    /// Mapped ports.
    pub mappings: Vec<MappedPort>,
    /// Protocols that did not work in the last search.
    pub failures: Vec<MappingFailure>,
    /// Time to the next attempt; `null` if none is planned.
    pub retry_s: Option<u64>,
}

/// State of a port mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PortMappingState {
    /// Nothing is mapped, for the reason in the message.
    #[default]
    Off,
    /// Routers are being asked.
    Searching,
    /// The port is open over TCP and UDP.
    Mapped,
    /// The port is open over one of them.
    Partial,
    /// No router opens the port.
    Failed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A mapped port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MappedPort {
    /// `TCP` or `UDP`.
    pub transport: String,
    /// Port of this machine.
    pub port: u16,
    /// Port of the router.
    pub external_port: u16,
    /// Time to the end of the mapping, unless it is renewed; `null` if the router keeps it until it is removed.
    pub expires_s: Option<u64>,
}

/// A protocol, or a transport, that did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MappingFailure {
    /// Name of the protocol or the transport.
    pub name: String,
    /// Reason in plain words.
    pub reason: String,
}
