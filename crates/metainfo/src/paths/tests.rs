#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;

use super::*;

fn safe(raw: &str) -> String {
    safe_element(raw.as_bytes(), Naming::Portable)
}

fn unique(paths: &[&str]) -> Vec<String> {
    unique_as(paths, Naming::Portable)
}

fn unique_as(paths: &[&str], naming: Naming) -> Vec<String> {
    let mut paths = split(paths);
    Tree::new(&mut paths, naming);
    paths.into_iter().map(|path| path.unwrap().join("/")).collect()
}

fn split(paths: &[&str]) -> Vec<Option<Vec<String>>> {
    paths.iter().map(|path| Some(path.split('/').map(str::to_owned).collect())).collect()
}

#[test]
fn safe_element_of_an_unsafe_name_is_replaced() {
    for (raw, expected) in [
        ("plain.txt", "plain.txt"),
        ("", "_"),
        (".", "_"),
        ("..", "_"),
        ("...", "..."),
        (".hidden", ".hidden"),
        ("a/b\\c", "a_b_c"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        (".\u{200b}.", "_"),
        ("\u{feff}\u{2060}", "_"),
        ("innocent\u{202e}fdp.exe", "innocentfdp.exe"),
        ("a\0b\nc\x1b[31m\u{7f}\u{9b}", "abc[31m"),
        ("\u{2028}x\u{61c}\u{2066}", "x"),
        ("CON", "_CON"),
        ("aux.tar.gz", "_aux.tar.gz"),
        ("Com1 .txt", "_Com1 .txt"),
        ("lpt²", "_lpt²"),
        ("COM0", "COM0"),
        ("COM10", "COM10"),
        ("console", "console"),
        ("日本語.txt", "日本語.txt"),
    ] {
        assert_eq!(safe(raw), expected, "{raw:?}");
    }
    assert_eq!(safe_element(b"a\xff\xfeb", Naming::Portable), "a\u{fffd}\u{fffd}b");
    if !cfg!(any(windows, target_os = "macos")) {
        assert_eq!(safe_element(b"aux.c", Naming::Native), "aux.c");
    }
}

#[test]
#[cfg(not(any(windows, target_os = "macos")))]
fn safe_element_by_naming_keeps_what_the_disk_can_hold() {
    // Raw name, name for new files, name by earlier versions.
    for (raw, native, former) in [
        ("👩\u{200d}👧.jpg", "👩\u{200d}👧.jpg", "👩👧.jpg"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم", "میخواهم"),
        ("\u{feff}a\u{200f}b", "\u{feff}a\u{200f}b", "ab"),
        ("a\\b", "a\\b", "a_b"),
        ("ends with dots...", "ends with dots...", "ends with dots..."),
        ("innocent\u{202e}fdp.exe", "innocentfdp.exe", "innocentfdp.exe"),
        ("a\x1b[31m", "a[31m", "a[31m"),
        (".\u{200b}.", "_", "_"),
    ] {
        let by = |naming| safe_element(raw.as_bytes(), naming);
        assert_eq!(by(Naming::Exact), raw);
        assert_eq!(by(Naming::Native), native, "{raw:?}");
        assert_eq!(by(Naming::Former), former, "{raw:?}");
        assert_eq!(
            is_named_alike(raw.as_bytes(), Charset::default()),
            raw == native && raw == former,
            "{raw:?}"
        );
    }
    for hostile in ["..", "a/b", "", "a\0b", &"x".repeat(256)] {
        assert_eq!(
            safe_element(hostile.as_bytes(), Naming::Exact),
            safe_element(hostile.as_bytes(), Naming::Native)
        );
    }
}

#[test]
fn long_names_keep_their_extension() {
    let name = safe(&format!("{}.torrent", "ü".repeat(200)));
    assert!(name.len() <= CUT_LEN && name.len() > CUT_LEN - 2);
    assert!(name.ends_with("üü.torrent"));
    let name = safe(&format!("a.{}", "b".repeat(300)));
    assert_eq!(name.len(), CUT_LEN, "that is no extension");
    let longest = "x".repeat(MAX_ELEMENT_LEN);
    assert_eq!(safe(&longest), longest);
    assert_eq!(safe_element(longest.as_bytes(), Naming::Former).len(), CUT_LEN);
    assert_eq!(with_extension("short", ".torrent"), "short.torrent");
    assert_eq!(with_extension(&longest, ".torrent").len(), MAX_ELEMENT_LEN);
}

#[test]
fn equal_or_nested_paths_are_renamed() {
    assert_eq!(unique(&["a.txt", "A.TXT", "a.txt", "b"]), ["a.txt", "A.1.TXT", "a.2.txt", "b"]);
    assert_eq!(unique(&["a", "a/b", "A/B"]), ["a.1", "a/b", "A/B.1"], "a file never lies behind another one");
    assert_eq!(unique(&["x.1", "x", "X"]), ["x.1", "x", "X.2"]);
    assert_eq!(unique(&["É", "é", "ß", "SS"]), ["É", "é.1", "ß", "SS"]);
    let long = "n".repeat(MAX_ELEMENT_LEN);
    let renamed = unique(&[&long, &long]);
    assert!(renamed[1].len() <= CUT_LEN && renamed[1].ends_with("n.1"));
    if !cfg!(any(windows, target_os = "macos")) {
        assert_eq!(unique_as(&["a", "A", "a"], Naming::Native), ["a", "A", "a.1"]);
    }
}

#[test]
fn many_equal_names_become_different() {
    let names = vec!["same"; 50_000];
    let renamed = unique(&names);
    assert_eq!(renamed.iter().collect::<HashSet<_>>().len(), names.len());
}

/// Settles links given as `path -> target`.
fn settle(entries: &[(&str, Option<&str>)]) -> Vec<Option<String>> {
    let mut paths = split(&entries.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    let mut links: Vec<Option<Vec<String>>> = entries
        .iter()
        .map(|(_, target)| target.map(|target| target.split('/').map(str::to_owned).collect()))
        .collect();
    Tree::new(&mut paths, Naming::Portable).settle_links(&paths, &mut links);
    links.into_iter().map(|link| link.map(|link| link.join("/"))).collect()
}

#[test]
fn links_without_a_valid_target_point_to_themselves() {
    let to = |target: &str| Some(target.to_owned());
    let settled = settle(&[
        ("d/file", None),
        ("good", Some("d/file")),
        ("folder", Some("d")),
        ("outside", Some("../d")),
        ("nothing", Some("d/other")),
        ("self", Some("self")),
        ("ring1", Some("ring2")),
        ("ring2", Some("ring1")),
        ("d/up", Some("d")),
        ("through", Some("folder/file")),
        ("beyond", Some("folder/none")),
    ]);
    let expected = [
        None,
        to("d/file"),
        to("d"),
        to("outside"),
        to("nothing"),
        to("self"),
        to("ring1"),
        to("ring2"),
        to("d/up"),
        to("folder/file"),
        to("beyond"),
    ];
    assert_eq!(settled, expected);
}

#[test]
fn links_of_a_long_chain_point_to_themselves_or_the_end() {
    let names: Vec<String> = (0..20_000).map(|i| format!("l{i}")).collect();
    let entries: Vec<(&str, Option<&str>)> =
        (0..names.len()).map(|i| (&names[i][..], names.get(i + 1).map(String::as_str))).collect();
    let settled = settle(&entries);
    assert_eq!(settled.last(), Some(&None));
    assert_eq!(settled[0].as_deref(), Some("l0"), "too far from the end");
    assert_eq!(settled[names.len() - 2].as_deref(), Some(&names[names.len() - 1][..]));
}

proptest! {
    #[test]
    fn safe_element_of_any_bytes_is_safe_and_stable(raw in prop_oneof![
        any::<Vec<u8>>(),
        "(\\.|/|\\\\|[a-c]|\u{200b}|con|.){0,300}".prop_map(String::into_bytes),
    ]) {
        for naming in [Naming::Portable, Naming::Native, Naming::Exact, Naming::Former] {
            let name = safe_element(&raw, naming);
            prop_assert!(!name.is_empty() && name.len() <= MAX_ELEMENT_LEN);
            prop_assert!(name != "." && name != "..");
            prop_assert!(!name.contains(['/', '\0']));
            prop_assert!(naming == Naming::Exact || !name.contains(is_harmful));
            prop_assert!(!naming.drops_invisible() || !name.contains(|c: char| c == '\\' || is_invisible(c)));
            prop_assert_eq!(safe_element(name.as_bytes(), naming), name.clone());
            let mut parts = std::path::Path::new(&name).components();
            prop_assert!(matches!(parts.next(), Some(std::path::Component::Normal(_))));
            prop_assert!(parts.next().is_none());
        }
    }

    #[test]
    fn any_paths_become_different_and_not_nested(
        paths in prop::collection::vec("[aA](\\.1)?(/[aAb](\\.[12])?){0,2}", 0..20)
    ) {
        let unique = unique(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let folded: Vec<String> = unique.iter().map(|path| path.to_lowercase()).collect();
        for (i, path) in folded.iter().enumerate() {
            for (j, other) in folded.iter().enumerate().filter(|(j, _)| *j != i) {
                prop_assert!(path != other && !other.starts_with(&format!("{path}/")), "{} {}: {:?}", i, j, unique);
            }
        }
    }
}
