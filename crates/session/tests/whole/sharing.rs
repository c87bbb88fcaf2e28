//! Torrents with files in common, which share one copy on disk.

use crate::common::{Client, LIMIT, noise, session};
use crate::moving::file_systems;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use ztor_metainfo::create::{Options, Version};
use ztor_session::{AddTorrent, Metainfo, RateLimits, Settings, ShareFiles, TorrentHandle};
use ztor_storage::create::{CreateOptions, create};

const PIECE: usize = 65_536;
/// Number of pieces of the file in common.
const COMMON: usize = 128;
/// Length of the file that only one torrent has.
const OWN: usize = 5 * PIECE + 100;

/// Writes a folder of a file of its own and the common one, and makes a torrent of them.
fn album(dir: &Path, name: &str, version: Version) -> Arc<Metainfo> {
    let folder = dir.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    // In v1 torrents the common file comes first, so that it begins with a piece and ends with one.
    std::fs::write(folder.join("common"), noise(1, COMMON * PIECE)).unwrap();
    std::fs::write(folder.join(format!("own {name}")), noise(name.len() as u64, OWN)).unwrap();
    let torrent = Options { piece_length: Some(PIECE as u32), version, ..Options::default() };
    let options = CreateOptions { torrent, ..CreateOptions::default() };
    let made = create(&folder, &options, 2, |_, _| {}, &AtomicBool::new(false)).unwrap();
    Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
}

/// Starts a session with a torrent that lacks some pieces of the common file.
fn incomplete_seed(dir: &Path, name: &str, meta: &Arc<Metainfo>, lacks: impl Fn(usize) -> bool) -> Client {
    let path = dir.join(name).join("common");
    let mut bytes = std::fs::read(&path).unwrap();
    for piece in (0..COMMON).filter(|piece| lacks(*piece)) {
        bytes[piece * PIECE..][..PIECE].fill(0);
    }
    std::fs::write(&path, bytes).unwrap();
    let seed = session(None, |_| {});
    seed.add(AddTorrent::new(Arc::clone(meta), dir)).wait().unwrap();
    seed.started();
    seed
}

fn downloaded(torrent: &TorrentHandle) -> u64 {
    torrent.status().unwrap().session_downloaded_bytes
}

#[test]
fn two_incomplete_swarms_complete_each_other_with_one_copy_on_disk() {
    for version in [Version::V2, Version::V1] {
        let tmp = tempfile::tempdir().unwrap();
        let (one, two) = (tmp.path().join("one"), tmp.path().join("two"));
        let (x, yy) = (album(&one, "x", version), album(&two, "yy", version));
        let first = incomplete_seed(&one, "x", &x, |piece| piece % 4 == 0);
        let second = incomplete_seed(&two, "yy", &yy, |piece| piece % 4 == 1);
        let state = tmp.path().join("state");
        let leech = session(Some(&state), |_| {});
        let add = |meta: &Arc<Metainfo>, seed: &Client| {
            let add = AddTorrent::new(Arc::clone(meta), tmp.path().join("dst"));
            add.peers(vec![seed.local_addr()]).share_files(ShareFiles::HardLink)
        };
        let torrents =
            [leech.add(add(&x, &first)).wait().unwrap(), leech.add(add(&yy, &second)).wait().unwrap()];
        torrents.iter().for_each(|torrent| torrent.finished().wait_for(LIMIT).unwrap());
        let unique = (COMMON * PIECE + 2 * OWN) as u64;
        let total = torrents.iter().map(downloaded).sum::<u64>();
        assert!(total * 100 <= unique * 101, "{version:?}: {total} bytes for {unique}");
        let copy = |name: &str| tmp.path().join("dst").join(name).join("common");
        let stat = |name: &str| std::fs::metadata(copy(name)).unwrap();
        assert_eq!((stat("x").ino(), stat("x").nlink()), (stat("yy").ino(), 2));
        assert!(std::fs::read(copy("x")).unwrap() == noise(1, COMMON * PIECE));
        // The next session finds both complete, and still knows that they share a file.
        assert!(leech.shutdown(LIMIT));
        let again = session(Some(&state), |_| {});
        for (meta, seed) in [(&x, &first), (&yy, &second)] {
            let torrent = again.add(add(meta, seed)).wait().unwrap();
            torrent.finished().wait_for(LIMIT).unwrap();
        }
        assert!(again.shutdown(LIMIT) && first.shutdown(LIMIT) && second.shutdown(LIMIT));
    }
}

#[test]
fn pause_and_removal_of_one_torrent_leave_its_pieces_to_the_other() {
    for removes in [false, true] {
        let tmp = tempfile::tempdir().unwrap();
        let (one, two) = (tmp.path().join("one"), tmp.path().join("two"));
        let (x, yy) = (album(&one, "x", Version::V2), album(&two, "yy", Version::V2));
        let first = incomplete_seed(&one, "x", &x, |_| false);
        let second = incomplete_seed(&two, "yy", &yy, |_| false);
        let limits = RateLimits { down: Some(1 << 20), up: None };
        let leech = session(None, |c| c.settings.limits = limits);
        let add = |meta: &Arc<Metainfo>, seed: &Client| {
            let add = AddTorrent::new(Arc::clone(meta), tmp.path().join("dst"));
            add.peers(vec![seed.local_addr()]).share_files(ShareFiles::HardLink)
        };
        let stopped = leech.add(add(&x, &first)).wait().unwrap();
        let other = leech.add(add(&yy, &second)).wait().unwrap();
        while downloaded(&stopped) < 10 * PIECE as u64 || downloaded(&other) < 10 * PIECE as u64 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        match removes {
            true => drop(stopped.remove_with_data().wait_for(LIMIT).unwrap()),
            false => stopped.pause().wait().unwrap(),
        }
        leech.set_settings(&Settings::default()).wait().unwrap();
        other.finished().wait_for(LIMIT).unwrap();
        assert!(std::fs::read(tmp.path().join("dst/yy/common")).unwrap() == noise(1, COMMON * PIECE));
        if !removes {
            stopped.resume().wait().unwrap();
            stopped.finished().wait_for(LIMIT).unwrap();
        }
        assert!(leech.shutdown(LIMIT) && first.shutdown(LIMIT) && second.shutdown(LIMIT));
    }
}

#[test]
fn move_of_one_torrent_to_another_disk_during_a_joint_download_lets_both_complete() {
    let Some(target) = file_systems().into_iter().nth(1) else { return };
    for moves in [0, 1] {
        let tmp = tempfile::tempdir().unwrap();
        let (one, two) = (tmp.path().join("one"), tmp.path().join("two"));
        let (x, yy) = (album(&one, "x", Version::V2), album(&two, "yy", Version::V2));
        let first = incomplete_seed(&one, "x", &x, |_| false);
        let second = incomplete_seed(&two, "yy", &yy, |_| false);
        let leech = session(None, |c| c.settings.limits = RateLimits { down: Some(2 << 20), up: None });
        let add = |meta: &Arc<Metainfo>, seed: &Client| {
            let add = AddTorrent::new(Arc::clone(meta), tmp.path().join("dst"));
            add.peers(vec![seed.local_addr()]).share_files(ShareFiles::HardLink)
        };
        let torrents =
            [leech.add(add(&x, &first)).wait().unwrap(), leech.add(add(&yy, &second)).wait().unwrap()];
        while torrents.iter().any(|torrent| downloaded(torrent) < 10 * PIECE as u64) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        torrents[moves].move_to(target.path()).wait_for(LIMIT).unwrap();
        leech.set_settings(&Settings::default()).wait().unwrap();
        torrents.iter().for_each(|torrent| torrent.finished().wait_for(LIMIT).unwrap());
        let place =
            |torrent| if torrent == moves { target.path().to_owned() } else { tmp.path().join("dst") };
        for path in [place(0).join("x/common"), place(1).join("yy/common")] {
            assert!(std::fs::read(&path).unwrap() == noise(1, COMMON * PIECE), "{}", path.display());
        }
        for torrent in torrents {
            torrent.recheck().wait().unwrap();
            torrent.finished().wait_for(LIMIT).unwrap();
            assert_eq!(torrent.status().unwrap().left_bytes, 0);
        }
        assert!(leech.shutdown(LIMIT) && first.shutdown(LIMIT) && second.shutdown(LIMIT));
    }
}

#[test]
fn file_that_another_torrent_has_is_taken_from_it_without_a_peer() {
    for how in [ShareFiles::HardLink, ShareFiles::No] {
        let tmp = tempfile::tempdir().unwrap();
        let (x, yy) = (
            album(tmp.path(), "x", Version::Hybrid),
            album(&tmp.path().join("other"), "yy", Version::Hybrid),
        );
        let client = session(None, |_| {});
        client.add(AddTorrent::new(x, tmp.path())).wait().unwrap();
        client.started();
        let add = AddTorrent::new(yy, tmp.path().join("dst")).share_files(how).paused(true);
        let torrent = client.add(add).wait().unwrap();
        client.started();
        let have = torrent.status().unwrap().have_bytes;
        let expected = if how == ShareFiles::No { 0 } else { (COMMON * PIECE) as u64 };
        assert_eq!(have, expected, "{how:?}");
        assert!(client.shutdown(LIMIT));
    }
}
