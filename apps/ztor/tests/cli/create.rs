//! `create`: formats, reproducibility, and refused arguments.

use std::fs;

use crate::scratch::Scratch;

#[test]
fn create_of_the_same_data_makes_the_same_file_in_every_format() {
    for format in ["v1", "v2", "hybrid"] {
        let (one, two) = (Scratch::new(), Scratch::new());
        let torrents = [&one, &two].map(|scratch| {
            let album = scratch.album();
            fs::read(scratch.create(&album, &["--format", format, "--piece-length", "16KiB"])).unwrap()
        });
        assert!(torrents[0] == torrents[1], "{format}: two runs differ");
    }
}

#[test]
fn create_in_every_format_makes_a_torrent_that_verifies() {
    let scratch = Scratch::new();
    let album = scratch.album();
    for (format, v1, v2) in [("v1", true, false), ("v2", false, true), ("hybrid", true, true)] {
        let torrent = scratch.create(&album, &["--format", format, "--piece-length", "32KiB"]);
        let show = &scratch.ztor(&[&"show", &"--json", &torrent]).expect(0).json()[0];
        assert_eq!(show["info_hash_v1"].is_string(), v1, "{show:#}");
        assert_eq!(show["info_hash_v2"].is_string(), v2, "{show:#}");
        assert_eq!(show["total_bytes"], 100_000 + 70_001 + 16_384);
        assert_eq!(show["piece_length"], 32 << 10);
        scratch.ztor(&[&"verify", &torrent, &album]).expect(0);
        scratch.ztor(&[&"verify", &torrent, &scratch.path("in")]).expect(0);
    }
}

#[test]
fn create_of_a_single_file_makes_a_torrent_that_verifies() {
    let scratch = Scratch::new();
    let file = scratch.data("in/blob.bin", 50_000, 4);
    let torrent = scratch.create(&file, &[]);
    let show = &scratch.ztor(&[&"show", &"--json", &torrent]).expect(0).json()[0];
    assert_eq!(show["single_file"], true);
    assert_eq!(show["name"], "blob.bin");
    scratch.ztor(&[&"verify", &torrent, &file]).expect(0);
    scratch.ztor(&[&"verify", &torrent, &scratch.path("in")]).expect(0);
}

#[test]
fn create_with_metadata_flags_writes_them_and_show_prints_them() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let flags = [
        "--tracker",
        "http://one.example/announce,udp://two.example:6969/announce",
        "--tracker",
        "https://three.example/announce",
        "--web-seed",
        "http://files.example/",
        "--private",
        "--source",
        "WORD",
        "--comment",
        "hello there",
        "--date",
        "1700000000",
    ];
    let torrent = scratch.create(&album, &flags);
    let show = &scratch.ztor(&[&"show", &"--json", &torrent]).expect(0).json()[0];
    assert_eq!(
        show["trackers"],
        serde_json::json!([
            ["http://one.example/announce", "udp://two.example:6969/announce"],
            ["https://three.example/announce"]
        ])
    );
    assert_eq!(show["web_seeds"], serde_json::json!(["http://files.example/"]));
    assert_eq!(show["private"], true);
    assert_eq!(show["source"], "WORD");
    assert_eq!(show["comment"], "hello there");
    assert_eq!(show["creation_date"], 1_700_000_000);
    let text = scratch.ztor(&[&"show", &torrent]).expect(0).stdout;
    for part in
        ["2023-11-14 22:13:20 UTC", "tier 2: https://three.example/announce", "hello there", "sub/c.bin"]
    {
        assert!(text.contains(part), "{part:?} not in\n{text}");
    }
}

#[test]
fn create_leaves_out_ignored_and_hidden_files() {
    let scratch = Scratch::new();
    let album = scratch.album();
    scratch.data("in/album/.hidden", 10, 5);
    scratch.data("in/album/junk.tmp", 10, 6);
    let paths = |flags: &[&str]| {
        let torrent = scratch.create(&album, flags);
        let show = scratch.ztor(&[&"show", &"--json", &torrent]).expect(0).json().remove(0);
        let files = show["files"].as_array().unwrap().iter();
        files.map(|file| file["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let plain = paths(&["--ignore", "*.tmp", "--ignore", "sub"]);
    assert_eq!(plain, ["a.bin", "b.bin", "empty"]);
    let hidden = paths(&["--include-hidden"]);
    assert!(hidden.contains(&".hidden".to_owned()) && hidden.contains(&"junk.tmp".to_owned()), "{hidden:?}");
}

#[test]
#[cfg(unix)]
fn create_of_a_folder_with_a_symlink_reports_it_as_skipped() {
    let scratch = Scratch::new();
    let album = scratch.album();
    std::os::unix::fs::symlink("/etc/passwd", album.join("link")).unwrap();
    let run = scratch.ztor(&[&"create", &album, &"-o", &scratch.path("t.torrent")]).expect(0);
    assert!(run.all().contains("link"), "{run:#?}");
    let show = &scratch.ztor(&[&"show", &"--json", &scratch.path("t.torrent")]).expect(0).json()[0];
    assert_eq!(show["files"].as_array().unwrap().len(), 4);
}

#[test]
fn create_over_an_existing_file_keeps_it_without_force() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let target = scratch.file("t.torrent", b"precious");
    let run = scratch.ztor(&[&"create", &album, &"-o", &target]).expect(4);
    assert!(run.stderr.contains("--force"), "{run:#?}");
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    scratch.ztor(&[&"create", &album, &"-o", &target, &"--force"]).expect(0);
    scratch.ztor(&[&"verify", &target, &album]).expect(0);
}

#[test]
fn create_into_the_folder_of_the_data_leaves_out_the_torrent_file() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let target = album.join("album.torrent");
    let first = scratch.ztor(&[&"create", &album, &"-o", &target, &"--json"]).expect(0);
    let again = scratch.ztor(&[&"create", &album, &"-o", &target, &"--json", &"--force"]).expect(0);
    assert_eq!(first.event("created")["info_hash_v1"], again.event("created")["info_hash_v1"]);
    assert!(again.event("created")["skipped"][0].as_str().unwrap().contains("the torrent file itself"));
    // Another file with that name is data.
    scratch.data("in/album/sub/album.torrent", 10, 9);
    let other = scratch.ztor(&[&"create", &album, &"-o", &target, &"--json", &"--force"]).expect(0);
    assert_eq!(other.event("created")["files"], 5);
    let file = scratch.data("in/blob.bin", 10, 1);
    let run = scratch.ztor(&[&"create", &file, &"-o", &file, &"--force"]).expect(2);
    assert!(run.stderr.contains("is the data itself"), "{run:#?}");
    assert_eq!(fs::read(&file).unwrap().len(), 10);
}

#[test]
fn create_with_bad_arguments_is_refused() {
    let scratch = Scratch::new();
    let album = scratch.album();
    let target = scratch.path("t.torrent");
    for flags in [
        ["--tracker", "example.com"],
        ["--tracker", "file:///etc"],
        ["--piece-length", "1000"],
        ["--date", "soon"],
    ] {
        scratch.ztor(&[&"create", &album, &"-o", &target, &flags[0], &flags[1]]).expect(2);
    }
    let run = scratch.ztor(&[&"create", &scratch.path("absent"), &"-o", &target]).expect(4);
    assert!(run.stderr.contains("absent"), "{run:#?}");
    scratch.ztor(&[&"create", &scratch.dir("hollow"), &"-o", &target]).expect(1);
    scratch.ztor(&[&"create", &album, &"-o", &scratch.path("no/such/folder.torrent")]).expect(4);
    assert!(!target.exists());
}
