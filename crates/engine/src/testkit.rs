//! The test kit: parts that surround an engine in tests, in the simulator, under fuzzing and in benchmarks.
//!
//! - [`Rig`] is an engine with its time and its outbox.
//! - [`carry_out`] passes the effects of a turn to an [`Effects`], in the order of a driver. It names every list of the
//!   outbox, and the trait has no default methods. So a new kind of effect compiles only once all worlds handle it.
//! - [`FarEnd`] is the far end of a connection, driven by a script; a [`Transcript`] reads one direction of it.
//! - [`InstantDisk`] is the disk of one torrent, without delay.
//! - [`Blueprint`] makes torrents of noise or of made-up hashes.
//! - [`Picker`] and [`Bucket`] are parts of the engine that have fuzz targets of their own.
//!
//! The kit exists only with the feature `testing`, and is not part of the public interface. Wrong use panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a kit for tests")]

mod disk;
mod effects;
mod far_end;
mod rig;
mod torrents;

pub use crate::exchange::picker::{Ask, Picker, Receipt, RunAsk};
pub use crate::rate::Bucket;
pub use disk::InstantDisk;
pub use effects::{Effects, carry_out};
pub use far_end::{FarEnd, Transcript, encode};
pub use rig::{Rig, peer_key};
pub use torrents::{Blueprint, SHORT_BY, noise, v2_made_up, v2_of};
