//! Settings of port mapping.

use crate::setters::setters;
use std::net::IpAddr;
use std::time::Duration;

setters!(PortMappingOptions {
    enabled: bool,
    lease: Duration,
    gateway: Option<IpAddr>,
});

/// Settings of port mapping, which can change while a session runs.
///
/// ```
/// use ztor_session::{PortMappingOptions, Settings};
///
/// let settings = Settings::default().port_mapping(PortMappingOptions::default().enabled(true));
/// assert_eq!(settings.port_mapping.lease.as_secs(), 3600);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortMappingOptions {
    /// True to let routers open the port: by PCP, NAT-PMP or UPnP, over TCP and UDP, IPv4 and IPv6. False by default, as
    /// for the DHT. Nothing is sent if only this machine can reach the sockets.
    pub enabled: bool,
    /// Time for which a router is asked to keep a mapping; it is renewed at half of that. An hour by default. Routers may
    /// give another time.
    pub lease: Duration,
    /// Address of the router to ask by PCP and NAT-PMP; `None`, the default, uses the gateway of the default route. A VPN
    /// whose tunnel has no gateway may have one that maps ports.
    pub gateway: Option<IpAddr>,
}

impl Default for PortMappingOptions {
    fn default() -> Self {
        Self { enabled: false, lease: Duration::from_secs(3600), gateway: None }
    }
}
