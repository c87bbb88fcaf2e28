//! Settings of the ports at which peers reach us.

use crate::mapping::PortMappingOptions;

/// Settings of the ports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ReachSettings {
    /// False if nothing listens, because connections to peers go through a proxy.
    pub(crate) is_reachable: bool,
    /// Port that others reach us at over IPv4, as the user knows; `None` if it is mapped, or not forwarded.
    pub(crate) announced_port: Option<u16>,
    pub(crate) mapping: PortMappingOptions,
}
