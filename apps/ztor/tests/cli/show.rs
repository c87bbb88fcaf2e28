//! `show`: torrents and magnet links, as text and as JSON.

use std::io::Read;
use std::process::Stdio;

use crate::process::ztor;
use crate::scratch::Scratch;

#[test]
fn show_offline_of_a_magnet_link_prints_its_fields() {
    let scratch = Scratch::new();
    let link = "magnet:?xt=urn:btih:c9e15763f722f23e98a29decdfae341b98d53056&dn=some+name\
                &tr=http%3A%2F%2Ftracker.example%2Fannounce&x.pe=192.0.2.1:6881";
    let show = &scratch.ztor(&[&"show", &"--offline", &"--json", &link]).expect(0).json()[0];
    assert_eq!(show["kind"], "magnet");
    assert_eq!(show["info_hash_v1"], "c9e15763f722f23e98a29decdfae341b98d53056");
    assert_eq!(show["name"], "some name");
    assert_eq!(show["trackers"][0], "http://tracker.example/announce");
    let text = scratch.ztor(&[&"show", &"--offline", &link]).expect(0).stdout;
    assert!(text.contains("c9e15763f722f23e98a29decdfae341b98d53056"), "{text}");
    for bad in ["magnet:?dn=x", "magnet:?xt=urn:btih:123", "magnet:"] {
        scratch.ztor(&[&"show", &"--offline", &bad]).expect(3);
    }
}

#[test]
fn show_of_the_magnet_link_of_a_torrent_has_the_same_hashes() {
    let scratch = Scratch::new();
    let torrent =
        scratch.create(&scratch.album(), &["--format", "hybrid", "--tracker", "udp://t.example:1/announce"]);
    let show = scratch.ztor(&[&"show", &"--json", &torrent]).expect(0).json().remove(0);
    let link = show["magnet"].as_str().unwrap();
    let again = scratch.ztor(&[&"show", &"--offline", &"--json", &link]).expect(0).json().remove(0);
    for field in ["name", "info_hash_v1", "info_hash_v2"] {
        assert_eq!(show[field], again[field], "{field}");
    }
    assert_eq!(again["trackers"], serde_json::json!(["udp://t.example:1/announce"]));
}

#[test]
fn show_into_a_closed_pipe_succeeds() {
    let scratch = Scratch::new();
    let album = scratch.dir("in/many");
    for n in 0..3000 {
        std::fs::write(album.join(format!("a-file-with-a-rather-long-name-{n}")), [1]).unwrap();
    }
    let torrent = scratch.create(&album, &[]);
    let mut child = ztor(&scratch.home())
        .arg("show")
        .arg(&torrent)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success() && stderr.is_empty(), "{status}: {stderr}");
}

#[test]
fn help_describes_exit_codes_and_json() {
    let scratch = Scratch::new();
    let help = scratch.ztor(&[&"--help"]).expect(0).stdout;
    assert!(help.contains("Exit codes:") && help.contains("130"), "{help}");
    for command in ["get", "seed", "share", "create", "show", "verify", "tracker", "demo"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in\n{help}");
        let help = scratch.ztor(&[&command, &"--help"]).expect(0).stdout;
        assert!(help.contains("With --json"), "{help}");
    }
    scratch.ztor(&[&"--version"]).expect(0);
    scratch.ztor(&[&"frobnicate"]).expect(2);
    scratch.ztor(&[&"show"]).expect(2);
    let run = scratch.ztor(&[&"show", &"--log-level", &"a=b=c", &"x"]).expect(2);
    assert!(run.stderr.contains("--log-level"), "{run:#?}");
}
