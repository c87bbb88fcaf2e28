#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panic")]
use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use ztor_bencode::Tree;

use super::*;
use ztor_base::Sha1Digest;

use crate::{InfoHashV1, InfoHashV2, LayoutError, MAX_PATH_LEVELS, merkle};

const K: i64 = 16 << 10;

fn list(items: &[&str]) -> Tree {
    Tree::List(items.iter().map(|&item| item.into()).collect())
}

fn with(tree: &Tree, key: &str, value: impl Into<Tree>) -> Tree {
    let Tree::Dict(mut entries) = tree.clone() else { panic!("a dictionary") };
    entries.insert(key.into(), value.into());
    Tree::Dict(entries)
}

fn without(tree: &Tree, key: &str) -> Tree {
    let Tree::Dict(mut entries) = tree.clone() else { panic!("a dictionary") };
    entries.remove(key.as_bytes()).unwrap();
    Tree::Dict(entries)
}

/// A v1 info dictionary of one file.
fn v1_single(length: i64) -> Tree {
    let pieces = vec![7; 20 * length.div_euclid(K) as usize + if length % K > 0 { 20 } else { 0 }];
    Tree::dict([
        ("length", length.into()),
        ("name", "n".into()),
        ("piece length", K.into()),
        ("pieces", pieces.into()),
    ])
}

fn v1_file(path: &[&str], length: i64) -> Tree {
    Tree::dict([("length", length.into()), ("path", list(path))])
}

/// A v1 info dictionary of a folder.
fn v1_folder(files: Vec<Tree>) -> Tree {
    let total: i64 = files
        .iter()
        .map(|file| match file.get(b"length") {
            Some(Tree::Int(length)) => *length,
            _ => 0,
        })
        .sum();
    with(&without(&v1_single(total), "length"), "files", files)
}

fn v2_file(length: i64, root: Option<[u8; 32]>) -> Tree {
    let mut properties = BTreeMap::from([(b"length".to_vec(), length.into())]);
    properties.extend(root.map(|root| (b"pieces root".to_vec(), root.to_vec().into())));
    Tree::dict([("", Tree::Dict(properties))])
}

fn v2_info(tree: Tree) -> Tree {
    Tree::dict([
        ("file tree", tree),
        ("meta version", 2_i64.into()),
        ("name", "n".into()),
        ("piece length", K.into()),
    ])
}

/// A layer of two pieces, and its root.
fn two_pieces() -> (Vec<u8>, [u8; 32]) {
    let layer = [[1; 32], [2; 32]];
    (layer.concat(), merkle::node(&layer[0], &layer[1]))
}

fn torrent(info: &Tree) -> Vec<u8> {
    Tree::dict([("info", info.clone())]).to_vec()
}

fn read(info: &Tree) -> Result<Metainfo, MetainfoError> {
    Metainfo::from_bytes(&torrent(info))
}

fn message(info: &Tree) -> String {
    read(info).unwrap_err().to_string()
}

#[test]
fn v1_file_is_read_with_its_hashes() {
    let info = v1_single(3 * K + 5);
    let metainfo = read(&info).unwrap();
    assert_eq!(metainfo.info_hashes, InfoHashes::V1(InfoHashV1::new(Sha1::digest(info.to_vec()).into())));
    assert_eq!(&metainfo.bulk().unwrap().info()[..], info.to_vec());
    assert!(metainfo.is_single_file() && metainfo.is_v1() && !metainfo.is_v2());
    assert_eq!(metainfo.relative_path(0), Path::new("n"));
    assert_eq!((metainfo.layout.piece_count(), metainfo.layout.piece_len(3)), (4, 5));
    assert_eq!(
        (metainfo.bulk().unwrap().hashes().v1(3), metainfo.bulk().unwrap().hashes().v1(4)),
        (Some(Sha1Digest::new([7; 20])), None)
    );
    assert_eq!(metainfo.bulk().unwrap().hashes().v2(0), None);
}

#[test]
fn v1_folder_is_read_with_paths_and_attributes() {
    let executable = with(&v1_file(&["bin", "x"], 10), "attr", "xh?");
    let pad = Tree::dict([("attr", "p".into()), ("length", (K - 10).into())]);
    let bitcomet = v1_file(&["_____padding_file_0_"], 4);
    let utf8 = with(&v1_file(&["latin-1 \u{fffd}"], 1), "path.utf-8", list(&["ü"]));
    let link = Tree::dict([("attr", "l".into()), ("path", list(&["l"])), ("symlink path", list(&["bin"]))]);
    let metainfo =
        read(&v1_folder(vec![executable, pad, bitcomet, utf8, link, v1_file(&["..", "e"], 0)])).unwrap();
    let files = metainfo.layout.files();
    assert!(files[0].executable && files[0].hidden && !files[0].pad);
    assert!(files[1].pad && files[2].pad);
    assert_eq!((&files[3].path[..], files[3].offset), ("ü", K as u64 + 4));
    assert_eq!(files[4].symlink.as_deref(), Some(&["bin".to_owned()][..]));
    assert_eq!(metainfo.relative_path(5), Path::new("n/_/e"));
    assert_eq!(metainfo.layout.total_len(), 11);
}

#[test]
fn v1_torrent_that_is_not_canonical_is_read() {
    let mut bytes = b"d4:infod4:name1:n6:lengthi010e12:piece lengthi16384e6:pieces20:".to_vec();
    bytes.extend([9; 20]);
    let behind = b"8:announce13:udp://t:80/an8:announce2:xxe\r\n";
    bytes.extend(b"e");
    bytes.extend(behind);
    let metainfo = Metainfo::from_bytes(&bytes).unwrap();
    let span = b"d4:info".len()..bytes.len() - behind.len();
    let hash = InfoHashV1::new(Sha1::digest(&bytes[span]).into());
    assert_eq!(metainfo.info_hashes.v1(), Some(hash), "over the bytes as they came");
    assert_eq!(metainfo.trackers, [["udp://t:80/an"]]);
    let nameless = read(&without(&v1_single(10), "name")).unwrap();
    assert_eq!(nameless.name, nameless.info_hashes.to_string());
}

#[test]
fn fields_of_the_wrong_type_are_left_out_where_the_torrent_can_be_used() {
    let metainfo = read(&with(&v1_single(10), "name", 1_i64)).unwrap();
    assert_eq!(metainfo.name, metainfo.info_hashes.to_string());
    let metainfo = read(&with(&v1_single(10), "attr", 1_i64)).unwrap();
    assert!(!metainfo.layout.files()[0].executable);
    for version in [Tree::Int(0), Tree::Int(1), "2".into()] {
        assert!(!read(&with(&v1_single(1), "meta version", version)).unwrap().is_v2());
    }
    let odd = vec![
        without(&v1_file(&["a"], 1), "path"),
        v1_file(&[], 1),
        with(&v1_file(&["a"], 1), "path", vec![Tree::Int(1)]),
        with(&v1_file(&["a"], 1), "path", "text"),
        with(&with(&v1_file(&["l"], 0), "attr", "l"), "symlink path", 1_i64),
    ];
    let metainfo = read(&v1_folder(odd)).unwrap();
    let paths: Vec<String> = metainfo.layout.files().iter().map(|file| file.path.to_string()).collect();
    assert_eq!(paths, ["_", "_.1", "_.2", "text", "l"]);
    assert_eq!(metainfo.layout.files()[4].symlink, None);
}

#[test]
fn marks_and_blanks_before_the_start_are_skipped() {
    let bytes = torrent(&v1_single(1));
    for front in ["\u{feff}", "\r\n", " \u{feff}\n"] {
        let metainfo = Metainfo::from_bytes(&[front.as_bytes(), &bytes].concat()).unwrap();
        assert_eq!(metainfo, Metainfo::from_bytes(&bytes).unwrap());
    }
}

#[test]
fn names_in_the_encoding_of_the_torrent_are_decoded() {
    // "中文" in GBK, "ёж" in CP1251, "é" in Latin-1.
    for (label, raw, text) in [
        ("GBK", &b"\xd6\xd0\xce\xc4"[..], "中文"),
        ("windows-1251", b"\xb8\xe6", "ёж"),
        ("ISO-8859-1", b"\xe9", "é"),
        ("Shift_JIS", b"\x93\xfa\x96{", "日本"),
        ("UTF-8", "ü".as_bytes(), "ü"),
        ("GBK", "ü".as_bytes(), "ü"),
        ("no such", b"\xe9", "\u{fffd}"),
        ("UTF-16", b"\xe9", "\u{fffd}"),
    ] {
        let folder = with(&v1_folder(vec![v1_file_raw(raw)]), "name", raw.to_vec());
        let all = [("comment", raw.to_vec().into()), ("encoding", label.into()), ("info", folder)];
        let metainfo = Metainfo::from_bytes(&Tree::dict(all).to_vec()).unwrap();
        assert_eq!(metainfo.relative_path(0), Path::new(text).join(text), "{label}");
        assert_eq!(metainfo.comment.as_deref(), Some(text));
        assert_eq!(Metainfo::from_bytes(&metainfo.to_bytes().unwrap()).unwrap(), metainfo, "{label}");
        let former = metainfo.renamed(Naming::Former).unwrap();
        assert_eq!(former.name, String::from_utf8_lossy(raw));
        assert_eq!(metainfo.is_renamable(), former.name != metainfo.name);
    }
}

fn v1_file_raw(name: &[u8]) -> Tree {
    with(&v1_file(&["x"], 10), "path", vec![Tree::from(name.to_vec())])
}

#[test]
fn fields_of_others_are_kept_when_the_torrent_is_written() {
    let all = Tree::dict([
        ("collections", list(&["c"])),
        ("encoding", "GBK".into()),
        ("httpseeds", list(&["http://seed/"])),
        ("info", v1_single(1)),
        ("private", 1_i64.into()),
        ("similar", vec![Tree::from(vec![7; 20])].into()),
    ]);
    let metainfo = Metainfo::from_bytes(&all.to_vec()).unwrap();
    assert_eq!(metainfo.to_bytes().unwrap(), all.to_vec());
    assert!(metainfo.is_private_outside() && !metainfo.private);
    assert!(!Metainfo::from_bytes(&torrent(&v1_single(1))).unwrap().is_private_outside());
}

#[test]
fn misplaced_private_of_any_form_is_kept_when_written() {
    for value in ["i1e", "i01e", "i99999999999999999999e", "3:yes", "le"] {
        let mut bytes = torrent(&v1_single(1));
        bytes.truncate(bytes.len() - 1);
        bytes.extend_from_slice(format!("7:private{value}e").as_bytes());
        let metainfo = Metainfo::from_bytes(&bytes).unwrap();
        assert!(metainfo.is_private_outside(), "{value}");
        assert_eq!(Metainfo::from_bytes(&metainfo.to_bytes().unwrap()), Ok(metainfo), "{value}");
    }
}

#[test]
fn piece_length_above_512_mib_is_an_error() {
    let info = |length: i64| with(&v1_single(10), "piece length", length);
    assert_eq!(read(&info(512 << 20)).unwrap().layout.piece_length(), 512 << 20);
    assert!(read(&info((512 << 20) + 1)).is_err());
}

#[test]
fn torrent_of_an_empty_file_has_no_pieces() {
    let metainfo = read(&v1_single(0)).unwrap();
    assert_eq!((metainfo.layout.piece_count(), metainfo.layout.total_len()), (0, 0));
    let metainfo = read(&v2_info(Tree::dict([("n", v2_file(0, None))]))).unwrap();
    assert_eq!((metainfo.layout.piece_count(), metainfo.is_single_file()), (0, true));
}

#[test]
fn v2_folder_is_read_and_its_piece_layers_are_checked() {
    let (layer, root) = two_pieces();
    let tree = Tree::dict([
        ("big", v2_file(K + 1, Some(root))),
        ("dir", Tree::dict([("empty", v2_file(0, None)), ("same", v2_file(K + 1, Some(root)))])),
        ("small", v2_file(5, Some([3; 32]))),
        ("void", Tree::dict::<&str>([])),
    ]);
    let info = v2_info(tree);
    let bytes = |layers: Tree| Tree::dict([("info", info.clone()), ("piece layers", layers)]).to_vec();
    let metainfo = Metainfo::from_bytes(&bytes(Tree::dict([(&root[..], layer.clone().into())]))).unwrap();
    let hash = InfoHashV2::new(Sha256::digest(info.to_vec()).into());
    assert_eq!(metainfo.info_hashes, InfoHashes::V2(hash));
    let paths: Vec<String> = metainfo.layout.files().iter().map(|file| file.path.to_string()).collect();
    assert_eq!(paths, ["big", "dir/empty", "dir/same", "small"]);
    let hashes: Vec<u8> =
        (0..5).map(|piece| metainfo.bulk().unwrap().hashes().v2(piece).unwrap()[0]).collect();
    assert_eq!(hashes, [1, 2, 1, 2, 3]);
    assert_eq!(metainfo.bulk().unwrap().hashes().v1(0), None);
    assert_eq!(Metainfo::from_bytes(&metainfo.to_bytes().unwrap()).unwrap(), metainfo);

    let lone = Metainfo::from_info(&info.to_vec()).unwrap();
    assert_eq!(
        (lone.bulk().unwrap().hashes().v2(0), lone.bulk().unwrap().hashes().v2(4)),
        (None, Some([3; 32]))
    );

    let refused = |layers: Tree| Metainfo::from_bytes(&bytes(layers)).unwrap_err().to_string();
    for without in [torrent(&info), bytes(Tree::dict::<&str>([]))] {
        let mut incomplete = Metainfo::from_bytes(&without).unwrap();
        assert!(!incomplete.has_all_hashes());
        assert_eq!(Metainfo::from_bytes(&incomplete.to_bytes().unwrap()).unwrap(), incomplete);
        assert!(incomplete.add_piece_layer(0, &[[1; 32], [2; 32]]) && !incomplete.has_all_hashes());
        assert!(incomplete.add_piece_layer(2, &[[1; 32], [2; 32]]));
        assert_eq!(incomplete, metainfo);
    }
    let entry = |value: Tree| Tree::dict([(&root[..], value)]);
    assert!(refused(entry(layer[..32].into())).contains("found 32 bytes, expected 64 for 2 pieces"));
    assert!(refused(entry(1_i64.into())).contains("found an integer, expected 64"));
    assert!(refused(entry(vec![0; 64].into())).ends_with("do not match the root of the file"));
    assert_eq!(refused(list(&[])), "piece layers: found a list, expected a dictionary");
}

#[test]
fn symlink_in_a_file_tree_is_read_with_its_target() {
    let link = Tree::dict([("", Tree::dict([("attr", "lx".into()), ("symlink path", list(&["f"]))]))]);
    let metainfo = read(&v2_info(Tree::dict([("f", v2_file(0, None)), ("link", link)]))).unwrap();
    assert_eq!(metainfo.layout.files()[1].symlink.as_deref(), Some(&["f".to_owned()][..]));
}

#[test]
fn lone_file_at_the_top_of_a_tree_is_a_single_file_torrent() {
    let lone = |name: &str| read(&v2_info(Tree::dict([(name, v2_file(5, Some([3; 32])))]))).unwrap();
    assert!(lone("n").is_single_file());
    assert_eq!(lone("n").relative_path(0), Path::new("n"));
    assert_eq!((&lone("other").name[..], lone("other").relative_path(0)), ("other", "other".into()));
    let deeper = read(&v2_info(Tree::dict([("d", Tree::dict([("n", v2_file(0, None))]))]))).unwrap();
    assert_eq!((deeper.is_single_file(), deeper.relative_path(0)), (false, "n/d/n".into()));
}

/// A hybrid of two files, with the pad between them.
fn hybrid() -> (Tree, Tree) {
    let tree = Tree::dict([("a", v2_file(10, Some([1; 32]))), ("b", v2_file(K, Some([2; 32])))]);
    let pad = with(&v1_file(&[".pad", "0"], K - 10), "attr", "p");
    let files = Tree::List(vec![v1_file(&["a"], 10), pad, v1_file(&["b"], K)]);
    let info = with(&with(&v2_info(tree), "files", files.clone()), "pieces", vec![7; 40]);
    (info, files)
}

#[test]
fn hybrid_is_read_with_the_hashes_of_both_halves() {
    let (info, _) = hybrid();
    let metainfo = read(&info).unwrap();
    assert!(metainfo.is_hybrid() && !metainfo.is_single_file());
    assert_eq!(metainfo.info_hashes.v1(), Some(InfoHashV1::new(Sha1::digest(info.to_vec()).into())));
    assert_eq!(metainfo.info_hashes.v2(), Some(InfoHashV2::new(Sha256::digest(info.to_vec()).into())));
    assert_eq!(
        (metainfo.bulk().unwrap().hashes().v1(1), metainfo.bulk().unwrap().hashes().v2(1)),
        (Some(Sha1Digest::new([7; 20])), Some([2; 32]))
    );
    assert_eq!((metainfo.layout.piece_len(0), metainfo.layout.v2_piece_len(0)), (K as u32, 10));
    assert_eq!(metainfo.layout.files()[2].pieces_root(), Some([2; 32]));
}

#[test]
fn hybrid_with_halves_that_differ_is_an_error() {
    let (info, files) = hybrid();
    let Tree::List(files) = files else { panic!("a list") };
    let pad = &files[1];
    let changed = |index: usize, file: Tree| {
        let mut files = files.clone();
        files[index] = file;
        message(&with(&info, "files", files))
    };
    let differ = "the v1 and v2 halves of a hybrid torrent differ";
    assert_eq!(
        changed(0, v1_file(&["A"], 10)),
        format!("info.files[0]: {differ}: found `A`, and `a` in the file tree")
    );
    assert_eq!(
        changed(2, v1_file(&["b"], 9)),
        format!("info.files[2]: {differ}: 9 bytes, and {K} in the file tree")
    );
    let off = changed(1, with(pad, "length", K - 9));
    assert!(off.starts_with(&format!("info.files[2]: {differ}: a file that begins at byte 16385")), "{off}");
    assert!(changed(1, with(pad, "length", 2 * K - 10)).contains("begins at byte 32768, expected 16384"));
    let fewer = message(&with(&info, "files", files[..2].to_vec()));
    assert!(fewer.starts_with("info.files:") && fewer.contains("no `b`"), "{fewer}");
    let more = [&files[..], &[v1_file(&["c"], 0)]].concat();
    assert!(message(&with(&info, "files", more)).contains("info.files[3]"));
    let padded = [&files[..], &[with(pad, "length", K)]].concat();
    assert!(message(&with(&info, "files", padded)).contains("pads that make pieces of their own"));
    assert!(message(&with(&without(&info, "files"), "length", 10_i64)).starts_with("info.length:"));
}

#[test]
fn errors_name_the_field() {
    let cases = [
        (without(&v1_single(1), "pieces"), "info.pieces: missing, expected a string"),
        (without(&v1_single(1), "length"), "info.length: missing, expected an integer"),
        (without(&v1_single(1), "piece length"), "info.piece length: missing, expected an integer"),
        (with(&v1_single(1), "pieces", 1_i64), "info.pieces: found an integer, expected a string"),
        (with(&v1_single(1), "length", -1_i64), "info.length: a number that is negative"),
        (
            with(&v1_single(1), "pieces", vec![0; 21]),
            "info.pieces: found 21 bytes, expected 20 for 1 pieces of 16384 bytes",
        ),
        (
            with(&v1_single(1), "piece length", 0_i64),
            "info: a piece length of 0 bytes, expected 1 to 536870912",
        ),
        (with(&v1_single(1), "files", 1_i64), "info.files: found an integer, expected a list"),
        (v1_folder(vec![]), "info.files: an empty list, expected at least one file"),
        (
            v1_folder(vec![v1_file(&["a"], 1), list(&[])]),
            "info.files[1]: found a list, expected a dictionary",
        ),
        (v1_folder(vec![v1_file(&["x"; 102], 1)]), "info.files[0].path: more than 100 folders"),
        (
            with(&v1_single(1), "meta version", 3_i64),
            "info.meta version: found 3, newer than supported, expected 2",
        ),
        (with(&v2_info(v2_file(1, None)), "meta version", 1_i64), "info.meta version: found 1, expected 2"),
        (
            with(&without(&v1_single(1), "pieces"), "root hash", vec![0; 20]),
            "info.root hash: a hash tree as in BEP 30, which is not supported: get a torrent of another format",
        ),
        (without(&v2_info(v2_file(1, None)), "meta version"), "info.meta version: missing, expected 2"),
        (without(&v2_info(v2_file(1, None)), "file tree"), "info.file tree: missing, expected a dictionary"),
        (v2_info(v2_file(1, None)), "info.file tree.: the tree itself is a file"),
        (v2_info(Tree::dict::<&str>([])), "info.file tree: found no file, expected at least one"),
        (
            v2_info(Tree::dict([("d", Tree::dict([("f", v2_file(1, None))]))])),
            "info.file tree.d.f..pieces root: missing, expected a string",
        ),
        (
            v2_info(Tree::dict([("f", with(&v2_file(1, Some([0; 32])), "g", v2_file(0, None)))])),
            "info.file tree.f: a file with entries beside it",
        ),
        (
            v2_info(Tree::dict([("f", Tree::Int(1))])),
            "info.file tree.f: found an integer, expected a dictionary",
        ),
        (
            with(&v2_info(Tree::dict([("f", v2_file(0, None))])), "piece length", 3 * K),
            "info.piece length: found 49152, expected a power of two of at least 16 KiB",
        ),
    ];
    for (info, expected) in cases {
        assert_eq!(message(&info), expected);
    }
    let raw = |bytes: &[u8]| Metainfo::from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(raw(b"<html>"), "not a torrent: byte 0: found `<`, expected a value");
    assert_eq!(raw(b""), "not a torrent: byte 0: found the end of the input, expected a value");
    assert_eq!(raw(b"le"), "torrent: found a list, expected a dictionary");
    assert_eq!(raw(b"de"), "info: missing, expected a dictionary");
    assert_eq!(raw(b"d4:infolee"), "info: found a list, expected a dictionary");
    assert!(raw(&vec![b'd'; MAX_TORRENT_LEN + 1]).starts_with("a torrent of 33554433 bytes"));
    assert!(raw(&[b'l'; 5000]).contains("nesting deeper"));
    let mut trailing = v1_single(1).to_vec();
    trailing.push(b'e');
    assert!(Metainfo::from_info(&trailing).is_err());
}

#[test]
fn v2_dictionary_that_is_not_canonical_is_an_error() {
    let mut bytes = torrent(&v2_info(Tree::dict([("f", v2_file(0, None))])));
    bytes.extend(b"\r\n");
    assert!(Metainfo::from_bytes(&bytes).is_ok(), "around it anything goes");
    let text = String::from_utf8(bytes).unwrap().replace("i2e", "i02e");
    assert!(matches!(Metainfo::from_bytes(text.as_bytes()), Err(MetainfoError::Bencode(_))));
}

#[test]
fn torrent_beyond_the_piece_or_folder_limit_is_an_error() {
    let huge = vec![v1_file(&["a"], i64::MAX), v1_file(&["b"], i64::MAX), v1_file(&["c"], i64::MAX)];
    let info = with(&with(&v1_single(0), "files", huge), "pieces", "");
    assert_eq!(read(&info).unwrap_err(), LayoutError::TooManyPieces.into());
    let deep = |levels: usize| (0..levels).fold(v2_file(0, None), |inner, _| Tree::dict([("d", inner)]));
    assert!(read(&v2_info(deep(101))).is_ok());
    assert!(message(&v2_info(deep(102))).ends_with("more than 100 folders"));
}

#[test]
fn source_outside_the_info_is_kept_there() {
    let torrent = Tree::dict([("info", v1_single(1)), ("source", "s".into())]);
    let metainfo = Metainfo::from_bytes(&torrent.to_vec()).unwrap();
    assert_eq!(metainfo.source.as_deref(), Some("s"));
    assert_eq!(Metainfo::from_bytes(&metainfo.to_bytes().unwrap()).unwrap(), metainfo);
}

#[test]
fn fields_outside_the_info_are_read() {
    let tiers = Tree::List(vec![
        list(&["http://a/", "udp://b:1", "http://a/", "", "gopher://x"]),
        list(&[]),
        "https://flat/".into(),
        list(&["udp://b:1"]),
        Tree::Int(3),
    ]);
    let all = Tree::dict([
        ("announce", "http://other/".into()),
        ("announce-list", tiers),
        ("comment", "c".into()),
        ("comment.utf-8", "ç".into()),
        ("created by", Tree::Int(1)),
        ("creation date", 12_i64.into()),
        ("httpseeds", list(&["http://script/", "ftp://no/"])),
        ("info", with(&with(&v1_single(1), "private", 1_i64), "source", "s")),
        (
            "nodes",
            vec![Tree::List(vec!["h".into(), 6881_i64.into()]), Tree::List(vec!["h".into(), 0_i64.into()])]
                .into(),
        ),
        ("url-list", "http://seed/".into()),
    ]);
    let metainfo = Metainfo::from_bytes(&all.to_vec()).unwrap();
    assert_eq!(metainfo.trackers, [vec!["http://a/", "udp://b:1"], vec!["https://flat/"]]);
    assert_eq!(metainfo.web_seeds, ["http://seed/"]);
    assert_eq!(metainfo.http_seeds, ["http://script/"]);
    assert_eq!(metainfo.nodes, [("h".to_owned(), 6881)]);
    assert!(metainfo.private);
    assert_eq!((metainfo.comment.as_deref(), metainfo.created_by.as_deref()), (Some("ç"), None));
    assert_eq!((metainfo.source.as_deref(), metainfo.creation_date), (Some("s"), Some(12)));
    assert_eq!(Metainfo::from_bytes(&metainfo.to_bytes().unwrap()).unwrap(), metainfo);

    let empty_tiers =
        with(&with(&all, "announce-list", list(&[""])), "url-list", list(&["http://1/", "ftp://2/"]));
    let metainfo = Metainfo::from_bytes(&empty_tiers.to_vec()).unwrap();
    assert_eq!(metainfo.trackers, [["http://other/"]]);
    assert_eq!(metainfo.web_seeds, ["http://1/"]);
    let announced = |value: Tree| {
        let torrent = with(&without(&all, "announce-list"), "announce", value);
        Metainfo::from_bytes(&torrent.to_vec()).unwrap().trackers
    };
    assert_eq!(announced(1_i64.into()), Vec::<Vec<String>>::new());
    assert_eq!(announced(list(&["http://a/", "http://b/"])), [["http://a/"], ["http://b/"]]);

    let many: Vec<Tree> = (0..1000).map(|i| list(&[&format!("udp://t{i}:1")[..]])).collect();
    let metainfo = Metainfo::from_bytes(&with(&all, "announce-list", many).to_vec()).unwrap();
    assert_eq!(metainfo.trackers.len(), crate::MAX_TRACKERS);
}

#[test]
fn private_of_any_value_but_zero_is_private() {
    let private = |value: Tree| read(&with(&v1_single(1), "private", value)).unwrap().private;
    assert!(private(1_i64.into()) && private(2_i64.into()) && private("1".into()));
    assert!(!private(0_i64.into()) && !read(&v1_single(1)).unwrap().private);
}

/// Uses all parts of an accepted torrent.
fn exercise(metainfo: &Metainfo) {
    let layout = &metainfo.layout;
    for (index, file) in layout.files().iter().enumerate() {
        let path = metainfo.relative_path(index);
        assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))), "{path:?}");
        assert!(file.path.len() <= MAX_PATH_LEVELS + 1);
        assert!(layout.pieces_of(index).end <= layout.piece_count());
    }
    for piece in 0..layout.piece_count().min(100) {
        let sum: u32 = layout.ranges(piece, 0, u32::MAX).map(|range| range.len).sum();
        assert_eq!(sum, layout.piece_len(piece));
    }
    assert_eq!(
        Metainfo::from_info(metainfo.bulk().unwrap().info()).unwrap().info_hashes,
        metainfo.info_hashes
    );
    assert_eq!(&Metainfo::from_bytes(&metainfo.to_bytes().unwrap()).unwrap(), metainfo);
}

proptest! {
    #[test]
    fn changed_torrents_end_in_a_torrent_or_an_error(
        which in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..4),
    ) {
        let (_, root) = two_pieces();
        let file = with(&with(&v1_file(&["a"], 0), "attr", "lxhp"), "symlink path", list(&["b", "c"]));
        let mut bytes = match which {
            0 => torrent(&v1_single(K + 1)),
            1 => torrent(&v1_folder(vec![file, v1_file(&["b", "c"], 3)])),
            2 => torrent(&hybrid().0),
            _ => Tree::dict([
                ("info", v2_info(Tree::dict([("n", v2_file(K + 1, Some(root)))]))),
                ("piece layers", Tree::dict([(&root[..], two_pieces().0.into())])),
            ]).to_vec(),
        };
        exercise(&Metainfo::from_bytes(&bytes).unwrap());
        for (at, byte, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        if let Ok(metainfo) = Metainfo::from_bytes(&bytes) {
            exercise(&metainfo);
        }
        let _ = Metainfo::from_info(&bytes);
    }

    #[test]
    fn any_tree_ends_in_a_torrent_or_an_error(
        keys in prop::collection::btree_map(
            prop::sample::select(vec![
                "length", "files", "name", "piece length", "pieces", "meta version", "file tree", "private", "attr",
            ]),
            prop_oneof![
                any::<i64>().prop_map(Tree::Int),
                (0_i64..40_000).prop_map(Tree::Int),
                any::<Vec<u8>>().prop_map(Tree::Bytes),
                Just(Tree::List(vec![v1_file(&["x"], 1)])),
                Just(Tree::dict([("x", v2_file(1, Some([0; 32])))])),
            ],
            0..9,
        ),
    ) {
        if let Ok(metainfo) = read(&Tree::dict(keys)) {
            exercise(&metainfo);
        }
    }
}
