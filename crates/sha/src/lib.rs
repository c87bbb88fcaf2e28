//! SHA-1 and SHA-256 of several independent messages at once.
//!
//! The SHA instructions of x86 have a long latency: one message keeps them busy for a third of the time. A
//! [`Hasher`] hashes one message; [`update_many`], [`finish_many`] and [`digest_many`] hash any number and
//! interleave up to [`LANES`] of them. Without those instructions, and on other processors, the same functions
//! hash one message after the other with the `sha1` and `sha2` crates.
//!
//! ```
//! use ztor_sha::{Sha1, update_many};
//!
//! let mut pieces = [Sha1::new(), Sha1::new()];
//! let [first, second] = &mut pieces;
//! // Each message is a list of buffers, as long as it likes.
//! update_many([(first, vec![&b"spam"[..], b"eggs"]), (second, vec![&b"spameggs"[..]])]);
//! assert_eq!(pieces[0].finish_reset(), pieces[1].finish_reset());
//! ```

#![deny(unsafe_code)]

mod algorithm;
mod backend;
mod block;
mod hasher;
mod many;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the processor's SHA instructions are reached through intrinsics only")]
mod shani;

pub use algorithm::{Algorithm, Sha1Algorithm, Sha256Algorithm};
pub use hasher::Hasher;
pub use many::{digest_many, finish_many, update_many};

/// Maximum number of messages hashed at the same time. More would not fit into the registers.
pub const LANES: usize = 4;

/// Incremental SHA-1 (FIPS 180-4) of one message.
pub type Sha1 = Hasher<Sha1Algorithm>;

/// Incremental SHA-256 (FIPS 180-4) of one message.
pub type Sha256 = Hasher<Sha256Algorithm>;

#[cfg(test)]
mod tests;
