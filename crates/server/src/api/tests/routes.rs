//! Every route with every kind of bad request.

use super::fixture::{Ask, Fixture};
use crate::api::table;
use axum::http::header;
use std::collections::BTreeMap;
use ztor_api::ProblemKind;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

/// Returns the concrete paths of all routes.
fn paths() -> Vec<String> {
    let fill = |path: &str| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    table().iter().map(|(path, _)| fill(path)).collect()
}

fn token(fixture: &Fixture) -> String {
    let made = fixture.ask(Ask::to("POST /tokens").local().json(r#"{"name":"test"}"#)).json();
    made["token"].as_str().unwrap().to_owned()
}

/// Returns the methods of each route, as the answers to all methods say.
fn methods(fixture: &Fixture, token: &str) -> BTreeMap<String, Vec<&'static str>> {
    let has = |path: &str, method: &str| {
        fixture.ask(Ask::to(&format!("{method} {path}")).bearer(token)).status != 405
    };
    let of = |path: String| {
        // What ends credentials, or takes long, is known.
        let methods = METHODS.into_iter().filter(|method| has(&path, method)).collect();
        (path, methods)
    };
    paths().into_iter().map(of).collect()
}

#[test]
fn every_route_without_credentials_is_unauthorized() {
    let fixture = Fixture::with_password(&[("login_attempts", "1000")]);
    let others = ["/nowhere", "", "/", "/session/", "/health/x"];
    for (n, path) in paths().iter().map(String::as_str).chain(others).enumerate() {
        // Each has its own client, which is not banned.
        let peer = format!("127.0.0.{}", n + 1);
        for method in METHODS.into_iter().chain(["HEAD", "OPTIONS", "TRACE", "FOO"]) {
            let is_public = matches!((method, path), ("GET" | "HEAD", "/health") | ("POST", "/session"));
            let answer = fixture.ask(Ask::to(&format!("{method} {path}")));
            assert_eq!(answer.status == 401, !is_public, "{method} {path}: {answer:?}");
            assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            for wrong in ["Bearer ztor_x", "Bearer x", "Basic eDp5", "Basic", "x"] {
                let ask = Ask::to(&format!("{method} {path}")).header("authorization", wrong).from(&peer);
                // Hashes of passwords take long.
                if path == "/daemon" || !wrong.starts_with("Basic e") {
                    assert_eq!(fixture.ask(ask).status == 401, !is_public, "{method} {path} {wrong}");
                }
            }
        }
    }
    for path in
        ["/x", "/assets", "/api", "/api/v1x", "/api/v2/torrents", "//api/v1/torrents", "/api/v1/%68ealth"]
    {
        assert_eq!(fixture.ask(Ask::to("GET /").path(path)).status, 401, "{path}");
    }
}

#[test]
fn every_route_with_a_foreign_host_or_origin_is_forbidden() {
    let fixture = Fixture::start(&[]);
    let token = token(&fixture);
    for path in paths() {
        for method in METHODS {
            let ask = Ask::to(&format!("{method} {path}")).bearer(&token);
            let foreign = [
                ask.clone().header("host", "evil.example"),
                ask.clone().header("host", "127.0.0.1.evil.example:9480"),
                ask.clone().header("origin", "http://evil.example"),
                ask.clone().header("origin", "http://127.0.0.1:9481"),
                ask.clone().header("origin", "null"),
                ask.clone().header("sec-fetch-site", "cross-site"),
                ask.clone().header("sec-fetch-site", "same-site").header("sec-fetch-mode", "navigate"),
                // A WebSocket of a page of another site.
                ask.clone()
                    .header("origin", "https://evil.example")
                    .header("connection", "upgrade")
                    .header("upgrade", "websocket"),
            ];
            for ask in foreign {
                let answer = fixture.ask(ask.clone());
                assert_eq!(answer.problem(), ProblemKind::Forbidden, "{ask:?}");
                assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")));
            }
            assert_eq!(fixture.ask(ask.clone().header("host", "")).problem(), ProblemKind::BadRequest);
        }
    }
}

#[test]
fn every_route_with_a_method_that_it_lacks_says_so() {
    let fixture = Fixture::start(&[]);
    let token = token(&fixture);
    for (path, methods) in methods(&fixture, &token) {
        assert!(!methods.is_empty(), "{path}");
        for method in METHODS.into_iter().chain(["OPTIONS", "TRACE", "FOO"]) {
            if methods.contains(&method) {
                continue;
            }
            let answer = fixture.ask(Ask::to(&format!("{method} {path}")).bearer(&token));
            assert_eq!(answer.problem(), ProblemKind::MethodNotAllowed, "{method} {path}");
            assert!(answer.headers.contains_key(header::ALLOW), "{method} {path}");
        }
    }
    let nowhere = fixture.ask(Ask::to("GET /nowhere").bearer(&token));
    assert_eq!(nowhere.problem(), ProblemKind::NotFound);
}

#[test]
fn every_route_with_a_junk_body_query_or_path_is_refused_and_none_fails() {
    let fixture = Fixture::start(&[("login_attempts", "1000")]);
    let token = token(&fixture);
    let deep = "[".repeat(100_000);
    let long = format!("\"{}\"", "a".repeat(1 << 20));
    let bodies = [
        "",
        "null",
        "[]",
        "0",
        "{",
        "\u{0}",
        r#""\ud800""#,
        "{\"a\":1e999}",
        r#"{"name":null}"#,
        r#"{"password":[]}"#,
        r#"{"torrents":[{}],"action":{}}"#,
        r#"{"value":{"a":{}}}"#,
        &deep,
        &long,
    ];
    let queries =
        ["?", "?=", "?%", "?%ff=%00", "?limit=-1", "?dir=%00", "?a=b&a=b", "?since=99999999999999999999"];
    let parts =
        ["%", "%ff", "%00", "..", "%2e%2e%2f", ".", "id:99999999999999999999", "🦀", "*", "(", "[", "a:b"];
    let is_fine = |ask: Ask| {
        let answer = fixture.ask(ask.clone());
        assert!(answer.status < 500, "{ask:?}: {answer:?}");
        if answer.status >= 400 {
            answer.problem();
        }
        answer.status
    };
    let ask = |method: &str, path: &str| Ask::to(&format!("{method} {path}")).bearer(&token);
    for (path, methods) in methods(&fixture, &token) {
        for method in methods {
            for body in &bodies {
                let status = is_fine(ask(method, &path).json(body));
                let takes_body = method == "POST" || method == "PUT";
                // These take none.
                let is_plain =
                    path.starts_with("/tags/by-name") || path.ends_with("/scan") || path.ends_with("/link");
                assert!(status >= 400 || !takes_body || is_plain, "{method} {path} {body:.40}");
            }
            is_fine(ask(method, &path).header("content-type", "text/plain"));
            is_fine(ask(method, &path).header("content-type", "\u{e9}"));
            for query in queries {
                is_fine(ask(method, &format!("{path}{query}")).json("{}"));
            }
        }
    }
    for (path, _) in table().iter().filter(|(path, _)| path.contains('{')) {
        for part in parts {
            let (before, rest) = path.split_once('{').unwrap();
            let (_, after) = rest.split_once('}').unwrap();
            for method in METHODS {
                let uri = format!("{}{before}{part}{after}", ztor_api::BASE);
                // Some are not a URL at all, and do not get here.
                if axum::http::Uri::try_from(&uri).is_ok() {
                    is_fine(ask(method, "/").path(&uri).json("{}"));
                }
            }
        }
    }
}

#[test]
fn options_of_new_torrents_are_checked_without_any_torrent_too() {
    let fixture = Fixture::start(&[]);
    for options in [
        r#"{"dir":""}"#,
        r#"{"dir":"/a/../b"}"#,
        r#"{"category":"/"}"#,
        r#"{"tags":[""]}"#,
        r#"{"peers":["x"]}"#,
        r#"{"trackers":["x"]}"#,
        r#"{"goals":{"ratio":{"at":-1}}}"#,
        r#"{"limits":[]}"#,
    ] {
        let body = format!(r#"{{"sources":[],"options":{options}}}"#);
        let answer = fixture.ask(Ask::to("POST /torrents").local().json(&body));
        assert_eq!(answer.problem(), ProblemKind::BadRequest, "{options}");
    }
}
