#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use proptest::prelude::*;

use super::*;
use crate::moving::MovedFile;
use crate::testing::{Fixture, Kind, names_in};

fn sample(torrent: &Fixture) -> Resume {
    Resume {
        info_hashes: torrent.meta.info_hashes,
        dir: torrent.dir.path().to_owned(),
        have: vec![0b1010_0000],
        stamps: vec![FileStamp { len: 5, mtime_ns: -7 }, FileStamp::ABSENT],
        wanted: vec![true, false],
        own: vec![false, true],
        unfinished: vec![UnfinishedPiece { piece: 1, blocks: vec![0x80] }],
        uploaded: 1 << 40,
        downloaded: 3,
        peers: vec!["127.0.0.1:6881".parse().unwrap(), "[::1]:9".parse().unwrap()],
        names: names(torrent, "new name"),
        moving: Some(Moving {
            to: Place { dir: "/elsewhere".into(), names: names(torrent, "x/y") },
            mount: Some("/mnt/new".into()),
            switching: Some(vec![
                MovedFile { file: Some(1), has_suffix: true, is_copied: false },
                MovedFile { file: None, has_suffix: false, is_copied: true },
            ]),
        }),
        is_deleting: true,
        moved_from: vec!["/first".into(), "/second".into()],
        mount: Some("/mnt/disk".into()),
        statistics: Statistics {
            added_unix_s: 1_700_000_000,
            finished_unix_s: 0,
            active_s: 86_400,
            seeding_s: 3600,
            trackers: BTreeMap::from([("t.example".to_owned(), TrackerBytes { downloaded: 1, uploaded: 2 })]),
        },
    }
}

fn names(torrent: &Fixture, folder: &str) -> FileNames {
    let mut names = FileNames::default();
    names.rename_folder(&torrent.meta, "torrent", folder).unwrap();
    names
}

fn torrent() -> Fixture {
    Fixture::of_lengths(Kind::Hybrid, 16384, &[30_000, 0])
}

#[test]
fn load_of_a_saved_file_returns_it_unchanged() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[30_000, 10_000]);
    let resume = sample(&torrent);
    let path = torrent.dir.path().join("state/one.resume");
    resume.save(&path).unwrap();
    resume.save(&path).unwrap();
    let back = Resume::load(&path).unwrap();
    assert_eq!(back, resume);
    back.verify(&torrent.meta, torrent.dir.path()).unwrap();
    assert!(back.has(0) && !back.has(1) && back.has(2) && !back.has(900));
    assert_eq!(back.changed_files(&[FileStamp::default(), FileStamp::ABSENT]), [0]);
    assert_eq!(names_in(path.parent().unwrap()), ["one.resume"], "nothing is left beside it");
}

#[test]
fn load_of_a_missing_damaged_or_later_file_is_a_distinct_error() {
    let torrent = torrent();
    let path = torrent.dir.path().join("resume");
    assert!(matches!(Resume::load(&path), Err(ResumeError::Missing { .. })));
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(Resume::load(&path), Err(ResumeError::Corrupt { .. })));
    let bytes = String::from_utf8_lossy(&sample(&torrent).to_bytes()).replace("7:versioni1e", "7:versioni2e");
    std::fs::write(&path, b"d6:format11:ztor resume7:versioni2ee").unwrap();
    assert!(bytes.contains("versioni2e"));
    assert!(matches!(Resume::load(&path), Err(ResumeError::Version { found: 2, .. })));
}

#[test]
fn verify_with_another_torrent_folder_or_size_is_a_mismatch() {
    let torrent = Fixture::of_lengths(Kind::V1, 16384, &[30_000, 10_000]);
    let good = sample(&torrent);
    let refused = |resume: Resume| {
        assert!(matches!(
            resume.verify(&torrent.meta, torrent.dir.path()),
            Err(ResumeError::Mismatch { .. })
        ));
    };
    let other = Fixture::of_lengths(Kind::V1, 16384, &[30_000, 10_001]);
    refused(Resume { info_hashes: other.meta.info_hashes, ..good.clone() });
    refused(Resume { dir: other.dir.path().to_owned(), ..good.clone() });
    refused(Resume { have: vec![0b0001_0000], ..good.clone() });
    refused(Resume { have: vec![0, 0], ..good.clone() });
    refused(Resume { stamps: vec![], ..good.clone() });
    refused(Resume { wanted: vec![true], ..good.clone() });
    refused(Resume { own: vec![true], ..good.clone() });
    let other = Fixture::of_lengths(Kind::V1, 16384, &[9, 9, 9, 9]);
    refused(Resume { names: names(&other, "x"), ..good.clone() });
    let to = Place { dir: "/x".into(), names: names(&other, "x") };
    refused(Resume { moving: Some(Moving { to, mount: None, switching: None }), ..good.clone() });
    let unfinished = |pieces: &[(u32, &[u8])]| {
        let piece = |&(piece, blocks): &(u32, &[u8])| UnfinishedPiece { piece, blocks: blocks.to_vec() };
        Resume { unfinished: pieces.iter().map(piece).collect(), ..good.clone() }
    };
    refused(unfinished(&[(3, &[0x80])]));
    refused(unfinished(&[(u32::MAX, &[])]));
    refused(unfinished(&[(0, &[0xc0])]));
    refused(unfinished(&[(0, &[])]));
    refused(unfinished(&[(0, &[0x80, 0])]));
    refused(unfinished(&[(1, &[0x80]), (0, &[0x80])]));
    refused(unfinished(&[(1, &[0x80]), (1, &[0x80])]));
}

#[test]
fn save_that_fails_keeps_the_old_file() {
    let torrent = torrent();
    let folder = torrent.dir.path().join("state");
    let path = folder.join("resume");
    sample(&torrent).save(&path).unwrap();
    let old = std::fs::read(&path).unwrap();
    // A file cannot replace a folder: the rename, which is the last step, fails.
    let taken = folder.join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(matches!(sample(&torrent).save(&taken), Err(ResumeError::Storage(_))));
    assert_eq!(names_in(&folder), ["resume", "taken"]);
    assert_eq!(std::fs::read(&path).unwrap(), old);
    let below_a_file = path.join("resume");
    assert!(matches!(sample(&torrent).save(&below_a_file), Err(ResumeError::Storage(_))));
}

#[test]
fn from_bytes_of_a_cut_file_is_corrupt() {
    let torrent = torrent();
    let path = torrent.dir.path().join("resume");
    let bytes = sample(&torrent).to_bytes();
    for len in 0..bytes.len() {
        assert!(matches!(Resume::from_bytes(&bytes[..len], &path), Err(ResumeError::Corrupt { .. })));
    }
}

proptest! {
    #[test]
    fn from_bytes_of_damaged_or_random_bytes_does_not_panic(at in 0usize..400, byte in any::<u8>(), junk in prop::collection::vec(any::<u8>(), 0..64)) {
        let torrent = torrent();
        let mut bytes = sample(&torrent).to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Resume::from_bytes(&bytes, Path::new("x"));
        let _ = Resume::from_bytes(&junk, Path::new("x"));
    }
}

#[test]
fn to_bytes_with_too_many_unfinished_pieces_keeps_the_first_ones() {
    let torrent = torrent();
    let many: Vec<_> = (0..3000).map(|piece| UnfinishedPiece { piece, blocks: vec![0xff; 1000] }).collect();
    let resume = Resume { unfinished: many.clone(), ..sample(&torrent) };
    let back = Resume::from_bytes(&resume.to_bytes(), Path::new("x")).unwrap();
    assert!(back.unfinished.len() < 1050 && back.unfinished[..] == many[..back.unfinished.len()]);
}
