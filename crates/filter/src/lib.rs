//! Lists of IP address ranges, such as users have for peers they do not want.
//!
//! [`read`] takes a whole file, as it is on disk or on a server: gzip, zip or plain, in any of these formats, which are
//! detected line by line:
//!
//! - DAT of eMule: `001.002.003.000 - 001.002.003.255 , 000 , text`. An access level above 127 means allowed.
//! - P2P of PeerGuardian: `name:1.2.3.0-1.2.3.255`. Names may contain colons; ranges may be of IPv6.
//! - P2B of PeerGuardian: binary, versions 1 to 3.
//! - An address, a network (`192.0.2.0/24`) or a range per line, with comments after `#`, `;` or `//`.
//!
//! A line that cannot be read is counted, and the first few are kept for display. The result is a [`Table`]: sorted
//! ranges that do not overlap, eight bytes per IPv4 range.
//!
//! ```
//! let list = b"# of my own\nSome Network:192.0.2.0-192.0.2.255\n198.51.100.7\n2001:db8::/32\n";
//! let list = ztor_filter::read(list)?;
//! assert_eq!(list.report.entries, 3);
//! assert!(list.table.has("192.0.2.9".parse()?) && !list.table.has("192.0.3.0".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod error;
mod line;
mod p2b;
mod parser;
mod range;
mod read;
mod report;
mod table;

pub use error::ListError;
pub use parser::{Parsed, Parser};
pub use range::{IpRange, ParseRangeError};
pub use read::read;
pub use report::{BadLine, MAX_BAD_LINES, MAX_LEN, MAX_RANGES, Report};
pub use table::Table;
