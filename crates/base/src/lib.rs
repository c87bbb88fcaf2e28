//! Basic types that all crates of ztor share.
//!
//! - [`Instant`] is a point in time. State machines below the session never read a clock: the caller passes the time.
//! - [`SwarmId`], [`InfoHashV1`], [`InfoHashV2`], [`PeerId`] and [`Sha1Digest`] keep byte strings of equal length
//!   apart.
//! - [`Nonces`] generates unpredictable ids for requests.
//! - [`addr`] holds rules about addresses, and [`Host`], the unit of limits on remote machines.
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
