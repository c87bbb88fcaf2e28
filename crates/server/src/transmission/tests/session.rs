//! Methods about the whole.

use super::super::dialect::Dialect;
use super::super::methods::METHODS;
use super::super::session_get::KEYS;
use super::*;

#[test]
fn session_has_every_key_in_both_dialects() {
    let rpc = Rpc::start(&[]);
    let session = rpc.good("session-get", &json!({}));
    assert_eq!(session.as_object().unwrap().len(), KEYS.len());
    for key in KEYS {
        assert!(!session[key.name(Dialect::Legacy)].is_null(), "{}", key.legacy);
    }
    assert!(session["version"].as_str().unwrap().starts_with("4.1.4 (ztor "));
    assert_eq!((&session["rpc-version"], &session["rpc-version-minimum"]), (&json!(19), &json!(14)));
    let session =
        rpc.call("session_get", &json!({"fields": ["version", "rpc_version_semver", "download-dir"]}));
    let names: Vec<&String> = session["result"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["rpc_version_semver", "version"]);
}

#[test]
fn settings_are_those_of_the_daemon() {
    let rpc = Rpc::start(&[]);
    let set = |change: Value| {
        rpc.good("session-set", &change);
        let session = rpc.good("session-get", &json!({}));
        for (key, value) in change.as_object().unwrap() {
            assert_eq!(session[key], *value, "{key}");
        }
        rpc.fixture.daemon.settings_changes().borrow().clone()
    };
    let settings = set(json!({"speed-limit-down": 200, "speed-limit-down-enabled": true}));
    assert_eq!(settings.limit_down, Some(200_000));
    let settings = set(json!({"speed-limit-down-enabled": false}));
    assert_eq!(settings.limit_down, None);
    set(json!({"speed-limit-down": 200}));
    let settings = set(json!({"seedRatioLimit": 1.5, "seedRatioLimited": true, "idle-seeding-limit": 10}));
    assert_eq!(settings.seed_ratio.map(|ratio| ratio.as_thousandths()), Some(1500));
    let settings =
        set(json!({"download-queue-size": 3, "download-queue-enabled": true, "queue-stalled-minutes": 5}));
    assert_eq!((settings.max_downloads, settings.slow_after.as_secs()), (Some(3), 300));
    let settings =
        set(json!({"start-added-torrents": false, "rename-partial-files": true, "pex-enabled": false}));
    assert!(
        settings.start_paused && !settings.peer_exchange && settings.part_suffix.as_deref() == Some(".part")
    );
    set(json!({"encryption": "required"}));
    set(json!({"preferred_transports": ["tcp", "utp"]}));
    set(json!({"alt-speed-down": 30, "alt-speed-enabled": true}));
    set(json!({"alt-speed-enabled": false}));
    // What has no meaning here is given back.
    set(
        json!({"cache-size-mb": 8, "script-torrent-done-filename": "/bin/true", "default-trackers": "http://a/"}),
    );
}

#[test]
fn scheduled_limits_are_an_entry_of_the_schedule() {
    let rpc = Rpc::start(&[]);
    let own = ztor_api::SettingValue::List(vec!["daily 00:00-01:00 pause".into()]);
    rpc.fixture.runtime.block_on(rpc.fixture.daemon.change_setting("schedule", &own)).unwrap();
    let entries = || match rpc.fixture.daemon.setting("schedule").unwrap().value {
        ztor_api::SettingValue::List(entries) => entries,
        other => panic!("{other:?}"),
    };
    let on = json!({"alt-speed-time-enabled": true, "alt-speed-time-day": 62, "alt-speed-down": 30, "alt-speed-up": 5});
    rpc.good("session-set", &on);
    assert_eq!(entries().len(), 2);
    assert!(entries()[1].starts_with("mon-fri 09:00-17:00"), "{:?}", entries());
    assert_eq!(rpc.good("session-get", &json!({}))["alt-speed-time-enabled"], true);
    rpc.good("session-set", &json!({"alt-speed-time-begin": 600}));
    assert!(entries().len() == 2 && entries()[1].starts_with("mon-fri 10:00-17:00"), "{:?}", entries());
    rpc.good("session-set", &json!({"alt-speed-time-enabled": false}));
    assert_eq!(entries(), ["daily 00:00-01:00 pause"], "the entry of the user stays");
    assert_eq!(rpc.good("session-get", &json!({}))["alt-speed-time-enabled"], false);
}

#[test]
fn statistics_count_torrents_and_runs() {
    let rpc = Rpc::start(&[]);
    rpc.add(&torrent("a"), &json!({}));
    let stats = rpc.good("session-stats", &json!({}));
    assert_eq!((&stats["torrentCount"], &stats["cumulative-stats"]["sessionCount"]), (&json!(1), &json!(1)));
    assert_eq!(stats["cumulative-stats"]["filesAdded"], 2);
    let foreign = Foreign::new(&rpc.fixture.daemon, &rpc.fixture.access, &LogBuffer::default(), &about());
    let later = State::new(&foreign, None);
    let answer = rpc.fixture.runtime.block_on(later.session_stats(Dialect::JsonRpc)).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["cumulative_stats"]["session_count"], 2, "another run");
}

#[test]
fn free_space_of_a_missing_folder_has_an_answer_all_the_same() {
    let rpc = Rpc::start(&[]);
    let dir = rpc.fixture.folder.path().to_str().unwrap();
    let space = rpc.good("free-space", &json!({ "path": dir }));
    assert!(space["size-bytes"].as_u64().unwrap() > 0 && space["total_size"].as_u64().unwrap() > 0);
    let missing = rpc.legacy("free-space", &json!({"path": "/nonexistent"}));
    let expected = json!({"path": "/nonexistent", "size-bytes": -1, "total_size": -1});
    assert_eq!((&missing["result"], &missing["arguments"]), (&json!("No such file or directory"), &expected));
    assert_eq!(rpc.code("free_space", &json!({"path": "x"})), 3);
    assert_eq!(rpc.code("free_space", &json!({"path": "/nonexistent"})), 5);
    assert_eq!(rpc.code("free_space", &json!({})), -32602);
}

#[test]
fn groups_are_categories() {
    let rpc = Rpc::start(&[]);
    rpc.good("group-set", &json!({"name": "g", "speed-limit-down": 9, "speed-limit-down-enabled": true}));
    let group = &rpc.good("group-get", &json!({"name": ["g"]}))["group"][0];
    let expected = json!({
        "honorsSessionLimits": true, "name": "g", "speed-limit-down": 9, "speed-limit-down-enabled": true,
        "speed-limit-up": 100, "speed-limit-up-enabled": false,
    });
    assert_eq!(*group, expected);
    let categories = rpc.fixture.daemon.categories();
    assert_eq!((categories[0].path.as_str(), categories[0].limits.down_per_s), ("g", Some(9000)));
    assert_eq!(rpc.good("group-get", &json!({"group": "x"}))["group"].as_array().unwrap().len(), 1);
    assert_eq!(rpc.code("group_set", &json!({})), -32602);
}

#[test]
fn whole_is_closed_and_tested_as_far_as_it_is_known() {
    let rpc = Rpc::start(&[]);
    assert!(rpc.bad("port-test", &json!({})).contains("not known"));
    assert!(!rpc.fixture.daemon.is_asked_to_end());
    rpc.good("session-close", &json!({}));
    assert!(rpc.fixture.daemon.is_asked_to_end());
}

#[test]
fn methods_that_exist_are_known_in_both_dialects() {
    let rpc = Rpc::start(&[]);
    for method in METHODS {
        assert_ne!(rpc.call(method, &json!({}))["error"]["code"], -32601, "{method}");
        assert_ne!(rpc.legacy(&method.replace('_', "-"), &json!({}))["result"], "no method name", "{method}");
    }
}

#[test]
fn methods_that_do_not_exist_are_told() {
    let rpc = Rpc::start(&[]);
    assert_eq!(rpc.bad("nonsense", &json!({})), "no method name");
    assert_eq!(rpc.code("nonsense", &json!({})), -32601);
    assert_eq!(rpc.code("torrent-get", &json!({"fields": ["id"]})), -32601, "the name of the other dialect");
    rpc.good("torrent_get", &json!({"fields": ["id"]}));
}
