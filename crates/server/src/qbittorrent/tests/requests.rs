//! Logins, sessions, and requests that are refused.

use super::*;
use crate::qbittorrent::endpoints;

#[test]
fn session_is_needed_for_all_but_the_login() {
    let server = Server::start(&[], None);
    let mut client = server.stranger();
    for path in ["app/version", "torrents/nothing", "nothing/at/all", "auth/logout"] {
        assert_eq!(client.post(path, "").status, 403, "{path}");
    }
    assert_eq!(client.log_in("wrong").text(), "Fails.");
    assert!(client.cookie.is_none());
    assert_eq!(client.log_in(PASSWORD).text(), "Ok.");
    assert!(client.cookie.as_ref().unwrap().contains("; httponly; samesite=strict; path=/"));
    assert_eq!(client.get("app/version").text(), "v5.1.4");
    assert_eq!(client.get("app/webapiVersion").text(), "2.11.4");
    assert_eq!(client.log_in("wrong").text(), "Ok.", "any credentials do in a session");
    let mut again = server.client();
    assert_eq!(again.send("GET", "app/version", &[("authorization", "Basic eDp5")], b"").status, 200);
    assert_eq!(again.post("auth/logout", "").status, 200);
    assert_eq!(again.get("app/version").status, 403);
    again.cookie = Some("SID=nonsense".into());
    assert_eq!(again.get("app/version").status, 403);
    server.end();
}

#[test]
fn session_ends_with_its_credentials() {
    let server = Server::start(&[], None);
    let access = server.listening.access_for_tests();
    let token = server.runtime.block_on(access.add_token("arr")).unwrap().token;
    let stranger = server.stranger();
    let bearer = format!("Bearer {token}");
    let with_token = |path: &str| stranger.send("GET", path, &[("authorization", &bearer)], b"").status;
    assert_eq!(with_token("app/version"), 200);
    assert_eq!(with_token("auth/login"), 405);
    let mut client = server.stranger();
    assert_eq!(client.log_in(&token).text(), "Ok.", "a token is a password");
    assert_eq!(client.get("app/version").status, 200);
    server.runtime.block_on(access.remove_token("arr")).unwrap();
    assert_eq!(client.get("app/version").status, 403);
    assert_eq!(with_token("app/version"), 403);
    server.end();
}

#[test]
fn banned_address_is_forbidden() {
    let server = Server::start(&[("login_attempts", "2")], None);
    let good = server.client();
    let mut client = server.stranger();
    assert_eq!(client.log_in("wrong").text(), "Fails.");
    assert_eq!(client.log_in("wrong again").text(), "Fails.");
    assert_eq!(client.log_in(PASSWORD).status, 403);
    assert_eq!(good.get("app/version").status, 200, "a good cookie passes");
    server.end();
}

#[test]
fn requests_of_other_sites_and_hosts_are_unauthorized() {
    let server = Server::start(&[], None);
    let client = server.client();
    let own = format!("http://{}", client.addr);
    for (name, value, status) in [
        ("origin", own.as_str(), 200),
        ("origin", "http://evil.example", 401),
        ("origin", "null", 401),
        ("referer", &format!("{own}/page"), 200),
        ("referer", "http://evil.example/", 401),
        ("referer", "nonsense", 401),
        ("host", "evil.example", 401),
        ("host", "localhost", 200),
    ] {
        assert_eq!(
            client.send("GET", "app/version", &[(name, value)], b"").status,
            status,
            "{name}: {value}"
        );
    }
    server.end();
}

#[test]
fn endpoints_have_their_methods_and_missing_parameters_are_bad() {
    let server = Server::start(&[], None);
    let client = server.client();
    for (scope, action, mutates) in endpoints::all() {
        let path = format!("{scope}/{action}");
        assert_eq!(client.send("PUT", &path, &[], b"").status, 405, "{path}");
        if mutates {
            assert_eq!(client.get(&path).status, 405, "{path}");
        }
        if action == "shutdown" {
            continue;
        }
        // Without parameters, and with nonsense for all of them.
        let nonsense: String = [
            "hashes", "hash", "id", "urls", "category", "tags", "limit", "json", "peers", "value", "oldPath",
        ]
        .iter()
        .map(|name| format!("{name}=%00%FF..%2F..%2F&"))
        .collect();
        for form in ["", &nonsense] {
            let status = client.post(&path, form).status;
            assert!(matches!(status, 200 | 400 | 404 | 409 | 415), "{path} {form}: {status}");
        }
        let status = client.get(&format!("{path}?{nonsense}")).status;
        assert!(status < 500, "{path}: {status}");
    }
    for path in ["nothing/info", "torrents/nothing", "torrents", "torrents/info/more"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(client.post("torrents/delete", "").text(), "Bad Request");
    server.end();
}

#[test]
fn malformed_bodies_get_an_answer() {
    let server = Server::start(&[], None);
    let client = server.client();
    let chunked = [("transfer-encoding", "chunked"), ("content-type", "application/x-www-form-urlencoded")];
    let body = b"9\r\nhashes=al\r\n1\r\nl\r\n0\r\n\r\n";
    assert_eq!(client.send("POST", "torrents/stop", &chunked, body).status, 200);
    let multipart = [("content-type", "multipart/form-data; boundary=B")];
    for body in [
        "",
        "--B",
        "--B\r\n\r\n",
        "--B--",
        "\0",
        "--B\r\nContent-Disposition: form-data; name=\"urls\"\r\n\r\nx",
    ] {
        let status = client.send("POST", "torrents/add", &multipart, body.as_bytes()).status;
        assert!((200..500).contains(&status), "{body:?}: {status}");
    }
    assert_eq!(
        client.send("POST", "torrents/add", &[("content-type", "multipart/form-data")], b"x").status,
        400
    );
    let long = format!("username={}", "x".repeat(20 << 10));
    let mut stranger = server.stranger();
    stranger.cookie = None;
    assert_eq!(stranger.post("auth/login", &long).status, 413);
    assert_eq!(client.post("app/setPreferences", "json={bad").status, 200);
    assert_eq!(client.post_files("torrents/add", &[], &[b"no torrent"]).status, 415);
    server.end();
}

#[test]
fn web_ui_is_public_and_the_api_is_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("public")).unwrap();
    std::fs::write(folder.path().join("public/index.html"), "<p>page").unwrap();
    let server = Server::start(&[], Some(folder.path().to_owned()));
    let client = server.stranger();
    let page = client.get("/");
    assert_eq!((page.status, page.text().as_str()), (200, "<p>page"));
    assert!(page.head.contains("content-security-policy: default-src 'self'"));
    for path in ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/public/..%2f..%2fx", "/none.js"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(client.post("/", "").status, 405);
    server.end();
}
