//! DHT lookups to which no node answers, so that each takes long.

use super::*;
use crate::testkit::Blueprint;

/// Number of finished torrents, which are all announced.
const SEEDS: usize = 2000;

fn add(rig: &mut Rig, name: &str, is_finished: bool) -> TorrentId {
    let id = rig.add(&AddTorrent::new(Blueprint::new(name, 32768).made_up(4 * 32768)));
    let have = if is_finished { Bitfield::full(4) } else { Bitfield::new(4) };
    rig.disk(id, DiskEvent::Checked { have });
    id
}

#[test]
fn download_is_looked_up_again_while_thousands_of_seeds_wait() {
    let mut config = Config::new(PeerId::from_random([0; 12]), 6881);
    config.local_discovery = false;
    let mut rig = Rig::new(Instant::from_micros(1), config, 1);
    rig.engine.start_dht(rig.now, ztor_dht::Config::default(), None);
    let addrs = (1..=8).map(|n| ([203, 0, 113, n], 6881).into()).collect();
    rig.handle(Event::Command(Command::AddDhtNodes { addrs, role: DhtRole::Router }));
    for n in 0..SEEDS {
        add(&mut rig, &format!("seed {n}"), true);
    }
    let id = add(&mut rig, "download", false);
    let end = rig.now + Duration::from_secs(600);
    while rig.now < end {
        rig.settle();
        rig.out.clear();
        let next = rig.engine.poll_timeout().unwrap_or(end);
        rig.now = next.clamp(rig.now + Duration::from_millis(100), end);
    }
    let lookups = rig.engine.torrent_mut(id).schedule_mut().dht_empty_lookups();
    assert!(lookups >= 5, "{lookups} lookups in ten minutes");
}
