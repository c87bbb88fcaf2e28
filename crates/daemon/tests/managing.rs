//! A manager with real sessions over loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use ztor_daemon::policy::{
    self, Alternative, CategorySettings, Goal, GoalAction, GoalKind, Limits, Ratio, State,
};
use ztor_daemon::{Event, Manager, NewTorrent};
use ztor_metainfo::Metainfo;
use ztor_session::{AddTorrent, Config, Session, Settings, TorrentHandle, TorrentState};
use ztor_storage::create::{CreateOptions, create};

const LIMIT: Duration = Duration::from_secs(60);

fn session() -> Session {
    let bind = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
    Session::start(Config::default().bind(bind).port(0).state_dir(None)).unwrap()
}

fn torrent(dir: &Path, name: &str, len: usize) -> Arc<Metainfo> {
    std::fs::create_dir_all(dir).unwrap();
    let path = dir.join(name);
    let bytes = (0..len as u32 / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    std::fs::write(&path, bytes.collect::<Vec<_>>()).unwrap();
    let made = create(&path, &CreateOptions::default(), 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

/// Takes turns until the condition holds. Returns the events.
fn until(
    manager: &mut Manager,
    session: &Session,
    what: &str,
    mut done: impl FnMut(&mut Manager, &[Event]) -> bool,
) -> Vec<Event> {
    let end = Instant::now() + LIMIT;
    let mut events = Vec::new();
    loop {
        events.extend(manager.turn(session));
        if done(manager, &events) {
            return events;
        }
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}; {events:?}, {:?}", session.snapshot());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn key(torrent: &TorrentHandle) -> policy::TorrentKey {
    policy::TorrentKey::new(torrent.id().as_u64())
}

fn is_paused(torrent: &TorrentHandle) -> bool {
    torrent.status().is_some_and(|status| status.state == TorrentState::Paused)
}

#[test]
fn queue_runs_one_download_after_the_other_and_the_user_can_change_the_order() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, seed, leech) = (tmp.path().join("src"), session(), session());
    let mut config = policy::Config::default();
    config.queue.downloads = Some(1);
    config.limits = Limits { down_per_s: Some(2 << 20), up_per_s: None };
    let mut manager = Manager::new(config, Settings::default());
    let mut torrents = Vec::new();
    for name in ["a", "b", "c"] {
        let meta = torrent(&source, name, 1 << 20);
        seed.add(AddTorrent::new(Arc::clone(&meta), &source).read_only(true)).wait().unwrap();
        let add = AddTorrent::new(meta, tmp.path().join("dst")).peers(vec![seed.local_addr()]).paused(true);
        let handle = leech.add(add).wait().unwrap();
        manager.add(key(&handle), handle.clone(), NewTorrent::default()).unwrap();
        torrents.push(handle);
    }
    let [a, b, c] = [0, 1, 2].map(|n| key(&torrents[n]));
    until(&mut manager, &leech, "the first runs", |manager, _| {
        matches!(manager.state_of(a), Some(State::Running { .. }))
    });
    assert!(torrents[1..].iter().all(|torrent| torrent.status().unwrap().state != TorrentState::Downloading));
    manager.policy_mut().move_to(&[c], policy::Move::To(1));
    let mut running_at_once = 0;
    let events = until(&mut manager, &leech, "all are done", |_, _| {
        let running = torrents.iter().filter(|torrent| {
            torrent.status().is_some_and(|status| status.state == TorrentState::Downloading)
        });
        running_at_once = running_at_once.max(running.count());
        torrents.iter().all(|torrent| torrent.status().unwrap().left_bytes == 0)
    });
    assert_eq!(running_at_once, 1);
    let order = events.iter().filter_map(|event| match event {
        Event::Started(id) => Some(*id),
        _ => None,
    });
    let order: Vec<_> = order.collect();
    let of = |id| order.iter().position(|started| *started == id);
    assert!(of(c) < of(b), "{order:?}");
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn torrent_at_its_ratio_is_removed_and_the_limits_of_its_category_hold() {
    let tmp = tempfile::tempdir().unwrap();
    let (source, seed, leech) = (tmp.path().join("src"), session(), session());
    let meta = torrent(&source, "data", 1 << 20);
    let mut manager = Manager::new(policy::Config::default(), Settings::default());
    let mut settings = CategorySettings::default();
    settings.goals.ratio = Goal::At(Ratio::from_thousandths(1000));
    settings.goals.action = Some(GoalAction::Remove);
    settings.limits = Limits { down_per_s: None, up_per_s: Some(0) };
    let category = manager.policy_mut().create_category("films/old", settings.clone()).unwrap();
    let add = AddTorrent::new(Arc::clone(&meta), &source).read_only(true).paused(true);
    let handle = seed.add(add).wait().unwrap();
    let mut new = NewTorrent::default();
    new.category = Some(category);
    manager.add(key(&handle), handle.clone(), new).unwrap();
    until(&mut manager, &seed, "seeds", |_, _| {
        handle.status().is_some_and(|status| status.state == TorrentState::Seeding)
    });
    let peers = vec![seed.local_addr()];
    let fetched = leech.add(AddTorrent::new(meta, tmp.path().join("dst")).peers(peers)).wait().unwrap();
    until(&mut manager, &seed, "connected", |_, _| {
        fetched.peers().wait().unwrap().iter().any(|peer| !peer.chokes_us && peer.requests > 0)
    });
    assert_eq!(fetched.status().unwrap().downloaded_bytes, 0, "the category allows no upload");
    settings.limits = Limits::NONE;
    manager.policy_mut().edit_category(category, settings).unwrap();
    let events = until(&mut manager, &seed, "removed", |_, events| {
        events.iter().any(|event| matches!(event, Event::Removed { with_data: false, .. }))
    });
    assert!(events.contains(&Event::GoalReached(key(&handle), GoalKind::Ratio)), "{events:?}");
    assert_eq!(manager.state_of(key(&handle)), None);
    fetched.finished().wait_for(LIMIT).unwrap();
    assert!(source.join("data").exists());
    assert!(leech.shutdown(LIMIT) && seed.shutdown(LIMIT));
}

#[test]
fn alternative_limits_and_a_pause_of_the_user_take_effect_with_the_next_turn() {
    let tmp = tempfile::tempdir().unwrap();
    let client = session();
    let meta = torrent(&tmp.path().join("src"), "data", 100_000);
    let alternative = Limits { down_per_s: Some(1), up_per_s: Some(1) };
    let config = policy::Config { alternative, ..policy::Config::default() };
    let mut manager = Manager::new(config, Settings::default());
    let handle = client.add(AddTorrent::new(meta, tmp.path().join("src")).paused(true)).wait().unwrap();
    manager.add(key(&handle), handle.clone(), NewTorrent::default()).unwrap();
    until(&mut manager, &client, "seeds", |_, _| {
        handle.status().is_some_and(|status| status.state == TorrentState::Seeding)
    });
    manager.policy_mut().set_alternative(Alternative::On);
    let torrent = key(&handle);
    manager.policy_mut().pause(torrent);
    until(&mut manager, &client, "paused", |_, _| is_paused(&handle));
    assert_eq!(manager.state_of(torrent), Some(State::Paused));
    manager.policy_mut().resume(torrent);
    until(&mut manager, &client, "resumed", |_, _| !is_paused(&handle));
    assert!(client.shutdown(LIMIT));
}
