//! Client side of proxies, without I/O: SOCKS5 (RFC 1928, RFC 1929), SOCKS4a, and HTTP `CONNECT` (RFC 9110).
//!
//! - [`Proxy`]: kind, host, port and credentials of a proxy, from a URL. No text form shows the password.
//! - [`Tunnel`]: the negotiation on a connection to a proxy, up to the end of its answer.
//! - [`Link`]: the decision whether a proxy answers, when it is tried again, and the association for datagrams.
//! - [`udp`]: the header of datagrams that a SOCKS5 proxy relays.
//!
//! Names of targets are never resolved here: the proxy gets them as they are.
//!
//! ```
//! use ztor_socks::{Proxy, Step, Target, Tunnel};
//!
//! let proxy: Proxy = "socks5://127.0.0.1:1080".parse()?;
//! let mut tunnel = Tunnel::connect(&proxy, &Target::Name("tracker.example".to_owned(), 80))?;
//! assert_eq!(tunnel.poll_transmit(), [5, 1, 0]);
//! assert!(matches!(tunnel.handle(&[5, 0])?, Step::More));
//! assert!(tunnel.poll_transmit().ends_with(b"\x0ftracker.example\0\x50"));
//! assert!(matches!(tunnel.handle(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?, Step::Done { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod http;
mod link;
mod proxy;
mod socks4;
mod socks5;
mod target;
mod tunnel;
pub mod udp;

pub use error::{Refusal, TunnelError};
pub use link::{Link, LinkAction, LinkGoal, NoRelay, ProxyState, ProxyStatus, RelayState, Way};
pub use proxy::{BadProxy, Credentials, Proxy, ProxyKind};
pub use target::Target;
pub use tunnel::{MAX_ANSWER, Step, Tunnel};
