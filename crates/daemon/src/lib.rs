//! Management of the torrents of a session, for programs that keep them for long.
//!
//! [`Daemon`] is the whole: a session, its torrents, categories, tags, the queue, and the database that outlives the process.
//!
//! [`Manager`] carries out the decisions of [`ztor_policy`]: which torrents run, when they are done, and which limits
//! apply. It has no thread: its owner calls [`Manager::turn`] a few times a second.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # fn any<T>() -> T { unreachable!("it only has to compile") }
//! # let meta: std::sync::Arc<ztor_session::Metainfo> = any();
//! use ztor_daemon::{Manager, policy};
//! use ztor_session::{AddTorrent, Config, Session, Settings};
//!
//! let session = Session::start(Config::default())?;
//! let mut rules = policy::Config::default();
//! rules.goals.ratio = policy::Goal::At(policy::Ratio::from_thousandths(1500));
//! let mut manager = Manager::new(rules, Settings::default());
//! let torrent = session.add(AddTorrent::new(meta, "downloads").paused(true)).wait()?;
//! manager.add(policy::TorrentKey::new(1), torrent, Default::default())?;
//! loop {
//!     for event in manager.turn(&session) {
//!         println!("{event:?}");
//!     }
//!     std::thread::sleep(std::time::Duration::from_millis(250));
//! }
//! # }
//! ```
#![forbid(unsafe_code)]

mod bulk;
mod clock;
mod core;
mod daemon;
mod error;
mod facts;
mod filter;
mod foreign_api;
mod goals;
mod history;
mod manager;
mod record;
mod select;
pub mod settings;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod units;
mod watch;

pub use core::{Row, Rows};
pub use daemon::{
    Daemon, DaemonConfig, DaemonStartError, FilterSummary, NewContent, OpenedFile, Options, Started,
    StoredAccount, StoredSession, StoredSessions, StoredToken, parse_torrent,
};
pub use error::DaemonError;
pub use filter::FilterSource;
pub use foreign_api::ForeignApi;
pub use history::SPANS_S;
pub use manager::{Event, Manager, NewTorrent};
pub use record::{FileOptions, Folder, Share, Times};
pub use select::SelectError;
pub use store::{DatabaseResumeStore, Salvage, Store, StoreError};
pub use ztor_policy as policy;
pub use ztor_session as session;
pub use ztor_session::default_state_dir;
