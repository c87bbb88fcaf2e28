#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;
use sha1::Digest as _;

use super::*;
use crate::Metainfo;
use crate::merkle::leaf;

/// Returns content that differs between files.
fn content(input: usize, length: u64) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + input as u64 * 7 + (i >> 9)) as u8).collect()
}

/// Creates the torrent, and hashes its pieces backwards and in parts of odd lengths.
fn make(plan: &Plan, contents: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new(plan);
    assert_eq!(builder.missing(), plan.layout().piece_count());
    for piece in (0..plan.layout().piece_count()).rev() {
        assert!(builder.clone().finish().is_err());
        let mut hasher = plan.hasher(piece);
        for range in plan.layout().ranges(piece, 0, u32::MAX).filter(|range| !range.pad) {
            let data =
                &contents[plan.input_of(range.file).unwrap()][range.offset as usize..][..range.len as usize];
            data.chunks(10_007).for_each(|run| hasher.update(run));
        }
        builder.insert(piece, hasher.finish().unwrap());
    }
    builder.finish().unwrap()
}

fn options(version: Version) -> Options {
    Options { version, piece_length: Some(32 << 10), ..Options::default() }
}

/// Checks every hash of the torrent against the contents by its definition.
fn check(metainfo: &Metainfo, find: impl Fn(&File) -> Vec<u8>) {
    let layout = &metainfo.layout;
    let contents: Vec<Vec<u8>> = layout
        .files()
        .iter()
        .map(|file| if file.pad { vec![0; file.length as usize] } else { find(file) })
        .collect();
    for piece in 0..layout.piece_count() {
        let whole: Vec<u8> = layout
            .ranges(piece, 0, u32::MAX)
            .flat_map(|range| contents[range.file][range.offset as usize..][..range.len as usize].to_vec())
            .collect();
        assert_eq!(
            metainfo.bulk().unwrap().hashes().v1(piece),
            metainfo.is_v1().then(|| Sha1Digest::new(Sha1::digest(&whole).into()))
        );
        let data = &whole[..layout.v2_piece_len(piece).min(layout.piece_len(piece)) as usize];
        let leaves: Vec<Hash> = data.chunks(BLOCK_LEN as usize).map(leaf).collect();
        let root = merkle::root_of(&leaves, layout.v2_leaf_width(piece));
        assert_eq!(metainfo.bulk().unwrap().hashes().v2(piece), metainfo.is_v2().then_some(root));
    }
    for (file, content) in layout.files().iter().zip(&contents) {
        let leaves: Vec<Hash> = content.chunks(BLOCK_LEN as usize).map(leaf).collect();
        let has_root = metainfo.is_v2() && file.has_data();
        assert_eq!(file.pieces_root(), has_root.then(|| merkle::root_of(&leaves, 1)));
    }
}

#[test]
fn folder_in_any_version_has_correct_hashes() {
    let lengths = [100_000, 0, 1, 32 << 10, 5];
    let names = [vec!["b", "data"], vec!["a.empty"], vec!["b", "a", "one"], vec!["c"], vec!["b.x"]];
    for version in [Version::V1, Version::V2, Version::Hybrid] {
        let inputs = names.iter().zip(lengths).map(|(path, len)| Input::new(path.clone(), len)).collect();
        let plan = Plan::folder("dir", inputs, options(version)).unwrap();
        let contents: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, &len)| content(i, len)).collect();
        let metainfo = Metainfo::from_bytes(&make(&plan, &contents)).unwrap();
        assert_eq!((metainfo.is_v1(), metainfo.is_v2()), (version.has_v1(), version.has_v2()));
        assert!(!metainfo.is_single_file());
        let real: Vec<String> =
            metainfo.layout.files().iter().filter(|f| !f.pad).map(|f| f.path.to_string()).collect();
        assert_eq!(real, ["a.empty", "b/a/one", "b/data", "b.x", "c"], "in the order of the tree");
        assert_eq!(metainfo.layout.total_len(), lengths.iter().sum::<u64>());
        assert!(metainfo.has_all_hashes());
        check(&metainfo, |file| {
            let input = names.iter().position(|name| name.join("/") == *file.path).unwrap();
            contents[input].clone()
        });
        let folder = metainfo.layout.files().iter().position(|f| &*f.path == "b.x").unwrap();
        assert_eq!(metainfo.relative_path(folder), std::path::Path::new("dir/b.x"));
    }
}

#[test]
fn single_file_in_any_version_has_correct_hashes() {
    for version in [Version::V1, Version::V2, Version::Hybrid] {
        for length in [0, 1, 32 << 10, (32 << 10) + 1, 500_000] {
            let plan = Plan::single_file("f.bin", Input::new(["ignored"], length), options(version)).unwrap();
            let contents = vec![content(0, length)];
            let metainfo = Metainfo::from_bytes(&make(&plan, &contents)).unwrap();
            assert!(metainfo.is_single_file());
            assert_eq!(metainfo.relative_path(0), std::path::Path::new("f.bin"));
            assert_eq!(metainfo.layout.files().len(), 1);
            check(&metainfo, |_| contents[0].clone());
        }
    }
}

#[test]
fn lone_file_in_a_folder_is_a_single_file_in_v2_only() {
    for version in [Version::V1, Version::V2, Version::Hybrid] {
        let plan = Plan::folder("dir", vec![Input::new(["x"], 5)], options(version)).unwrap();
        let metainfo = Metainfo::from_bytes(&make(&plan, &[content(0, 5)])).unwrap();
        let expected = if version == Version::V2 { "x" } else { "dir/x" };
        assert_eq!(metainfo.relative_path(0), std::path::Path::new(expected));
        assert_eq!((&metainfo.name[..], metainfo.is_single_file()), (plan.name(), plan.is_single_file()));
    }
}

#[test]
fn all_options_are_written_and_read_again() {
    let options = Options {
        version: Version::Hybrid,
        piece_length: None,
        trackers: vec![vec!["http://a/announce".into(), "udp://b:1".into()], vec!["udp://c:2".into()]],
        web_seeds: vec!["https://w/x".into()],
        private: true,
        source: Some("S".into()),
        comment: Some("C".into()),
        created_by: Some("P".into()),
        creation_date: Some(-5),
    };
    let inputs = vec![
        Input { executable: true, hidden: true, ..Input::new(["run"], 70_000) },
        Input { symlink: Some(vec!["run".into()]), ..Input::new(["link"], 0) },
    ];
    let plan = Plan::folder("n", inputs, options.clone()).unwrap();
    let contents = [content(0, 70_000), vec![]];
    let bytes = make(&plan, &contents);
    assert_eq!(bytes, make(&plan, &contents), "reproducible");
    let metainfo = Metainfo::from_bytes(&bytes).unwrap();
    assert_eq!(metainfo.trackers, options.trackers);
    assert_eq!(metainfo.web_seeds, options.web_seeds);
    assert!(metainfo.private);
    assert_eq!((metainfo.source.as_deref(), metainfo.comment.as_deref()), (Some("S"), Some("C")));
    assert_eq!((metainfo.created_by.as_deref(), metainfo.creation_date), (Some("P"), Some(-5)));
    let [link, run] = metainfo.layout.files() else { unreachable!("two files, aligned as they are") };
    assert_eq!(link.symlink.as_deref(), Some(&["run".to_owned()][..]));
    assert!(run.executable && run.hidden && !link.executable);
    assert_eq!(metainfo.to_bytes().unwrap(), bytes, "written again as it was");

    let info = Metainfo::from_info(metainfo.bulk().unwrap().info()).unwrap();
    assert_eq!(info.info_hashes, metainfo.info_hashes);
    assert!(!info.has_all_hashes(), "no piece layers in an info dictionary");
    let mut filled = info.clone();
    let layer = metainfo.piece_layer(1).unwrap();
    assert!(!filled.add_piece_layer(1, &layer[1..]) && !filled.add_piece_layer(0, &layer));
    assert!(!filled.add_piece_layer(1, &vec![[0; 32]; layer.len()]));
    assert_eq!(filled, info);
    assert!(filled.add_piece_layer(1, &layer));
    assert_eq!(filled.bulk(), metainfo.bulk());
}

#[test]
fn chosen_piece_length_gives_1000_to_2000_pieces() {
    assert_eq!(choose_piece_length(0), 16 << 10);
    assert_eq!(choose_piece_length(32 << 20), 32 << 10);
    assert_eq!(choose_piece_length(1 << 30), 1 << 20);
    assert_eq!(choose_piece_length(u64::MAX), 16 << 20);
    for total in [100 << 20, 700 << 20, 5_u64 << 30, 30 << 30] {
        let pieces = total.div_ceil(u64::from(choose_piece_length(total)));
        assert!((1000..=2000).contains(&pieces), "{pieces}");
    }
}

#[test]
fn invalid_files_options_and_hashes_are_errors() {
    let plan = |files: Vec<Input>| Plan::folder("n", files, options(Version::V2));
    assert_eq!(plan(vec![]).unwrap_err(), CreateError::NoFiles);
    for bad in ["", ".", "..", "a/b", "a\0"] {
        assert!(matches!(plan(vec![Input::new(["d", bad], 1)]), Err(CreateError::Name { .. })));
        assert!(Plan::single_file(bad, Input::new(["x"], 1), options(Version::V1)).is_err());
    }
    assert!(plan(vec![Input::new(Vec::<String>::new(), 1)]).is_err());
    assert!(plan(vec![Input::new(["a"], 1), Input::new(["a"], 1)]).is_err());
    assert!(plan(vec![Input::new(["a"], 1), Input::new(["a", "b"], 1), Input::new(["a.b"], 1)]).is_err());
    assert!(plan(vec![Input::new(["x"], u64::MAX), Input::new(["y"], u64::MAX)]).is_err());
    for length in [0, 1 << 13, 48 << 10, 512 << 20] {
        let options = Options { piece_length: Some(length), ..options(Version::V1) };
        let error = Plan::folder("n", vec![Input::new(["x"], 1)], options).unwrap_err();
        assert_eq!(error, CreateError::PieceLength(length));
    }
    let plan = plan(vec![Input::new(["x"], 10)]).unwrap();
    let mut hasher = plan.hasher(0);
    hasher.update(b"123");
    assert_eq!(hasher.finish().unwrap_err(), CreateError::PieceLen { piece: 0, found: 3, expected: 10 });
    let mut builder = Builder::new(&plan);
    builder.insert(0, PieceDigest { v1: Some(Sha1Digest::new([0; 20])), v2: None });
    builder.insert(1, PieceDigest { v1: None, v2: Some([0; 32]) });
    assert_eq!(builder.finish().unwrap_err(), CreateError::Missing(1));
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let length = prop_oneof![Just(0), Just(1), Just(32 << 10), 1_u64..200_000];
    let path = prop::collection::vec("[a-c]{1,2}", 1..4);
    prop::collection::vec((path, length), 1..8).prop_map(|files| {
        let numbered = files.into_iter().enumerate().map(|(i, (mut path, length))| {
            // Different from any folder and from any other file.
            path.push(format!("file{i}"));
            Input::new(path, length)
        });
        numbered.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn created_torrent_is_read_again(
        inputs in inputs(),
        version in prop::sample::select(vec![Version::V1, Version::V2, Version::Hybrid]),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let plan = Plan::folder("name", inputs.clone(), options(version)).unwrap();
        let contents: Vec<Vec<u8>> = inputs.iter().enumerate().map(|(i, f)| content(i, f.length)).collect();
        let mut bytes = make(&plan, &contents);
        let metainfo = Metainfo::from_bytes(&bytes).unwrap();
        prop_assert_eq!(metainfo.layout.alignment(), plan.layout().alignment());
        prop_assert_eq!(metainfo.layout.files().len(), plan.layout().files().len());
        prop_assert_eq!(metainfo.layout.piece_count(), plan.layout().piece_count());
        check(&metainfo, |file| {
            contents[inputs.iter().position(|input| input.path.join("/") == *file.path).unwrap()].clone()
        });
        prop_assert_eq!(metainfo.to_bytes().unwrap(), bytes.clone());

        let at = at.index(bytes.len());
        let is_same = std::mem::replace(&mut bytes[at], byte) == byte;
        match Metainfo::from_bytes(&bytes) {
            Ok(changed) => {
                prop_assert_eq!(changed.bulk().unwrap().info() == metainfo.bulk().unwrap().info(), changed.info_hashes == metainfo.info_hashes);
            }
            Err(error) => prop_assert!(!is_same && !error.to_string().is_empty()),
        }
        bytes.truncate(at);
        prop_assert!(Metainfo::from_bytes(&bytes).is_err());
    }
}
