//! Whole swarms of real engines in one process: any interleaving of peers, network, disk and crash can be played
//! back from one number.
//!
//! The engine is the one that is shipped. Around it everything is virtual: the clock, the network, the disk, the
//! trackers, and peers that are not ztor. One source of chance, seeded by one number, decides all of it; nothing
//! depends on the machine, and a run has one thread.
//!
//! A [`Scenario`] sets up a world and plans what befalls it. While it runs, checkers hold every client to what must
//! always be true, by counting again; once the last fault has healed, every honest client must finish within a
//! time that follows from the lines and the timeouts.
//!
//! `dht_world` is a world of another kind: thousands of nodes of the DHT, and nothing else. `utp_links` is one more:
//! a few connections of µTP and the link that they share, measured. `hung_disk` has a client with two disks.
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
mod hung_disk;
mod liveness;
mod net;
mod node;
mod outcome;
mod plan;
mod record;
mod run;
mod scenarios;
mod settings;
mod sweep;
mod trace;
mod tracker;
mod utp_links;
mod world;

pub use baseline::{Baseline, Difference};
pub use outcome::{Failure, Outcome};
pub use run::run;
pub use scenarios::{SCENARIOS, Scenario};
pub use sweep::{Swept, sweep};
