//! Tests of the binary: exit codes, messages, files, and whole transfers over loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test")]

mod bencode;
mod process;
mod scratch;

mod create;
mod daemon;
mod damaged;
mod files;
mod liar;
mod magnet;
mod names;
mod show;
mod sources;
mod swarm;
mod trouble;
mod verify;
