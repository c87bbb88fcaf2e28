//! Values that every part of ztor shares.
//!
//! - [`Instant`] is the clock as a value: machines below the session never ask for the time, it is given to them.
//! - [`SwarmId`], [`InfoHashV1`], [`InfoHashV2`], [`PeerId`] and [`Sha1Digest`] keep byte strings of one length apart.
//! - [`Nonces`] are ids of requests that strangers must not guess.
//! - [`addr`] holds the rules about addresses, and [`Host`], the unit that limits are counted by.
#![forbid(unsafe_code)]

pub mod addr;
mod bytes;
mod id;
mod nonces;
mod peer_id;
mod time;

pub use addr::Host;
pub use id::{InfoHashV1, InfoHashV2, Sha1Digest, SwarmId};
pub use nonces::Nonces;
pub use peer_id::PeerId;
pub use time::{Duration, Instant};
