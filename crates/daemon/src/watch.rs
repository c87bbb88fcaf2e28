//! Watched folders: folders from which torrent files and magnet links are loaded.
//!
//! [`Machine`] decides without I/O and clock which folder is scanned and which file is loaded. `scan` and `file` read and
//! change the disk, `watcher` reports changes. The daemon drives them.
//!
//! The innermost watched folder owns a file, whether or not it covers it: a folder that is not recursive keeps its
//! sub-folders from those above it. So each file is loaded once, and a part of a recursive folder can be left out.
//!
//! Modules: `folder` is the state of one folder, `place` computes owners and categories from paths, `stamp` tells
//! versions of a file apart, `row` encodes the rows of the database, `signals` wakes the thread.

mod file;
mod folder;
mod machine;
mod place;
mod row;
mod scan;
mod signals;
mod stamp;
#[cfg(test)]
mod tests;
mod watcher;

pub(crate) use file::{Read, SetAside, delete, magnet_lines, read, rename};
pub(crate) use folder::{Pace, Ready};
pub(crate) use machine::{MAX_FOLDERS, Machine};
pub(crate) use place::{Kind, category_of};
pub(crate) use row::{Remembered, key_of, path_of};
pub(crate) use scan::scan;
pub(crate) use signals::{News, Signals};
pub(crate) use watcher::Watcher;
