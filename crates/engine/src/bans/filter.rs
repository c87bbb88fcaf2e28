//! The list of addresses that the user does not want.

use std::net::IpAddr;
use std::sync::Arc;
use ztor_base::addr::is_local;
use ztor_filter::Table;

/// A list of addresses with which no data is exchanged, and its scope.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IpFilter {
    /// Addresses of the list.
    pub table: Arc<Table>,
    /// True if the list does not apply to addresses of this machine and its network. Public lists may contain them.
    pub spares_local: bool,
    /// True if the list also applies to trackers.
    pub covers_trackers: bool,
}

/// Number of times that the filter or a ban by the user has had an effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilterHits {
    /// Incoming connections that were refused.
    pub incoming: u64,
    /// Addresses that were not dialed.
    pub outgoing: u64,
    /// Connections that were closed as the list has changed.
    pub closed: u64,
    /// Datagrams of the DHT and of trackers that were dropped.
    pub datagrams: u64,
}

impl IpFilter {
    /// Returns true if the list contains an address and applies to it.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.table.has(ip) && !(self.spares_local && is_local(ip))
    }
}
