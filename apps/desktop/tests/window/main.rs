//! Tests of the window against a real daemon, without a display: through the nodes that screen readers see.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod add;
mod driver;
mod ending;
mod filters;
mod namespace;
mod remote;
mod settings;
mod targets;
