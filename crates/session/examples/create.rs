//! Creates a torrent file of a file or folder, and prints its magnet link.
//!
//! ```sh
//! cargo run -p ztor-session --example create -- photos photos.torrent
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use ztor_session::{Magnet, Metainfo};
use ztor_storage::create::{CreateOptions, create};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, data, torrent] = args.as_slice() else { return Err("usage: create DATA TORRENT".into()) };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Set by another thread, it ends the work early.
    let stop = AtomicBool::new(false);
    let made = create(Path::new(data), &CreateOptions::default(), threads, |_, _| {}, &stop)?;
    std::fs::write(torrent, &made.torrent)?;
    println!("{}", Magnet::from(&Metainfo::from_bytes(&made.torrent)?));
    Ok(())
}
