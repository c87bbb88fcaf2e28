//! Bencoding (BEP 3): the encoding of torrent files, tracker responses, DHT messages and resume data.
//!
//! The crate has four parts:
//!
//! - [`decode()`] turns a buffer into a [`Document`]: a flat tape of nodes over the borrowed input. Nothing is copied.
//!   Every [`Value`] knows the [span](Value::span) of its own bytes, so an info-hash covers the received bytes and
//!   never a re-encoding.
//! - [`Reader`] pulls tokens from any [`Read`](std::io::Read), for inputs that should not be held in memory.
//! - [`Encoder`] writes to any [`Write`](std::io::Write) and rejects calls that would produce invalid bencoding.
//! - [`Tree`] is an owned value for building small documents.
//!
//! Decoding is total: any input gives a value or an [`Error`] with its position and cause. Time and memory grow at most
//! linearly with the input, and decoding does not recurse with its nesting.
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod error;
mod mode;
mod number;
mod reader;
mod tree;
mod value;

pub use decode::{Limits, decode, decode_prefix, decode_with};
pub use encode::{EncodeError, Encoder};
pub use error::{Error, ErrorKind};
pub use mode::Mode;
pub use reader::{ReadError, Reader, Token};
pub use tree::Tree;
pub use value::{Document, Entries, Items, Kind, Value};
