//! Real clients in network namespaces of their own: the interop suite ([`interop`]) and the side-by-side benchmark
//! ([`mod@bench`]), as root. A real daemon that is killed again and again ([`mod@kill`]), as any user. Linux only.
//!
//! The first two share hosts on a bridge (`net`), child processes that end with their owner (`process`), the programs
//! themselves (`tools`), trackers and torrents.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

pub mod bench;
pub mod interop;
pub mod kill;
mod net;
mod process;
mod tools;
mod torrent;
mod tracker;
mod usage;

use std::path::{Path, PathBuf};

/// Returns the root of the workspace that this program was built from.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
