//! Filters of lists.

use super::fixture::{Ask, Fixture};
use serde_json::json;

/// Adds a magnet link, stopped.
fn add(fixture: &Fixture, digit: &str, name: &str, dir: &str, tags: &[&str]) {
    let magnet = format!("magnet:?xt=urn:btih:{}&dn={name}", digit.repeat(40));
    let options = json!({ "paused": true, "dir": dir, "tags": tags });
    let body = json!({ "sources": [{ "magnet": magnet }], "options": options }).to_string();
    let added = fixture.ask(Ask::to("POST /torrents").local().json(&body)).json();
    assert_eq!(added["results"][0]["result"], "added", "{added}");
}

#[test]
fn lists_are_filtered_by_folder_tags_groups_and_expressions() {
    let fixture = Fixture::start(&[]);
    add(&fixture, "1", "Debian-13.iso", "/srv/images", &["a"]);
    add(&fixture, "2", "debian-12.iso", "/srv/images", &["a", "b"]);
    add(&fixture, "3", "notes", "/srv/texts", &["b"]);
    let ids = |query: &str| {
        let list = fixture.ask(Ask::to(&format!("GET /torrents?ids_only=true&{query}")).local()).json();
        assert_eq!(list["torrents"], json!([]));
        assert_eq!(list["total"], list["ids"].as_array().unwrap().len());
        list["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", vec![1, 2, 3]),
        ("dir=%2Fsrv%2Fimages", vec![1, 2]),
        ("dir=%2Fsrv", vec![]),
        ("tag=a&tag=b", vec![1, 2, 3]),
        ("tag=a&tag=b&all_tags=true", vec![2]),
        ("tag=b&dir=%2Fsrv%2Fimages", vec![2]),
        ("tag=b&dir=%2Fsrv%2Fimages&any=true", vec![1, 2, 3]),
        ("any=true", vec![1, 2, 3]),
        ("any=true&tag=a&search=12", vec![2]),
        ("state=paused", vec![1, 2, 3]),
        ("state=active", vec![]),
        ("state=inactive&state=error", vec![1, 2, 3]),
        ("state=complete", vec![]),
        ("state=incomplete&sort=-id", vec![3, 2, 1]),
        ("state=tracker_error", vec![]),
        ("search=%5Edeb.%2B%5Cd%7B2%7D&is_regex=true", vec![1, 2]),
        ("search=%5EDeb&is_regex=true", vec![1]),
    ] {
        assert_eq!(ids(query), expected, "{query}");
    }
    let bad = fixture.ask(Ask::to("GET /torrents?search=(&is_regex=true").local());
    assert_eq!(bad.status, 400, "{bad:?}");
    let counts = &fixture.ask(Ask::to("GET /torrents?limit=0&counts=true").local()).json()["counts"];
    assert_eq!((&counts["complete"], &counts["tracker_errors"]), (&json!(0), &json!(0)));
    assert_eq!(counts["dirs"], json!({ "/srv/images": 2, "/srv/texts": 1 }));
}

#[test]
fn goals_in_detail_are_those_of_the_torrent_alone() {
    let fixture = Fixture::start(&[("seed_ratio", "2"), ("goal_action", "remove")]);
    add(&fixture, "1", "x", "/srv", &[]);
    let goals = || fixture.ask(Ask::to("GET /torrents/1").local()).json()["goals"].clone();
    assert_eq!((&goals()["ratio"], &goals()["action"]), (&json!("inherit"), &json!(null)));
    let body = json!({ "torrents": ["id:1"], "action": { "kind": "set_goals", "ratio": { "at": 1.5 } } })
        .to_string();
    assert_eq!(fixture.ask(Ask::to("POST /torrents/actions").local().json(&body)).status, 200);
    assert_eq!((&goals()["ratio"], &goals()["action"]), (&json!({ "at": 1.5 }), &json!(null)));
}
