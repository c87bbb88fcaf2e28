//! A BitTorrent client to embed: runs the engine, and owns the sockets, threads and clock.
//!
//! A [`Session`] has one network thread with the event loop and the engine. A few threads per disk write, read, check
//! and save. A small tokio runtime does HTTP and DNS. [`TorrentHandle`]s make requests, each of which returns a
//! [`Reply`] to wait for or to await. [`Snapshot`]s and [`Events`] report status and news; a slow front end never
//! delays the session.
//!
//! ```no_run
//! use ztor_session::{AddMagnet, AddTorrent, Config, Session};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let session = Session::start(Config::default().dht(Some(Default::default())))?;
//!     let magnet = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567".parse()?;
//!     let torrent = session.add_magnet(AddMagnet::new(magnet)).wait()?;
//!     let meta = torrent.metadata().wait()?;
//!     torrent.start(AddTorrent::new(meta, "downloads")).wait()?;
//!     torrent.finished().wait()?;
//!     session.shutdown(std::time::Duration::from_secs(10));
//!     Ok(())
//! }
//! ```
//!
//! More programs are in the folder `examples`: download, seed, magnet, create, a status monitor, and one that sorts
//! torrents into folders.

#![deny(unsafe_code)]

mod add;
mod aliases;
mod bind;
mod claims;
mod clock;
mod config;
mod control;
mod dht_client;
mod dht_state;
mod disk;
mod dns;
mod driver;
mod events;
mod fetch_error;
mod file_status;
mod handle;
mod http;
mod http_clients;
mod inbox;
mod interfaces;
mod keys;
mod ledger;
mod limits;
mod locate;
mod mapping;
mod message;
mod move_error;
mod named_proxy;
mod names;
mod opener;
mod patterns;
mod port_error;
mod presence;
mod proxy;
mod publishers;
mod reach_settings;
mod reply;
mod resume_store;
mod route;
mod scrape;
mod session;
mod setters;
mod shares;
mod snapshot;
mod start_error;
mod state;
mod statistics;
mod times;
mod tls_error;
mod torrents;
mod web_fetch;

/// Creation of torrents from files on disk.
pub mod create {
    pub use ztor_metainfo::create::{Options, Version};
    pub use ztor_storage::create::{CreateError, CreateOptions, Created, Symlinks, create};
}

pub use add::{AddError, AddMagnet, AddTorrent};
pub use bind::{Addrs, BadBind, Bind, MAX_BIND_ADDRS};
pub use config::{Config, Settings};
pub use dht_client::DhtClient;
pub use dht_state::{DHT_ROUTERS, DhtOptions};
pub use events::{Events, EventsError};
pub use fetch_error::FetchError;
pub use file_status::FileStatus;
pub use handle::{MetadataError, OpenError, OpenFile, PriorityError, RateLimits, RemoveError, TorrentHandle};
pub use http::{
    FetchedFeed, FetchedList, Validators, fetch_feed, fetch_list, fetch_url, fetch_url_with_cookies,
};
pub use mapping::PortMappingOptions;
pub use move_error::MoveError;
pub use patterns::{FilePatterns, PatternError};
pub use port_error::PortError;
pub use proxy::{NoRelay, ProxyPolicy, ProxyState, ProxyStatus, RelayState, Use, Uses};
pub use publishers::{MAX_PUBLISHERS, PublishError, Published, look_up_publishers, publish};
pub use reply::{AskError, Reply};
pub use resume_store::{FileResumeStore, ResumeKey, ResumeStore};
pub use route::Route;
pub use scrape::{ScrapeError, scrape};
pub use session::{End, Session};
pub use snapshot::{Change, SessionEvent, Snapshot, Torrents};
pub use start_error::{SetupError, StartError};
pub use state::{default_state_dir, distrust_record, record_elsewhere};
pub use statistics::TorrentStatistics;
pub use web_fetch::named_web_seeds;
pub use ztor_base::SwarmId;
pub use ztor_dht as dht;
pub use ztor_engine::AddError as EngineAddError;
pub use ztor_engine::{
    Author, BanReason, BanStatus, Bitfield, Direction, DiskFault, DiskFaultKind, Encryption, FilterHits,
    GroupLimits, IpFilter, LeechDefence, LimitGroup, MAX_USER_BANS, MoveProgress, PartialPiece, PeerSource,
    PeerStatus, PieceMap, Priority, Protection, StartTorrentError, TorrentEvent, TorrentId, TorrentState,
    TorrentStatus, TrackerError, TrackerIssue, TrackerState, TrackerStatus, Transport, Transports, UserBan,
    WebFault, WebOrigin, WebSeedKind, WebSeedState, WebSeedStatus, WebSource,
};
pub use ztor_filter as ip_filter;
pub use ztor_metainfo::{
    Bulk, BulkError, BulkSource, Certificate, Feed, InfoHashes, MAX_TRACKERS, Magnet, Metainfo, Publisher,
    SignatureState, TorrentSignature,
};
pub use ztor_portmap as portmap;
pub use ztor_socks::{BadProxy, Proxy, ProxyKind};
pub use ztor_storage::resume::ResumeError;
pub use ztor_storage::{
    Allocation, ContentLayout, DeletedFiles, FileNames, NameError, ShareFiles, StorageError,
};
pub use ztor_tracker::{ScrapeEntry, redact as redact_url, redact_web_seed};
pub use ztor_wire::mse::Method;

/// The programs in the README, compiled as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
