//! Access control of requests over TCP: hosts and origins, logins, sessions, tokens, and bans.
//!
//! There are no default credentials: without a password and a token, each request over TCP is refused. The local socket
//! needs no credentials. Loopback addresses are banned like others. Behind a reverse proxy that is not in
//! `trusted_proxies`, all clients have the address of the proxy, and share its bans.
//!
//! `gate` decides about requests, `account` about passwords, and `token_changes` about tokens; all three are methods of
//! `shared`. Below them, `request` checks where a request comes from, with `host` and `forwarded`; `credentials` reads
//! headers; `state` has the tables `limiter`, `sessions` and `tokens`; `passwords`, `password` and `secret` hash;
//! `denied` is a refusal. `foreign` has the parts of these decisions for the APIs of other programs, whose order of checks and
//! whose refusals their clients know.

mod account;
mod clock;
mod credentials;
mod denied;
mod foreign;
mod forwarded;
mod gate;
mod host;
mod limiter;
mod links;
mod password;
mod passwords;
mod request;
mod secret;
mod sessions;
mod shared;
mod state;
mod token_changes;
mod tokens;

pub(crate) use clock::now_unix_s;
pub(crate) use credentials::{COOKIE_NAME, cookies, set_cookie};
pub(crate) use denied::{Challenge, Denied};
pub(crate) use request::{Connection, Rules, Source};
pub(crate) use secret::{Digest, random_text};
pub(crate) use shared::{Access, Caller, Pass};
pub use state::AccessError;
