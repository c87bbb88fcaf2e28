//! Methods that change torrents.

use super::*;

#[test]
fn add_refuses_what_is_no_torrent_with_the_texts_that_clients_know() {
    let rpc = Rpc::start(&[]);
    assert_eq!(rpc.bad("torrent-add", &json!({})), "no filename or metainfo specified");
    assert_eq!(rpc.bad("torrent-add", &json!({"metainfo": "anVuaw=="})), "unrecognized info");
    assert_eq!(rpc.bad("torrent-add", &json!({"filename": "nonsense"})), "unrecognized info");
    let relative = json!({"filename": "a".repeat(40), "download-dir": "x"});
    assert_eq!(rpc.bad("torrent-add", &relative), "download directory path is not absolute");
    let codes = [
        (json!({}), -32602),
        (json!({"metainfo": "anVuaw=="}), 4),
        (json!({"filename": "a".repeat(40), "download_dir": "x"}), 3),
        (json!({"filename": "http://127.0.0.1:9/x"}), 8),
        (json!({"filename": "/nonexistent"}), 5),
    ];
    for (params, code) in codes {
        assert_eq!(rpc.code("torrent_add", &params), code, "{params}");
    }
}

#[test]
fn duplicate_is_a_success_and_keeps_its_labels() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({"labels": ["x"]}));
    let again = json!({"metainfo": data_encoding::BASE64.encode(&torrent("a")), "labels": ["y"]});
    let answer = rpc.good("torrent-add", &again);
    assert_eq!(answer["torrent-duplicate"]["id"], id);
    assert_eq!(answer["torrent-duplicate"].as_object().unwrap().len(), 3);
    assert_eq!(rpc.field(id, "labels"), json!(["x"]));
}

#[test]
fn torrent_file_on_the_machine_of_the_daemon_is_added() {
    let rpc = Rpc::start(&[]);
    let path = rpc.fixture.folder.path().join("a.torrent");
    std::fs::write(&path, torrent("a")).unwrap();
    let answer = rpc.good("torrent-add", &json!({"filename": path, "paused": true}));
    assert_eq!(answer["torrent-added"]["name"], "a");
}

#[test]
fn set_changes_what_it_names_and_nothing_else() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({}));
    let set = |change: Value| {
        let mut arguments = json!({ "ids": id });
        arguments.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap());
        rpc.good("torrent-set", &arguments);
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(rpc.field(id, field), *value, "{field}");
        }
    };
    set(json!({"downloadLimit": 11}));
    assert_eq!(rpc.field(id, "downloadLimited"), false);
    set(json!({"downloadLimited": true}));
    assert_eq!(rpc.field(id, "downloadLimit"), 11);
    set(json!({"uploadLimit": 5, "uploadLimited": true, "downloadLimited": false}));
    assert_eq!(rpc.field(id, "downloadLimit"), 11, "it stays for later");
    set(json!({"seedRatioLimit": 1.5, "seedRatioMode": 1, "seedIdleLimit": 90, "seedIdleMode": 1}));
    set(json!({"seedRatioLimit": 2.5}));
    assert_eq!(rpc.field(id, "seedRatioMode"), 1);
    set(json!({"seedRatioMode": 2}));
    set(json!({"bandwidthPriority": -1, "honorsSessionLimits": false, "peer-limit": 17}));
    assert_eq!(rpc.field(id, "maxConnectedPeers"), 17);
    set(json!({"sequential_download": true, "sequential_download_from_piece": 2}));
    set(json!({"labels": ["b", "c"]}));
    set(json!({"labels": []}));
    set(json!({"group": "slow"}));
    set(json!({"group": ""}));
    assert_eq!(rpc.good("group-get", &json!({"name": "slow"}))["group"].as_array().unwrap().len(), 1);
}

#[test]
fn values_of_a_torrent_stay_over_a_restart_and_leave_with_it() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({"peer-limit": 33, "bandwidthPriority": 1}));
    rpc.good("torrent-set", &json!({"ids": id, "seedRatioLimit": 1.25}));
    rpc.good("session-set", &json!({"cache-size-mb": 9}));
    let rpc = rpc.restart();
    let fields = ["peer-limit", "bandwidthPriority", "seedRatioLimit"];
    assert_eq!(fields.map(|field| rpc.field(id, field)), [json!(33), json!(1), json!(1.25)]);
    assert_eq!(rpc.good("session-get", &json!({}))["cache-size-mb"], 9);
    wait_until(&rpc, id, "status", &json!(0));
    rpc.good("torrent-remove", &json!({ "ids": [id] }));
    let again = rpc.add(&torrent("a"), &json!({}));
    assert_eq!(rpc.field(again, "bandwidthPriority"), 0);
}

#[test]
fn files_keep_their_priority_while_they_are_unwanted() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({"files-unwanted": [1], "priority-high": [1]}));
    let set = |change: Value| {
        let mut arguments = json!({ "ids": [id] });
        arguments.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap());
        rpc.good("torrent-set", &arguments);
        (rpc.field(id, "wanted"), rpc.field(id, "priorities"))
    };
    assert_eq!(set(json!({})), (json!([1, 0]), json!([0, 1])));
    assert_eq!(set(json!({"files-wanted": [1]})), (json!([1, 1]), json!([0, 1])));
    assert_eq!(set(json!({"priority-low": []})), (json!([1, 1]), json!([-1, -1])));
    assert_eq!(set(json!({"files-unwanted": []})), (json!([0, 0]), json!([-1, -1])));
    assert_eq!(rpc.code("torrent_set", &json!({"ids": [id], "files_wanted": [2]})), 6);
    assert_eq!(rpc.code("torrent_set", &json!({"ids": [id], "sequential_download_from_piece": 5})), 7);
}

#[test]
fn trackers_are_added_replaced_and_removed_by_their_ids() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({}));
    let urls = || -> Vec<String> {
        let trackers = rpc.field(id, "trackers");
        let trackers = trackers.as_array().unwrap().iter();
        trackers.map(|tracker| tracker["announce"].as_str().unwrap().to_owned()).collect()
    };
    let id_of = |url: &str| {
        let trackers = rpc.field(id, "trackers");
        trackers.as_array().unwrap().iter().find(|tracker| tracker["announce"] == url).unwrap()["id"].clone()
    };
    let (old, new, other) =
        ("http://127.0.0.1:9/announce", "http://127.0.0.2/announce", "udp://127.0.0.3:80");
    rpc.good("torrent-set", &json!({"ids": id, "trackerAdd": [new]}));
    assert_eq!(urls(), [old, new]);
    rpc.good("torrent-set", &json!({"ids": id, "trackerReplace": [id_of(new), other]}));
    assert_eq!(urls(), [old, other]);
    rpc.good("torrent-set", &json!({"ids": id, "trackerRemove": [id_of(old)]}));
    assert_eq!(urls(), [other]);
    rpc.good("torrent-set", &json!({"ids": id, "trackerList": format!("{old}\n\n{new}\n{other}")}));
    assert_eq!(rpc.field(id, "trackerList"), format!("{old}\n\n{new}\n{other}"));
    assert_eq!(rpc.code("torrent_set", &json!({"ids": id, "tracker_add": ["nonsense"]})), 1);
    assert_eq!(rpc.code("torrent_set", &json!({"ids": id, "tracker_list": "nonsense"})), 2);
    assert_eq!(rpc.code("torrent_set", &json!({"ids": id, "tracker_remove": [12345]})), 1);
}

#[test]
fn labels_that_cannot_be_are_refused() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({}));
    let refused = |labels: Value| rpc.bad("torrent-set", &json!({ "ids": [id], "labels": labels }));
    assert_eq!(refused(json!([""])), "labels cannot be empty");
    assert_eq!(refused(json!(["a,b"])), "labels cannot contain comma (,) character");
}

#[test]
fn every_torrent_has_a_place_in_the_queue() {
    let rpc = Rpc::start(&[]);
    let ids: Vec<u64> = ["a", "b", "c"].iter().map(|name| rpc.add(&torrent(name), &json!({}))).collect();
    let order = || {
        let mut torrents = rpc.get(&["id", "queuePosition"]);
        torrents.sort_by_key(|torrent| torrent["queuePosition"].as_u64());
        torrents.iter().map(|torrent| torrent["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let (a, b, c) = (ids[0], ids[1], ids[2]);
    assert_eq!(order(), [a, b, c]);
    rpc.good("queue-move-top", &json!({"ids": [c]}));
    assert_eq!(order(), [c, a, b]);
    rpc.good("queue-move-down", &json!({"ids": [c, a]}));
    assert_eq!(order(), [b, c, a]);
    rpc.good("queue-move-up", &json!({"ids": [a]}));
    assert_eq!(order(), [b, a, c]);
    rpc.good("queue-move-bottom", &json!({"ids": [b, a]}));
    assert_eq!(order(), [c, b, a]);
    rpc.good("torrent-set", &json!({"ids": [a], "queuePosition": 1}));
    assert_eq!(order(), [c, a, b]);
}

#[test]
fn paths_are_renamed_and_moved() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({}));
    let rename = |path: &str, name: &str| {
        rpc.legacy("torrent-rename-path", &json!({ "ids": [id], "path": path, "name": name }))
    };
    let names = || {
        let files = rpc.field(id, "files");
        files
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    wait_until(&rpc, id, "status", &json!(0));
    assert_eq!(rename("a/a/1", "one")["arguments"], json!({"path": "a/a/1", "name": "one", "id": id}));
    assert_eq!(names(), ["a/a/one", "a/2"]);
    assert_eq!(rename("a", "b")["result"], "success");
    assert_eq!((names(), rpc.field(id, "name")), (vec!["b/a/one".to_owned(), "b/2".to_owned()], json!("b")));
    for (path, name) in [("b", "x/y"), ("b", ".."), ("b", ""), ("", "x"), ("b/missing", "x")] {
        assert_ne!(rename(path, name)["result"], "success", "{path} {name}");
    }
    let dir = rpc.fixture.folder.path().join("other").to_str().unwrap().to_owned();
    for is_moved in [false, true] {
        let dir = format!("{dir}{is_moved}");
        rpc.good("torrent-set-location", &json!({"ids": [id], "location": dir, "move": is_moved}));
        assert_eq!(rpc.field(id, "downloadDir"), dir.as_str());
        wait_until(&rpc, id, "status", &json!(0));
        assert_eq!(names(), ["b/a/one", "b/2"], "names stay");
    }
    assert_eq!(
        rpc.bad("torrent-set-location", &json!({"ids": [id], "location": "x"})),
        "new location path is not absolute"
    );
    assert_eq!(rpc.bad("torrent-set-location", &json!({"ids": [id]})), "no location");
}

#[test]
fn batch_is_answered_in_order_without_its_notifications() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({}));
    let note =
        json!({"jsonrpc": "2.0", "method": "torrent_set", "params": {"ids": [id], "labels": ["note"]}});
    let body = json!([{"jsonrpc": "2.0", "method": "session_stats", "id": "x"}, note, 4]);
    let answer = rpc.send(&body);
    assert_eq!((answer[0]["id"].as_str(), answer[1]["error"]["code"].as_i64()), (Some("x"), Some(-32600)));
    assert_eq!(answer.as_array().unwrap().len(), 2);
    assert_eq!(rpc.field(id, "labels"), json!(["note"]));
    let answer = rpc.ask(rpc.post(&json!([note]).to_string()));
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
}

/// Waits until a field of a torrent has a value.
#[track_caller]
fn wait_until(rpc: &Rpc, id: u64, field: &str, value: &Value) {
    let mut revisions = rpc.fixture.daemon.revisions();
    let waited = rpc.fixture.runtime.block_on(async {
        let seen = async {
            while rpc_field(rpc, id, field).await != *value {
                revisions.changed().await.unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), seen).await
    });
    waited.unwrap_or_else(|_| panic!("{field} is not {value}"));
}

async fn rpc_field(rpc: &Rpc, id: u64, field: &str) -> Value {
    let body = json!({"method": "torrent-get", "arguments": {"ids": [id], "fields": [field]}}).to_string();
    let answer = Fixture::answer_of(&rpc.app, rpc.post(&body)).await.json();
    answer["arguments"]["torrents"][0][field].clone()
}
