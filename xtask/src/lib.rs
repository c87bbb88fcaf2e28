//! What a developer of ztor runs beside cargo's own commands: `cargo xtask tidy`, `cargo xtask interop` and
//! `cargo xtask bench`.

#[cfg(target_os = "linux")]
pub mod bench;
#[cfg(target_os = "linux")]
pub mod interop;
#[cfg(target_os = "linux")]
mod lab;
pub mod tidy;
