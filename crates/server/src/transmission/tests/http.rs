//! The order of the checks, and what requests may be.

use super::*;

#[test]
fn checks_come_in_the_order_that_clients_know() {
    let rpc = Rpc::start(&[]);
    let status = |ask: Ask| rpc.ask(ask).status;
    let to = |line: &str, path: &str| Ask::to(line).path(path).basic("ztor", PASSWORD);
    // Whoever asks in advance has no credentials.
    let preflight = rpc.ask(Ask::to("OPTIONS /").path("/transmission/rpc"));
    assert_eq!(preflight.status, 200);
    assert!(preflight.headers["access-control-allow-headers"].to_str().unwrap().contains("X-Transmission"));
    // A wrong password comes before a missing session id.
    let refused = rpc.ask(Ask::to("POST /").path("/transmission/rpc").json("{}").basic("ztor", "wrong"));
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["www-authenticate"], "Basic realm=\"Transmission\"");
    assert_eq!(status(Ask::to("GET /").path("/transmission/rpc")), 401);
    let moved = rpc.ask(to("GET /", "/x"));
    assert_eq!((moved.status, &moved.headers["location"]), (301, &"/transmission/web/".parse().unwrap()));
    assert_eq!(status(to("GET /", "/transmission/web")), 301);
    assert_eq!(status(to("GET /", "/transmission/web/")), 404, "no folder is set");
    assert_eq!(status(to("POST /", "/transmission/other")), 404);
    assert_eq!(status(to("POST /", "/transmission//rpc")), 404);
    assert_eq!(status(to("GET /", "/transmission/rpc")), 409);
    assert_eq!(status(to("GET /", "/transmission/rpc").header("x-transmission-session-id", "stale")), 409);
    assert_eq!(status(to("GET /", "/transmission/rpc").header("x-transmission-session-id", &rpc.id)), 405);
    let slash = rpc.post(r#"{"method":"session-get"}"#).path("/transmission/rpc/");
    assert_eq!(status(slash), 200);
}

#[test]
fn conflict_has_the_session_id_and_the_version() {
    let rpc = Rpc::start(&[]);
    let answer = rpc.ask(Ask::to("GET /").path("/transmission/rpc").basic("ztor", PASSWORD));
    assert_eq!(answer.headers["x-transmission-session-id"], rpc.id.as_str());
    assert_eq!(answer.headers["x-transmission-rpc-version"], "6.0.1");
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(answer.body.contains(&rpc.id));
}

#[test]
fn banned_address_is_refused_with_403_until_the_ban_ends() {
    let rpc = Rpc::start(&[("login_attempts", "2")]);
    let from = |ask: Ask| rpc.ask(ask.from("127.0.0.2")).status;
    let try_with =
        |password: &str| from(Ask::to("POST /").path("/transmission/rpc").json("{}").basic("ztor", password));
    assert_eq!([try_with("wrong"), try_with("wrong"), try_with("wrong")], [401, 401, 403]);
    assert_eq!(try_with(PASSWORD), 403, "the right one does not count during a ban");
    assert_eq!(from(Ask::to("OPTIONS /").path("/transmission/rpc")), 403);
    assert_eq!(from(Ask::to("GET /").path("/transmission/rpc")), 403);
    assert_eq!(rpc.ask(rpc.post("{}")).status, 200, "others are not concerned");
}

#[test]
fn token_is_taken_as_a_password() {
    let rpc = Rpc::start(&[]);
    let added = rpc.fixture.runtime.block_on(rpc.fixture.access.add_token("sonarr"));
    let token = added.unwrap().token;
    let ask = Ask::to("POST /").path("/transmission/rpc").json("{}").basic("anyone", &token);
    assert_eq!(rpc.ask(ask).status, 409);
}

#[test]
fn answer_is_compressed_for_those_who_take_it() {
    let rpc = Rpc::start(&[]);
    let ask = rpc.post(r#"{"method":"session-get"}"#).header("accept-encoding", "gzip, deflate");
    let answer = rpc.ask(ask);
    assert_eq!((answer.status, answer.headers["content-encoding"].to_str().unwrap()), (200, "gzip"));
    let plain = rpc.ask(rpc.post(r#"{"method":"session-get"}"#));
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(plain.headers["content-type"], "application/json; charset=UTF-8");
}

#[test]
fn malformed_requests_are_answered_and_never_with_a_fault_of_the_server() {
    let rpc = Rpc::start(&[]);
    let deep = format!(r#"{{"method":"torrent-get","arguments":{}"#, "[".repeat(200_000));
    let wide = format!(r#"{{"method":"torrent-get","arguments":{{"fields":[{}1]}}}}"#, "1,".repeat(100_000));
    let mut bodies = vec![deep, wide];
    let odd = [
        "",
        "{",
        "3",
        "null",
        "\"x\"",
        "[]",
        "[[]]",
        "{}",
        r#"{"method":3}"#,
        r#"{"method":"x","arguments":[]}"#,
    ];
    bodies.extend(odd.map(str::to_owned));
    let values = [
        "null",
        "true",
        "-1",
        "1e999",
        "\"\"",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "18446744073709551615",
        "\"\\u0000\"",
    ];
    let methods = [
        ("torrent-add", "filename"),
        ("torrent-add", "metainfo"),
        ("torrent-add", "labels"),
        ("torrent-get", "ids"),
        ("torrent-get", "fields"),
        ("torrent-set", "ids"),
        ("torrent-set", "labels"),
        ("torrent-set", "trackerReplace"),
        ("torrent-set", "files-wanted"),
        ("torrent-set-location", "location"),
        ("torrent-rename-path", "path"),
        ("torrent-remove", "ids"),
        ("session-set", "peer-limit-global"),
        ("session-set", "preferred_transports"),
        ("session-get", "fields"),
        ("free-space", "path"),
        ("group-set", "name"),
        ("group-get", "name"),
        ("queue-move-top", "ids"),
    ];
    for (method, key) in methods {
        for value in values {
            bodies.push(format!(r#"{{"method":"{method}","arguments":{{"{key}":{value}}}}}"#));
        }
    }
    for body in bodies {
        let answer = rpc.ask(rpc.post(&body));
        let shown = body.get(..80).unwrap_or(&body);
        assert_eq!(answer.status, 200, "{shown}");
        serde_json::from_str::<Value>(&answer.body).unwrap_or_else(|error| panic!("{shown}: {error}"));
    }
}

#[test]
fn files_of_a_web_client_are_served_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("web")).unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    std::fs::write(dir.path().join("web/index.html"), "page").unwrap();
    std::fs::write(dir.path().join("web/app.js"), "code").unwrap();
    std::os::unix::fs::symlink("../secret", dir.path().join("web/link")).unwrap();
    let rpc = Rpc::with_web(&[], Some(dir.path().join("web")));
    let to = |line: &str, path: &str| rpc.ask(Ask::to(line).path(path).basic("ztor", PASSWORD));
    let page = to("GET /", "/transmission/web/");
    assert_eq!((page.status, page.body.as_str()), (200, "page"));
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let head = to("HEAD /", "/transmission/web/app.js");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(to("POST /", "/transmission/web/app.js").status, 405);
    for path in ["link", "missing", "..%2fsecret", "%2e%2e/secret", "/etc/passwd"] {
        assert_eq!(to("GET /", &format!("/transmission/web/{path}")).status, 404, "{path}");
    }
    assert_eq!(rpc.ask(Ask::to("GET /").path("/transmission/web/")).status, 401);
}
