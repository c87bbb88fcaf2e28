//! Torrents, their changes and updates.

use super::*;

fn one(client: &Client) -> Value {
    client.get("torrents/info").json()[0].clone()
}

#[test]
fn torrent_is_added_changed_and_removed() {
    let server = Server::start(&[], None);
    let client = server.client();
    let fields = [
        ("category", "tv/new"),
        ("tags", "b, a"),
        ("stopped", "True"),
        ("ratioLimit", "1.5"),
        ("seedingTimeLimit", "1440"),
        ("dlLimit", "2048"),
        ("rename", "another name"),
        ("contentLayout", "NoSubfolder"),
        ("useDownloadPath", "true"),
        ("downloadPath", "incomplete"),
        ("skip_checking", "true"),
    ];
    assert_eq!(client.post_files("torrents/add", &fields, &[&torrent("show")]).text(), "Ok.");
    assert_eq!(
        client.post_files("torrents/add", &fields, &[&torrent("show")]).text(),
        "Fails.",
        "a duplicate"
    );
    client.until(|list| list[0]["state"] == "stoppedDL");
    let row = one(&client);
    for (key, value) in [
        ("category", "tv/new".into()),
        ("tags", "a, b".into()),
        ("ratio_limit", 1.5.into()),
        ("seeding_time_limit", 1440.into()),
        ("inactive_seeding_time_limit", Value::from(-2)),
        ("dl_limit", 2048.into()),
        ("name", "another name".into()),
        ("size", 30.into()),
        ("private", false.into()),
        ("progress", 0.into()),
    ] {
        assert_eq!(row[key], value, "{key}");
    }
    let dir = server.folder.path().to_str().unwrap();
    assert_eq!(row["save_path"], dir);
    assert_eq!(row["download_path"], format!("{dir}/incomplete"));
    let hash = row["hash"].as_str().unwrap();
    let names = |client: &Client| -> Vec<String> {
        let files = client.get(&format!("torrents/files?hash={hash}")).json();
        files.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&client), ["a.txt", "sub/b.txt"]);
    let form = format!("hash={hash}&id=1&priority=7");
    assert_eq!(client.post("torrents/filePrio", &form).status, 200);
    let files = client.get(&format!("torrents/files?hash={hash}")).json();
    assert_eq!((&files[0]["priority"], &files[1]["priority"]), (&1.into(), &7.into()));
    for (action, form, status) in [
        ("addTags", "tags=c", 200),
        ("removeTags", "tags=a", 200),
        ("setCategory", "category=none", 409),
        ("setCategory", "category=", 200),
        ("setShareLimits", "ratioLimit=-1&seedingTimeLimit=-2", 200),
        ("setShareLimits", "ratioLimit=-1", 400),
        ("setUploadLimit", "limit=4096", 200),
        ("toggleSequentialDownload", "", 200),
        ("addPeers", "peers=nonsense", 400),
        ("addPeers", "peers=127.0.0.1:9", 200),
    ] {
        let form = format!("hashes={hash}&{form}");
        assert_eq!(client.post(&format!("torrents/{action}"), &form).status, status, "{action} {form}");
    }
    let row = one(&client);
    let changed =
        ["tags", "category", "ratio_limit", "up_limit", "dl_limit", "seq_dl"].map(|key| row[key].clone());
    assert_eq!(Value::from(changed.to_vec()), serde_json::json!(["b, c", "", -1, 4096, 2048, true]));
    for (action, form, status) in [
        ("addTrackers", "urls=127.0.0.1%0Ahttp://t.example/a", 200),
        ("editTracker", "origUrl=127.0.0.1&newUrl=http://t.example/a", 409),
        ("editTracker", "origUrl=none&newUrl=x", 409),
        ("removeTrackers", "urls=http://t.example/a", 200),
        ("removeTrackers", "urls=http://t.example/a", 409),
        ("renameFile", "oldPath=a.txt&newPath=c.txt", 200),
        ("renameFile", "oldPath=none&newPath=d.txt", 409),
    ] {
        let form = format!("hash={hash}&{form}");
        assert_eq!(client.post(&format!("torrents/{action}"), &form).status, status, "{action} {form}");
    }
    let trackers = client.get(&format!("torrents/trackers?hash={hash}")).json();
    assert_eq!(trackers.as_array().unwrap().len(), 4);
    assert_eq!(trackers[3]["url"], "127.0.0.1");
    assert_eq!(client.get("torrents/properties?hash=none").status, 404);
    assert_eq!(client.post("torrents/delete", &format!("hashes={hash}|none")).status, 200);
    assert_eq!(client.get("torrents/count").text(), "0");
    server.end();
}

#[test]
fn magnet_link_has_an_absolute_content_path_at_once() {
    let server = Server::start(&[], None);
    let client = server.client();
    let link = format!(
        "urls=magnet:?xt=urn:btih:{}%26dn=a/b&stopped=true&stopCondition=MetadataReceived",
        "a".repeat(40)
    );
    assert_eq!(client.post("torrents/add", &link).text(), "Ok.");
    let row = one(&client);
    let path = row["content_path"].as_str().unwrap();
    assert!(path.starts_with('/') && path != row["save_path"], "{row}");
    assert_eq!((&row["private"], &row["has_metadata"]), (&Value::Null, &false.into()));
    assert_eq!(client.post("torrents/add", "urls=nonsense").text(), "Fails.");
    assert_eq!(client.post("torrents/add", "").text(), "Fails.");
    server.end();
}

#[test]
fn updates_have_what_has_changed_for_each_session() {
    let server = Server::start(&[], None);
    let (client, other) = (server.client(), server.client());
    let full = client.get("sync/maindata").json();
    assert_eq!((&full["rid"], &full["full_update"]), (&1.into(), &true.into()));
    assert!(full["server_state"]["queueing"].is_boolean());
    client.post_files("torrents/add", &[("stopped", "true")], &[&torrent("one")]);
    client.until(|list| list[0]["state"] == "stoppedDL");
    let hash = one(&client)["hash"].as_str().unwrap().to_owned();
    let update = client.get("sync/maindata?rid=1").json();
    assert!(update.get("full_update").is_none());
    assert_eq!(update["torrents"][&hash]["name"], "one");
    // The answer was lost, and something else has happened.
    client.post("torrents/createTags", "tags=new");
    let again = client.get("sync/maindata?rid=1").json();
    assert_eq!((&again["rid"], &again["torrents"][&hash]["name"]), (&3.into(), &"one".into()));
    assert_eq!(again["tags"], serde_json::json!(["new"]));
    client.post("torrents/rename", &format!("hash={hash}&name=two"));
    let next = client.get("sync/maindata?rid=3").json();
    assert_eq!(next["torrents"][&hash], serde_json::json!({"name": "two"}));
    assert!(next.get("tags").is_none());
    assert_eq!(other.get("sync/maindata?rid=3").json()["full_update"], true);
    client.post("torrents/delete", &format!("hashes={hash}&deleteFiles=false"));
    assert_eq!(client.get("sync/maindata?rid=4").json()["torrents_removed"], serde_json::json!([hash]));
    assert_eq!(client.get("sync/torrentPeers?hash=none").status, 404);
    server.end();
}

#[test]
fn preferences_are_settings_or_kept() {
    let server = Server::start(&[], None);
    let client = server.client();
    let all = client.get("app/preferences").json();
    assert_eq!(all.as_object().unwrap().len(), 221);
    assert!(all.get("web_ui_password").is_none());
    let changes = serde_json::json!({
        "dl_limit": 512_000, "dht": !all["dht"].as_bool().unwrap(), "max_ratio": 2, "max_ratio_enabled": true,
        "locale": "de", "queueing_enabled": false, "no_such_key": 1, "max_connec": "text", "banned_IPs": "192.0.2.1",
        "rss_smart_episode_filters": "a+b&c=%d"
    });
    assert_eq!(client.post("app/setPreferences", &format!("json={changes}")).status, 200);
    let now = client.get("app/preferences").json();
    for key in [
        "dl_limit",
        "dht",
        "max_ratio_enabled",
        "locale",
        "queueing_enabled",
        "banned_IPs",
        "rss_smart_episode_filters",
    ] {
        assert_eq!(now[key], changes[key], "{key}");
    }
    assert_eq!((&now["max_ratio"], &now["max_connec"]), (&2.0.into(), &all["max_connec"]));
    assert_eq!(server.daemon.settings_changes().borrow().limit_down, Some(512_000));
    assert_eq!(client.post("torrents/topPrio", "hashes=all").status, 409, "there is no queue");
    // A whole page of present values changes nothing.
    let before = server.daemon.settings();
    client.post("app/setPreferences", &format!("json={now}"));
    assert_eq!(client.get("app/preferences").json(), now);
    assert_eq!(server.daemon.settings(), before);
    client.post("app/setPreferences", "json={\"queueing_enabled\":true,\"banned_IPs\":\"\"}");
    let last = client.get("app/preferences").json();
    for key in ["max_active_downloads", "max_active_uploads", "max_active_torrents", "banned_IPs"] {
        assert_eq!(last[key], all[key], "{key}");
    }
    server.end();
}

#[test]
fn long_answers_are_compressed_if_asked() {
    let server = Server::start(&[], None);
    let client = server.client();
    let packed = client.send("GET", "app/preferences", &[("accept-encoding", "gzip")], b"");
    assert!(packed.head.contains("content-encoding: gzip"));
    let mut plain = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, client.get("app/preferences").text());
    assert!(!client.send("GET", "app/version", &[("accept-encoding", "gzip")], b"").head.contains("gzip"));
    server.end();
}

#[test]
fn torrent_file_is_fetched_with_the_cookie_of_the_request() {
    let server = Server::start(&[], None);
    let client = server.client();
    let files = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.torrent", files.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = files.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let body = torrent("fetched");
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(&[answer.as_bytes(), &body].concat()).unwrap();
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    });
    let form = format!("urls={}&cookie=key%3Dopen%3B+lang%3Den&stopped=true", url.replace(':', "%3A"));
    assert_eq!(client.post("torrents/add", &form).text(), "Ok.");
    client.until(|list| list.iter().any(|row| row["name"] == "fetched"));
    let head = serving.join().unwrap();
    assert!(head.contains("\r\ncookie: key=open; lang=en\r\n"), "{head}");
    server.end();
}

#[test]
fn shutdown_asks_the_daemon_to_end_after_its_answer() {
    let server = Server::start(&[], None);
    let client = server.client();
    assert_eq!(client.get("app/shutdown").status, 405);
    assert!(!server.daemon.is_asked_to_end());
    assert_eq!(client.post("app/shutdown", "").status, 200);
    assert!(server.daemon.is_asked_to_end());
    server.end();
}

#[test]
fn automatic_management_is_kept_with_the_torrent_and_ends_with_it() {
    let server = Server::start(&[], None);
    let client = server.client();
    let add = || {
        assert_eq!(
            client.post_files("torrents/add", &[("stopped", "true")], &[&torrent("show")]).text(),
            "Ok."
        );
        client.until(|list| list.first().is_some_and(|row| row["state"] == "stoppedDL"));
        assert_eq!(one(&client)["auto_tmm"], false);
    };
    add();
    let hash = one(&client)["hash"].as_str().unwrap().to_owned();
    let rid = client.get("sync/maindata").json()["rid"].clone();
    let form = format!("hashes={hash}&enable=true");
    assert_eq!(client.post("torrents/setAutoManagement", &form).status, 200);
    let update = client.get(&format!("sync/maindata?rid={rid}")).json();
    assert_eq!(update["torrents"][&hash]["auto_tmm"], true, "{update}");
    assert_eq!(one(&client)["auto_tmm"], true);
    assert_eq!(client.post("torrents/delete", &format!("hashes={hash}&deleteFiles=false")).status, 200);
    client.until(<[Value]>::is_empty);
    add();
    server.end();
}

#[test]
fn changed_goals_of_settings_and_categories_show_in_lists() {
    let server = Server::start(&[], None);
    let client = server.client();
    let fields = [("stopped", "true"), ("category", "tv")];
    assert_eq!(client.post_files("torrents/add", &fields, &[&torrent("show")]).text(), "Ok.");
    client.until(|list| list.first().is_some_and(|row| row["state"] == "stoppedDL"));
    assert_eq!(one(&client)["max_ratio"], -1);
    let rid = client.get("sync/maindata").json()["rid"].clone();
    let json = r#"json={"max_ratio_enabled":true,"max_ratio":1.5}"#;
    assert_eq!(client.post("app/setPreferences", json).status, 200);
    assert_eq!(one(&client)["max_ratio"], 1.5);
    let hash = one(&client)["hash"].as_str().unwrap().to_owned();
    let update = client.get(&format!("sync/maindata?rid={rid}")).json();
    assert_eq!(update["torrents"][&hash], serde_json::json!({"max_ratio": 1.5}), "{update}");
    let goals = ztor_api::Goals { ratio: ztor_api::Goal::At(3.0), ..ztor_api::Goals::default() };
    let edit = ztor_api::CategoryEdit { goals, ..ztor_api::CategoryEdit::default() };
    assert!(!server.runtime.block_on(server.daemon.put_category("tv", &edit)).unwrap());
    assert_eq!(one(&client)["max_ratio"], 3);
    server.end();
}

#[test]
fn created_torrent_is_written_where_a_client_wants_it_and_replaces_nothing() {
    let server = Server::start(&[], None);
    let client = server.client();
    let folder = server.folder.path();
    std::fs::create_dir(folder.join("source")).unwrap();
    std::fs::write(folder.join("source/a"), b"content").unwrap();
    let add = |output: &std::path::Path| {
        let pairs = [("sourcePath", folder.join("source")), ("torrentFilePath", output.to_owned())];
        let pairs = pairs.iter().map(|(name, path)| (*name, path.to_str().unwrap()));
        client.post(
            "torrentcreator/addTask",
            &url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
        )
    };
    // In the source, where an earlier one is no content.
    let output = folder.join("source/made.torrent");
    let ended = |answer: &Answer| {
        let id = answer.json()["taskID"].as_str().unwrap().to_owned();
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let status = client.get(&format!("torrentcreator/status?taskID={id}")).json()[0].clone();
            if status["status"] == "Finished" || status["status"] == "Failed" {
                return (id, status);
            }
            assert!(Instant::now() < end, "{status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let (id, status) = ended(&add(&output));
    assert_eq!(status["status"], "Finished", "{status}");
    let written = std::fs::read(&output).unwrap();
    assert_eq!(written, client.get(&format!("torrentcreator/torrentFile?taskID={id}")).body);
    let (_, status) = ended(&add(&output));
    assert_eq!(status["status"], "Failed", "{status}");
    assert!(status["errorMessage"].as_str().unwrap().contains("cannot write the torrent file"), "{status}");
    assert_eq!(std::fs::read(&output).unwrap(), written);
    for bad in ["relative.torrent", "/nonexistent/x", "/"] {
        assert_eq!(add(std::path::Path::new(bad)).status, 400, "{bad}");
    }
    assert_eq!(ended(&add(std::path::Path::new("/nonexistent/x.torrent"))).1["status"], "Failed");
    server.end();
}

#[test]
fn availability_of_files_is_a_fraction() {
    let server = Server::start(&[], None);
    let client = server.client();
    assert_eq!(client.post_files("torrents/add", &[("stopped", "true")], &[&torrent("show")]).text(), "Ok.");
    client.until(|list| list.first().is_some_and(|row| row["state"] == "stoppedDL"));
    let hash = one(&client)["hash"].as_str().unwrap().to_owned();
    let files = client.get(&format!("torrents/files?hash={hash}")).json();
    assert_eq!([&files[0]["availability"], &files[1]["availability"]], [0.0; 2], "no peer has them");
    let properties = client.get(&format!("torrents/properties?hash={hash}")).json();
    assert_eq!((&properties["dl_speed_avg"], &properties["up_speed_avg"]), (&0.into(), &0.into()));
    server.end();
}

#[test]
fn folder_of_incomplete_files_does_not_become_the_save_path() {
    let server = Server::start(&[], None);
    let client = server.client();
    let dir = |name: &str| server.folder.path().join(name).to_str().unwrap().to_owned();
    let fields = [("stopped", "true"), ("savepath", &*dir("done")), ("downloadPath", &*dir("one"))];
    assert_eq!(client.post_files("torrents/add", &fields, &[&torrent("show")]).text(), "Ok.");
    client.until(|list| list.first().is_some_and(|row| row["state"] == "stoppedDL"));
    let hash = one(&client)["hash"].as_str().unwrap().to_owned();
    // The torrent is loaded again, as after a restart, and its files are in the folder of incomplete ones.
    for name in ["two", "three"] {
        let form = format!("id={hash}&path={}", dir(name));
        assert_eq!(client.post("torrents/setDownloadPath", &form).status, 200);
        let row = one(&client);
        assert_eq!((&row["save_path"], &row["download_path"]), (&dir("done").into(), &dir(name).into()));
    }
    server.end();
}
