//! Whole connections over a simulated network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod congestion;
mod handshake;
mod hostile;
mod paths;
mod room;
mod stalls;
mod transfer;
