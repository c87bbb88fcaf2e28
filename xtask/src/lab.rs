//! What the interop suite and the benchmark share: hosts in network namespaces, programs that are ended with whoever
//! started them, trackers and torrents.

pub(crate) mod net;
pub(crate) mod process;
pub(crate) mod tools;
pub(crate) mod torrent;
pub(crate) mod tracker;
pub(crate) mod usage;
