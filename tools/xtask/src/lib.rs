//! Developer commands of ztor: `cargo xtask tidy` checks the rules of the workspace, `cargo xtask shape` measures its
//! structure and language.
#![forbid(unsafe_code)]

pub mod shape;
pub mod source;
pub mod tidy;
pub mod workspace;
