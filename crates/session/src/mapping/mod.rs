//! Port mapping: the task on the control runtime that keeps the port mapped, and its handle on the network thread.
//!
//! - `task`: runs the machine of `ztor-portmap`, one job at a time per address family;
//! - `place`: the address of this machine and its gateway;
//! - `net`, `datagrams`, `upnp`: sockets, and the requests of the three protocols.
//!
//! Every socket keeps to the binding of the session. While port mapping is off, nothing is opened or sent.

mod datagrams;
mod net;
mod options;
mod place;
mod task;
#[cfg(test)]
mod tests;
mod upnp;

pub use options::PortMappingOptions;
pub(crate) use task::{Mapping, Shared};
