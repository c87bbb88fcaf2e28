//! `torrent-get`.

use super::super::dialect::Dialect;
use super::super::fields::Field;
use super::*;

#[test]
fn every_field_has_a_value_in_both_dialects() {
    let rpc = Rpc::start(&[]);
    rpc.add(&torrent("a"), &json!({}));
    let magnet = json!({"filename": format!("magnet:?xt=urn:btih:{}", "b".repeat(40)), "paused": true});
    rpc.good("torrent-add", &magnet);
    let names = |dialect| -> Vec<&str> { Field::ALL.iter().map(|field| field.key().name(dialect)).collect() };
    for torrent in rpc.get(&names(Dialect::Legacy)) {
        assert_eq!(torrent.len(), Field::ALL.len());
        assert!(!torrent.values().any(Value::is_null), "{torrent:?}");
    }
    let answer = rpc.call("torrent_get", &json!({ "fields": names(Dialect::JsonRpc) }));
    for torrent in answer["result"]["torrents"].as_array().unwrap() {
        let torrent = torrent.as_object().unwrap();
        assert_eq!(torrent.len(), Field::ALL.len());
        assert!(torrent.keys().all(|key| key.chars().all(|char| char == '_' || char.is_ascii_lowercase())));
    }
}

#[test]
fn values_of_a_new_torrent_are_those_of_the_genuine_server() {
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("a"), &json!({"labels": ["x", "y", "x"]}));
    let expected = json!({
        "name": "a", "totalSize": 70000, "leftUntilDone": 70000, "sizeWhenDone": 70000, "doneDate": 0, "eta": -1,
        "percentDone": 0, "metadataPercentComplete": 1, "error": 0, "errorString": "", "labels": ["x", "y"],
        "wanted": [1, 1], "priorities": [0, 0], "file-count": 2, "pieceCount": 5, "pieceSize": 16384,
        "comment": "text", "isPrivate": false, "isFinished": false, "peersConnected": 0, "queuePosition": 0,
        "seedRatioMode": 0, "downloadLimited": false, "honorsSessionLimits": true, "group": "", "uploadRatio": 0,
        "trackerList": "http://127.0.0.1:9/announce", "webseeds": [], "pieces": "AA==",
        "fileStats": [
            {"bytesCompleted": 0, "priority": 0, "wanted": true}, {"bytesCompleted": 0, "priority": 0, "wanted": true},
        ],
        "files": [
            {"beginPiece": 0, "bytesCompleted": 0, "endPiece": 2, "length": 30000, "name": "a/a/1"},
            {"beginPiece": 1, "bytesCompleted": 0, "endPiece": 5, "length": 40000, "name": "a/2"},
        ],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(rpc.field(id, field), *value, "{field}");
    }
    let stats = &rpc.field(id, "trackerStats")[0];
    assert_eq!(stats.as_object().unwrap().len(), 28);
    assert_eq!((&stats["host"], &stats["seederCount"]), (&json!("127.0.0.1:9"), &json!(-1)));
    assert_eq!(stats["scrape"], "http://127.0.0.1:9/scrape");
}

#[test]
fn ids_have_many_forms() {
    let rpc = Rpc::start(&[]);
    let (a, b) = (rpc.add(&torrent("a"), &json!({})), rpc.add(&torrent("b"), &json!({})));
    let hash = rpc.field(a, "hashString").as_str().unwrap().to_owned();
    let found = |ids: Value| -> Vec<u64> {
        let answer = rpc.good("torrent-get", &json!({ "ids": ids, "fields": ["id"] }));
        let torrents = answer["torrents"].as_array().unwrap();
        torrents.iter().map(|torrent| torrent["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(found(Value::Null), [a, b]);
    assert_eq!(found(json!(b)), [b]);
    assert_eq!(found(json!(hash)), [a]);
    assert_eq!(found(json!([b, hash.to_uppercase(), b])), [b, a]);
    assert_eq!(found(json!([])), Vec::<u64>::new());
    assert_eq!(found(json!([99, "f".repeat(40), -1, null, 1e300])), Vec::<u64>::new());
    assert_eq!(found(json!("recently-active")), [a, b]);
}

#[test]
fn removed_torrents_are_told_for_a_minute() {
    let rpc = Rpc::start(&[]);
    let recent = || rpc.good("torrent-get", &json!({"ids": "recently-active", "fields": ["id"]}));
    assert_eq!(recent()["removed"], json!([]));
    let id = rpc.add(&torrent("a"), &json!({}));
    rpc.good("torrent-remove", &json!({ "ids": [id] }));
    assert_eq!(recent(), json!({"removed": [id], "torrents": []}));
    assert_eq!(rpc.good("torrent-get", &json!({"fields": ["id"]})), json!({"torrents": []}));
}

#[test]
fn table_has_its_keys_first() {
    let rpc = Rpc::start(&[]);
    let table = || rpc.good("torrent-get", &json!({"fields": ["name", "nonsense", "id"], "format": "table"}));
    assert_eq!(table()["torrents"], json!([["name", "id"]]));
    let id = rpc.add(&torrent("a"), &json!({}));
    assert_eq!(table()["torrents"], json!([["name", "id"], ["a", id]]));
    assert_eq!(rpc.bad("torrent-get", &json!({})), "no fields specified");
}

#[test]
fn manual_announce_time_is_that_of_the_minimum_interval() {
    use crate::tracker::{Config, TrackerServer};
    let config = Config { http: Some("127.0.0.1:0".parse().unwrap()), ..Config::default() };
    let tracker = TrackerServer::start(config).unwrap();
    let rpc = Rpc::start(&[]);
    let id = rpc.add(&torrent("show"), &json!({}));
    assert_eq!(rpc.field(id, "manualAnnounceTime"), 0, "no tracker has answered");
    let list = format!("http://{}/announce", tracker.http_addr().unwrap());
    rpc.good("torrent-set", &json!({ "ids": id, "trackerList": list }));
    rpc.good("torrent-start", &json!({ "ids": id }));
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let time = rpc.field(id, "manualAnnounceTime").as_u64().unwrap();
        if time > 0 {
            assert!((before..before + 100_000).contains(&time), "{time}");
            break;
        }
        assert!(std::time::Instant::now() < end, "{}", rpc.field(id, "trackerStats"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    tracker.stop();
}
