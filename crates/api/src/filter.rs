//! Bans, and the IP filter.

use serde::{Deserialize, Serialize};

/// A ban of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ban {
    /// Banned address, network (`192.0.2.0/24`) or range (`192.0.2.1-192.0.2.9`).
    pub address: String,
    /// Client of the only peer at the address that is banned; `null` if all are.
    pub client: Option<String>,
    /// Origin of the ban.
    pub kind: BanKind,
    /// Reason in plain words; for a ban by the user it may be empty.
    pub reason: String,
    /// Time of the ban; `null` for automatic ones.
    pub added_unix_s: Option<u64>,
    /// End of the ban; `null` if it has none.
    pub ends_unix_s: Option<u64>,
}

/// Origin of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BanKind {
    /// The user.
    User,
    /// Behaviour of the peer.
    Automatic,
}

/// Addresses to ban.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BanRequest {
    /// Addresses, networks and ranges, 1,000 at most. Those that are banned already get the new end and reason.
    #[cfg_attr(feature = "schema", schema(min_items = 1, max_items = 1000))]
    pub addresses: Vec<String>,
    /// Time of the ban in seconds; `null` for no end.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 315_360_000))]
    pub time_s: Option<u64>,
    /// Reason, for the list of bans, 200 characters at most.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(max_length = 200))]
    pub reason: String,
}

/// State of the IP filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct IpFilter {
    /// File or URL of the list, without credentials; `null` if there is none.
    pub source: Option<String>,
    /// True while the list is being read.
    pub is_loading: bool,
    /// Failure of the last attempt to read the list, in plain words; `null` if there was none. The list before stays in
    /// force.
    pub error: Option<String>,
    /// Number of ranges in force, which do not overlap.
    pub ranges: u64,
    /// Number of entries of the list.
    pub entries: u64,
    /// Number of lines that cannot be read.
    pub bad_lines: u64,
    /// The first of these lines, with their numbers.
    #[cfg_attr(feature = "schema", schema(max_items = 5))]
    pub first_bad_lines: Vec<String>,
    /// Memory of the ranges.
    pub held_bytes: u64,
    /// Time of the list in force; `null` if there is none.
    pub loaded_unix_s: Option<u64>,
    /// Time of the last attempt that succeeded, also if the list had not changed; `null` before the first.
    pub checked_unix_s: Option<u64>,
    /// Time of the next attempt; `null` if none is planned.
    pub next_unix_s: Option<u64>,
    /// Effects of the filter and of the bans by the user since the start of the daemon.
    pub hits: FilterHits,
}

/// Number of times that the IP filter or a ban by the user has had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FilterHits {
    /// Incoming connections that were refused.
    pub incoming: u64,
    /// Addresses that were not dialed.
    pub outgoing: u64,
    /// Connections that were closed as the filter or the bans had changed.
    pub closed: u64,
    /// Datagrams of the DHT and of trackers that were dropped.
    pub datagrams: u64,
}
