//! Serves data on disk until standard input ends. Never writes to the data.
//!
//! ```sh
//! cargo run -p ztor-session --example seed -- debian.torrent downloads
//! ```

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ztor_session::{AddTorrent, Config, DhtOptions, Metainfo, RateLimits, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(torrent), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: seed TORRENT FOLDER".into());
    };
    let mut config = Config::default().dht(Some(DhtOptions::default()));
    config.settings.limits = RateLimits { down: None, up: Some(10_000_000) };
    if let Ok(bind) = std::env::var("BIND") {
        config = config.bind(bind.parse()?).dht(None).port(0);
    }
    let session = Session::start(config)?;
    let meta = Arc::new(Metainfo::from_bytes(&std::fs::read(torrent)?)?);
    let torrent = session.add(AddTorrent::new(meta, folder).read_only(true)).wait()?;
    // Returns after the check, as everything is there.
    torrent.finished().wait()?;
    println!("seeding on {}", session.local_addr());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    session.shutdown(Duration::from_secs(10));
    Ok(())
}
