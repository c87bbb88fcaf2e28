//! The terminal UI with a real daemon, drawn into a buffer.

mod edit;
mod flows;
mod harness;
