//! Simulates whole swarms of real engines in one process. Any interleaving of peers, network, disk and crashes can be
//! replayed from its seed.
//!
//! The engine is the shipped one. Everything around it is virtual: the clock, the network, the disk, the trackers, and
//! peers that are not ztor. One random generator with one seed decides everything. A run does not depend on the machine
//! and has one thread.
//!
//! A [`Scenario`] builds a world and plans its faults. During the run, checkers recount and verify the invariants of
//! every client. After the last fault has healed, every honest client must finish within a time that follows from the
//! lines and the timeouts.
//!
//! Some scenarios use other worlds. `dht_world` has thousands of nodes of the DHT and nothing else. `utp_links`
//! measures a few connections of µTP on a shared link. `hung_disk` has a client with two disks, and `group_limits` one
//! with many torrents.
#![forbid(unsafe_code)]

mod action;
mod actors;
mod baseline;
mod checkers;
mod clock;
mod content;
mod core;
mod dht_world;
mod disk;
mod gateways;
mod group_limits;
mod hung_disk;
mod liveness;
mod net;
mod node;
mod outcome;
mod plan;
mod proxy_links;
mod record;
mod run;
mod scenarios;
mod settings;
mod star;
mod sweep;
mod trace;
mod tracker;
mod utp_links;
mod verb;
mod world;

pub use baseline::{Baseline, Difference};
pub use outcome::{Failure, Outcome};
pub use run::run;
pub use scenarios::{SCENARIOS, Scenario};
pub use sweep::{Swept, sweep};
