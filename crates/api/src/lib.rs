//! Types that front ends exchange with a daemon, as JSON.
//!
//! Each type is defined once: the daemon answers with it, the server sends it, and clients read it. Unknown fields are
//! ignored in answers, so that an older client can talk to a newer daemon, and refused in requests, so that a
//! misspelled one has no silent effect.
//!
//! Units are in the names of fields: `_bytes`, `_per_s` (bytes per second), `_s` (seconds) and `_unix_s` (seconds since
//! 1970). Absent values are `null`.
#![forbid(unsafe_code)]

mod access;
mod action;
mod add;
mod alternative;
mod creation;
mod detail;
mod filter;
mod goals;
mod labels;
mod list;
mod live;
mod log;
mod object;
mod port_mapping;
mod preview;
mod problem;
mod settings;
mod state;
mod statistics;
mod torrent;
mod watch;

pub use access::{
    Account, AccountChange, Login, LoginKind, LoginLink, LoginState, NewToken, Token, TokenRequest,
};
pub use action::{
    Action, ActionRequest, ActionResult, DataChoice, Failed, QueueMove, TrackerChange, WebSeedChange,
};
pub use add::{AddOptions, AddRequest, AddResult, AddSource, Added, Layout, StopAfter};
pub use alternative::{LimitsChange, LimitsChoice};
pub use creation::{Creation, CreationFormat, CreationRequest, CreationState, NewCreation};
pub use detail::{
    Detail, DownloadLink, DownloadLinkRequest, File, FileChoice, FilePriority, Peer, Pieces, Publisher,
    Signature, SignatureState, Tracker, WebSeed,
};
pub use filter::{Ban, BanKind, BanRequest, FilterHits, IpFilter};
pub use goals::{Goal, GoalAction, Goals};
pub use labels::{Category, CategoryEdit, CategoryRename, Tag, TagRename};
pub use list::{Counts, List, ListQuery, Removed, Sort, SortKey};
pub use live::{LiveRequest, LiveUpdate};
pub use log::LogLine;
pub use port_mapping::{MappedPort, MappingFailure, PortMapping, PortMappingState, Ports};
pub use preview::{Folder, Known, Preview, PreviewFile, PreviewRequest};
pub use problem::{Problem, ProblemKind};
pub use settings::{Setting, SettingChange, SettingKind, SettingSource, SettingValue};
pub use state::{Fault, FaultKind, State, StateGroup};
pub use statistics::{Connectivity, Daemon, History, Proxy, ProxyState, Statistics};
pub use torrent::{Limits, Moving, Torrent};
pub use watch::{WatchFolder, WatchFolderEdit, WatchLoaded, WatchProblem};

/// Path of the version of the API in this crate, before each route.
pub const BASE: &str = "/api/v1";

/// Returns the path of the daemon's local socket in its state folder.
pub fn socket_in(state_dir: &std::path::Path) -> std::path::PathBuf {
    state_dir.join("socket")
}
