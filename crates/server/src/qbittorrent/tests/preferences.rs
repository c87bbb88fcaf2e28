//! Preferences that are settings of the daemon.

use super::*;
use serde_json::{Map, json};
use ztor_api::{SettingValue, WatchFolderEdit};

impl Server {
    fn setting(&self, key: &str) -> SettingValue {
        self.daemon.setting(key).unwrap().value
    }

    fn change(&self, key: &str, value: SettingValue) {
        self.runtime.block_on(self.daemon.change_setting(key, &value)).unwrap();
    }
}

impl Client {
    fn preferences(&self) -> Map<String, Value> {
        self.get("app/preferences").json().as_object().unwrap().clone()
    }

    /// Sends preferences, which are then as they were sent.
    #[track_caller]
    fn set(&self, changes: &Value) {
        self.send_preferences(changes);
        let found = self.preferences();
        for (key, value) in changes.as_object().unwrap() {
            assert_eq!(found[key], *value, "{key}");
        }
    }

    #[track_caller]
    fn send_preferences(&self, changes: &Value) {
        let text = changes.to_string();
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        assert_eq!(self.post("app/setPreferences", &format!("json={encoded}")).status, 200);
    }
}

#[test]
fn whole_page_of_preferences_sent_back_changes_nothing() {
    let server = Server::start(
        &[
            ("schedule", "mon,wed,sun 22:30-06:15 down=1MiB/s; sat 00:00-24:00 pause"),
            ("proxy", "socks5://me:secret-1@127.0.0.1:9"),
            ("proxy_for", "trackers, web_seeds"),
            ("ip_filter", "https://me:secret-2@127.0.0.1:9/list.gz"),
            ("announced_port", "7000"),
        ],
        None,
    );
    let client = server.client();
    let dir = server.folder.path().join("watched").to_str().unwrap().to_owned();
    let rich = WatchFolderEdit { recursive: true, tags: vec!["a".into()], ..WatchFolderEdit::default() };
    server.runtime.block_on(server.daemon.put_watch_folder(&dir, &rich)).unwrap();
    let before = (server.daemon.settings(), server.daemon.settings_changes().borrow().clone());
    let shown = client.preferences();
    assert!(!Value::Object(shown.clone()).to_string().contains("secret"), "{shown:?}");
    assert_eq!((&shown["scan_dirs"][&dir], &shown["announce_port"]), (&json!(1), &json!(7000)));
    client.set(&Value::Object(shown.clone()));
    assert_eq!(before, (server.daemon.settings(), server.daemon.settings_changes().borrow().clone()));
    assert_eq!(server.daemon.watch_folders()[0].settings(), rich);
    // Another page with one change leaves the rest alone.
    let mut changed = shown;
    changed.insert("schedule_to_min".into(), 45.into());
    changed.insert("proxy_misc".into(), true.into());
    client.set(&Value::Object(changed));
    let schedule = vec!["mon,wed,sun 22:30-06:45 down=1MiB/s".into(), "sat 00:00-24:00 pause".into()];
    assert_eq!(server.setting("schedule"), SettingValue::List(schedule));
    let uses = ["trackers", "web_seeds", "other"].map(str::to_owned).to_vec();
    assert_eq!(server.setting("proxy_for"), SettingValue::List(uses));
    let proxy = server.daemon.settings_changes().borrow().proxy.clone().unwrap();
    assert_eq!(proxy.secret_url(), "socks5://me:secret-1@127.0.0.1:9");
    server.end();
}

#[test]
fn scheduler_is_an_entry_of_the_schedule() {
    let server = Server::start(&[], None);
    let client = server.client();
    server.change("schedule", SettingValue::List(vec!["sat 00:00-01:00 pause".into()]));
    assert_eq!(client.preferences()["scheduler_enabled"], false);
    client.set(&json!({"scheduler_days": 2, "schedule_from_hour": 7, "schedule_to_min": 5}));
    let pause = vec!["sat 00:00-01:00 pause".to_owned()];
    assert_eq!(server.setting("schedule"), SettingValue::List(pause.clone()), "it is off");
    client.set(&json!({"scheduler_enabled": true, "alt_dl_limit": 5120}));
    let both = |own: &str| SettingValue::List([&pause[..], &[own.to_owned()]].concat());
    assert_eq!(server.setting("schedule"), both("sat,sun 07:00-20:05 down=5KiB/s"));
    client.set(&json!({"alt_up_limit": 1024, "schedule_to_hour": 0, "schedule_to_min": 0}));
    assert_eq!(server.setting("schedule"), both("sat,sun 07:00-24:00 down=5KiB/s up=1KiB/s"));
    client.set(&json!({"scheduler_enabled": false}));
    assert_eq!(server.setting("schedule"), SettingValue::List(pause.clone()));
    assert_eq!(client.preferences()["schedule_from_hour"], 7, "kept while it is off");
    client.set(&json!({"scheduler_enabled": true}));
    assert_eq!(server.setting("schedule"), both("sat,sun 07:00-24:00 down=5KiB/s up=1KiB/s"));
    server.end();
}

#[test]
fn proxy_is_the_proxy_and_its_password_is_never_shown() {
    let server = Server::start(&[], None);
    let client = server.client();
    let url = || server.daemon.settings_changes().borrow().proxy.as_ref().map(|proxy| proxy.secret_url());
    client.send_preferences(&json!({"proxy_type": "SOCKS5", "proxy_ip": "127.0.0.1", "proxy_port": 9,
        "proxy_auth_enabled": true, "proxy_username": "me", "proxy_password": "secret"}));
    assert_eq!(url().as_deref(), Some("socks5://me:secret@127.0.0.1:9"));
    assert_eq!(client.preferences()["proxy_password"], "***");
    client.set(&json!({"proxy_type": "None"}));
    assert_eq!((url(), &client.preferences()["proxy_password"]), (None, &json!("***")));
    client.set(&json!({"proxy_type": "HTTP"}));
    assert_eq!(url().as_deref(), Some("http://me:secret@127.0.0.1:9"));
    client.set(&json!({"proxy_auth_enabled": false}));
    assert_eq!(url().as_deref(), Some("http://127.0.0.1:9"));
    client.set(&json!({"proxy_auth_enabled": true}));
    assert_eq!(url().as_deref(), Some("http://me:secret@127.0.0.1:9"));
    client.set(&json!({"proxy_port": 10}));
    assert_eq!(url().as_deref(), Some("http://me@127.0.0.1:10"), "not for another account");
    assert_eq!(client.preferences()["proxy_password"], "");
    // A proxy that cannot be used changes nothing.
    client.send_preferences(&json!({"proxy_ip": "a b"}));
    assert_eq!(url().as_deref(), Some("http://me@127.0.0.1:10"));
    assert_eq!(client.preferences()["proxy_ip"], "127.0.0.1");
    client.send_preferences(&json!({"mail_notification_password": "secret", "dyndns_password": "secret"}));
    let shown = client.preferences();
    assert_eq!([&shown["mail_notification_password"], &shown["dyndns_password"]], [&json!("***"); 2]);
    client.set(&json!({"mail_notification_password": "", "dyndns_password": ""}));
    server.end();
}

#[test]
fn filter_that_is_switched_off_and_on_keeps_its_credentials() {
    let url = "https://me:secret@127.0.0.1:9/list.gz";
    let server = Server::start(&[("ip_filter", url)], None);
    let client = server.client();
    let source =
        || server.daemon.settings_changes().borrow().ip_filter.as_ref().map(|known| known.secret_text());
    let shown = client.preferences()["ip_filter_path"].clone();
    client.set(&json!({"ip_filter_enabled": false}));
    assert_eq!((source(), &client.preferences()["ip_filter_path"]), (None, &shown));
    client.set(&json!({"ip_filter_enabled": true, "ip_filter_path": shown}));
    assert_eq!(source().as_deref(), Some(url));
    server.end();
}

#[test]
fn scan_folders_are_the_watched_folders() {
    let server = Server::start(&[], None);
    let client = server.client();
    let dir = |name: &str| {
        let dir = server.folder.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir.to_str().unwrap().to_owned()
    };
    let (own, general, other) = (dir("own"), dir("general"), dir("other"));
    client.set(&json!({"scan_dirs": {&own: 0, &general: 1, &other: "/nonexistent/x"}}));
    let paths = |server: &Server| -> Vec<Option<String>> {
        server.daemon.watch_folders().into_iter().map(|folder| folder.save_path).collect()
    };
    assert_eq!(paths(&server), [None, Some("/nonexistent/x".into()), Some(own.clone())]);
    client.set(&json!({"scan_dirs": {&general: 0}}));
    assert_eq!(paths(&server), [Some(general.clone())]);
    // What cannot be watched is left out.
    client.send_preferences(&json!({"scan_dirs": {"relative": 1, &general: 0, &other: {"odd": 1}}}));
    assert_eq!(paths(&server), [Some(general)]);
    // It works: a torrent in a watched folder is added.
    client.set(&json!({"scan_dirs": {&own: 0}}));
    std::fs::write(server.folder.path().join("own/a.torrent"), torrent("seen")).unwrap();
    client.until(|list| list.iter().any(|row| row["name"] == "seen" && row["save_path"] == own.as_str()));
    server.end();
}
