//! Bencoding (BEP 3): the encoding of torrent files, tracker answers, DHT messages and resume data.
//!
//! Four tools, one for each need:
//!
//! - [`decode()`] turns a buffer into a [`Document`]: a flat tape of nodes over the borrowed input. Nothing
//!   is copied, and every [`Value`] knows the [span](Value::span) of its own bytes, so that an info-hash is
//!   taken over what was received and never over a re-encoding.
//! - [`Reader`] pulls tokens out of any [`Read`](std::io::Read), for inputs that shall not be held in memory.
//! - [`Encoder`] writes to any [`Write`](std::io::Write) and refuses what would not be valid.
//! - [`Tree`] is the owned value, to build small documents with.
//!
//! All decoding is total: any input ends in a value or an [`Error`] that says where and why. Neither time nor
//! memory grows faster than the input, and no recursion follows its nesting.
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
