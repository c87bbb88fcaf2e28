//! Shows what happens to a torrent, on an async runtime: events and a status line per second, until it is finished.
//!
//! ```sh
//! cargo run -p ztor-session --example monitor -- debian.torrent downloads [PEER...]
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use ztor_session::{
    AddTorrent, Config, DhtOptions, EventsError, Metainfo, Session, SessionEvent, TorrentEvent,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(torrent), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: monitor TORRENT FOLDER [PEER...]".into());
    };
    let peers = args.map(|peer| peer.parse()).collect::<Result<Vec<_>, _>>()?;
    let mut config = Config::default().dht(Some(DhtOptions::default()));
    if let Ok(bind) = std::env::var("BIND") {
        config = config.bind(bind.parse()?).dht(None).port(0);
    }
    let session = Session::start(config)?;
    let mut events = session.subscribe();
    let meta = Arc::new(Metainfo::from_bytes(&std::fs::read(torrent)?)?);
    let torrent = session.add(AddTorrent::new(meta, folder).peers(peers)).await?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            event = events.next() => match event {
                Ok(SessionEvent::Torrent(TorrentEvent::Finished { torrent: id })) if id == torrent.id() => break,
                Ok(event) => println!("{event:?}"),
                Err(EventsError::FellBehind { missed }) => println!("{missed} events missed"),
                Err(error) => return Err(error.into()),
            },
            _ = second.tick() => {
                let Some(status) = torrent.status() else { return Err("the torrent was removed".into()) };
                println!("{:?}: {} bytes/s down, {} up", status.state, status.down_per_s, status.up_per_s);
                for peer in torrent.peers().await? {
                    println!("  {} {:?} {} bytes/s", peer.addr, peer.client, peer.down_per_s);
                }
            }
        }
    }
    println!("finished");
    session.shutdown(Duration::from_secs(10));
    Ok(())
}
