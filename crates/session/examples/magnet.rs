//! Downloads the content of a magnet link, in ten lines.
//!
//! ```sh
//! cargo run -p ztor-session --example magnet -- 'magnet:?xt=urn:btih:...' downloads
//! ```

use std::error::Error;
use std::time::Duration;
use ztor_session::{AddMagnet, AddTorrent, Config, DhtOptions, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, link, folder] = args.as_slice() else { return Err("usage: magnet LINK FOLDER".into()) };
    let mut config = Config::default().dht(Some(DhtOptions::default()));
    if let Ok(bind) = std::env::var("BIND") {
        config = config.bind(bind.parse()?).dht(None).port(0);
    }
    let session = Session::start(config)?;
    let torrent = session.add_magnet(AddMagnet::new(link.parse()?)).wait()?;
    let meta = torrent.metadata().wait()?;
    println!("{}", meta.name);
    torrent.start(AddTorrent::new(meta, folder)).wait()?;
    torrent.finished().wait()?;
    println!("finished");
    session.shutdown(Duration::from_secs(10));
    Ok(())
}
