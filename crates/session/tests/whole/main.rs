//! Whole sessions over loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod addresses;
mod common;
mod crashes;
mod files;
mod loopback;
mod managing;
mod metadata;
mod moving;
mod proxies;
mod reach;
mod requests;
mod scripted_proxy;
mod sharing;
mod ways;
mod web_seeds;
