//! Rules of the workspace that `cargo xtask` checks.

pub mod tidy;
