//! Downloads the data of a torrent file into a folder, and exits.
//!
//! ```sh
//! cargo run -p ztor-session --example download -- debian.torrent downloads [PEER...]
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use ztor_session::{AddTorrent, AskError, Config, DhtOptions, Metainfo, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(torrent), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: download TORRENT FOLDER [PEER...]".into());
    };
    let peers = args.map(|peer| peer.parse()).collect::<Result<Vec<_>, _>>()?;

    let mut config = Config::default().dht(Some(DhtOptions::default()));
    if let Ok(bind) = std::env::var("BIND") {
        // On one address only, and without the DHT: for a private network.
        config = config.bind(bind.parse()?).dht(None).port(0);
    }
    let session = Session::start(config)?;
    let meta = Arc::new(Metainfo::from_bytes(&std::fs::read(torrent)?)?);
    let torrent = session.add(AddTorrent::new(meta, folder).peers(peers)).wait()?;
    loop {
        match torrent.finished().wait_for(Duration::from_secs(1)) {
            Ok(()) => break,
            Err(AskError::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = torrent.status() {
            let (left, rate, peers) = (status.left_bytes, status.down_per_s, status.peers);
            println!("{left} bytes left, {rate} bytes/s from {peers} peers");
        }
    }
    println!("finished");
    session.shutdown(Duration::from_secs(10));
    Ok(())
}
