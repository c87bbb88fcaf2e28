//! Previews, folders and creations, with a real swarm.

use super::fixture::{Ask, Fixture};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_session::create::{CreateOptions, Created, create};
use ztor_session::{AddTorrent, Bind, Config, Magnet, Metainfo, Session};

/// Makes a torrent of a folder with two files.
fn torrent_of(dir: &Path) -> Created {
    std::fs::create_dir_all(dir.join("sub")).unwrap();
    std::fs::write(dir.join("one"), vec![1; 40_000]).unwrap();
    std::fs::write(dir.join("sub/two"), vec![2; 7]).unwrap();
    create(dir, &CreateOptions::default(), 1, |_, _| {}, &false.into()).unwrap()
}

/// Asks until an answer fits.
fn wait_for(fixture: &Fixture, line: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = fixture.ask(Ask::to(line).local()).json();
        if fits(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "{line}: {answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn preview_shows_the_files_of_a_torrent_and_whether_it_is_known() {
    let fixture = Fixture::start(&[]);
    let made = torrent_of(&fixture.folder.path().join("Holiday"));
    let text = BASE64.encode(&made.torrent);
    let ask = || {
        let body = json!({ "source": { "torrent": text } }).to_string();
        fixture.ask(Ask::to("POST /preview").local().json(&body)).json()
    };
    let preview = ask();
    assert_eq!(
        (&preview["name"], &preview["total_bytes"], &preview["duplicate"]),
        (&json!("Holiday"), &json!(40_007), &Value::Null)
    );
    let files: Vec<&str> =
        preview["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["Holiday/one", "Holiday/sub/two"]);
    let body = json!({ "sources": [{ "torrent": text }], "options": { "paused": true } }).to_string();
    let id = fixture.ask(Ask::to("POST /torrents").local().json(&body)).json()["results"][0]["id"].clone();
    assert_eq!(ask()["duplicate"], json!({ "id": id, "name": "Holiday" }));
    let bad = json!({ "source": { "torrent": "bm9uc2Vuc2U=" } }).to_string();
    assert_eq!(fixture.ask(Ask::to("POST /preview").local().json(&bad)).status, 422);
}

#[test]
fn preview_of_a_magnet_link_asks_peers_and_the_torrent_is_added_with_what_they_sent() {
    let fixture = Fixture::start(&[]);
    let source = tempfile::tempdir().unwrap();
    let made = torrent_of(&source.path().join("Holiday"));
    let meta = Arc::new(Metainfo::from_bytes(&made.torrent).unwrap());
    let bind: Bind = std::net::IpAddr::from([127, 0, 0, 1]).into();
    let seed = Session::start(Config::default().bind(bind).port(0).dht(None).local_discovery(false)).unwrap();
    seed.add(AddTorrent::new(Arc::clone(&meta), source.path()).read_only(true)).wait().unwrap();
    let link = format!("{}&x.pe={}", Magnet::from(&*meta), seed.local_addr());
    let body = json!({ "source": { "magnet": link } }).to_string();
    let preview = fixture.ask(Ask::to("POST /preview").local().json(&body)).json();
    assert_eq!((&preview["name"], preview["files"].as_array().unwrap().len()), (&json!("Holiday"), 2));
    // It is not in the list.
    assert_eq!(fixture.ask(Ask::to("GET /torrents").local()).json()["total"], 0);
    let body = json!({ "sources": [{ "magnet": link }] }).to_string();
    assert_eq!(
        fixture.ask(Ask::to("POST /torrents").local().json(&body)).json()["results"][0]["result"],
        "added"
    );
    let list = fixture.ask(Ask::to("GET /torrents").local()).json();
    assert_eq!(list["torrents"][0]["total_bytes"], 40_007, "the metadata is known at once");
    wait_for(&fixture, "GET /torrents", |list| list["torrents"][0]["progress"] == 1.0);
}

#[test]
fn magnet_link_that_is_looked_into_can_be_added_before_its_metadata_arrives() {
    let fixture = Fixture::start(&[]);
    let link = format!("magnet:?xt=urn:btih:{}", "7".repeat(40));
    let (preview, added) = fixture.runtime.block_on(async {
        let preview = json!({ "source": { "magnet": link } }).to_string();
        let looking = fixture.answer(Ask::to("POST /preview").local().json(&preview));
        let body = json!({ "sources": [{ "magnet": link }] }).to_string();
        let adding = fixture.answer(Ask::to("POST /torrents").local().json(&body));
        // In any order: the preview is in the session first, or finds the torrent there.
        tokio::join!(looking, adding)
    });
    assert_eq!(added.json()["results"][0]["result"], "added", "{added:?}");
    assert!(preview.status >= 400, "{preview:?}");
    assert_eq!(fixture.ask(Ask::to("GET /torrents").local()).json()["total"], 1);
}

#[test]
fn folders_are_listed_and_bad_paths_are_refused() {
    let fixture = Fixture::start(&[]);
    std::fs::create_dir(fixture.folder.path().join("films")).unwrap();
    let dir = fixture.folder.path().display().to_string();
    let folder = fixture.ask(Ask::to(&format!("GET /folders?dir={dir}")).local()).json();
    assert!(folder["folders"].as_array().unwrap().contains(&json!("films")), "{folder}");
    for (query, status) in [("?dir=relative", 400), ("", 400), ("?dir=/no/such/folder", 404)] {
        assert_eq!(fixture.ask(Ask::to(&format!("GET /folders{query}")).local()).status, status, "{query}");
    }
}

#[test]
fn creation_makes_a_torrent_and_seeds_it_where_it_is() {
    let fixture = Fixture::start(&[("layout", "subfolder"), ("part_suffix", ".part")]);
    let path = fixture.folder.path().join("elsewhere/Holiday");
    torrent_of(&path);
    let body = json!({ "path": path, "trackers": [["http://127.0.0.1:9/announce"]], "add": true, "category": "made" });
    let made = fixture.ask(Ask::to("POST /creations").local().json(&body.to_string())).json();
    let ended = |list: &Value| list[0]["state"] == "done" || list[0]["state"] == "failed";
    let creation = wait_for(&fixture, "GET /creations", ended)[0].clone();
    assert_eq!((&creation["problem"], &creation["name"]), (&Value::Null, &json!("Holiday")), "{creation}");
    let torrent = wait_for(&fixture, "GET /torrents", |list| list["torrents"][0]["state"] == "seeding");
    assert_eq!(torrent["torrents"][0]["id"], creation["torrent"]);
    assert_eq!(torrent["torrents"][0]["category"], "made");
    let id = &made["id"];
    let file = fixture.ask(Ask::to(&format!("GET /creations/{id}/torrent-file")).local());
    assert_eq!(file.headers["content-disposition"], "attachment; filename*=UTF-8''Holiday.torrent");
    assert_eq!(fixture.ask(Ask::to(&format!("DELETE /creations/{id}")).local()).status, 200);
    assert_eq!(fixture.ask(Ask::to(&format!("GET /creations/{id}/torrent-file")).local()).status, 404);
}

#[test]
fn creation_of_what_is_not_there_fails_with_its_reason() {
    let fixture = Fixture::start(&[]);
    let path = fixture.folder.path().join("nothing");
    let body = json!({ "path": path }).to_string();
    assert_eq!(fixture.ask(Ask::to("POST /creations").local().json(&body)).status, 200);
    let list = wait_for(&fixture, "GET /creations", |list| list[0]["state"] == "failed");
    assert!(list[0]["problem"]["detail"].as_str().unwrap().contains("nothing"), "{list}");
    for bad in [
        json!({ "path": "relative" }),
        json!({ "path": "/x", "web_seeds": ["ftp://x"] }),
        json!({ "path": "/x", "web_seeds": ["http://x/\n"] }),
    ] {
        assert_eq!(
            fixture.ask(Ask::to("POST /creations").local().json(&bad.to_string())).status,
            400,
            "{bad}"
        );
    }
}

#[test]
fn history_has_the_spans_that_it_names() {
    let fixture = Fixture::start(&[]);
    for span in ztor_daemon::SPANS_S {
        let history = fixture.ask(Ask::to(&format!("GET /statistics/history?span_s={span}")).local()).json();
        let samples = history["down"].as_array().unwrap().len() as u64;
        assert_eq!(samples * history["step_ms"].as_u64().unwrap(), span * 1000);
    }
    for query in ["", "?span_s=1", "?span_s=x", "?span_s=300&span_s=300", "?x=1"] {
        assert_eq!(
            fixture.ask(Ask::to(&format!("GET /statistics/history{query}")).local()).status,
            400,
            "{query}"
        );
    }
}
