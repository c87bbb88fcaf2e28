//! Whole sessions over loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
mod files;
mod loopback;
mod managing;
mod requests;
mod ways;
