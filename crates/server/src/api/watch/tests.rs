//! The routes over a real connection.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::access::{Access, Rules};
use crate::api::LogBuffer;
use crate::api::metrics::RequestCounts;
use crate::api::tests::fixture::{about, daemon};
use crate::api::{app, guard};
use crate::web::Web;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::net::TcpListener;
use ztor_api::{BASE, Problem, ProblemKind, WatchFolder};

fn ask(addr: SocketAddr, request: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    let (method, path) = request.split_once(' ').unwrap();
    let head = format!(
        "{method} {BASE}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn watch_folders_are_added_listed_scanned_and_removed() {
    let tmp = tempfile::tempdir().unwrap();
    let (runtime, daemon) = daemon(&tmp, &[]);
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let addr = listener.local_addr().unwrap();
    let access = Access::start(&daemon, Rules::default(), None).unwrap();
    let (log, requests) = (LogBuffer::default(), RequestCounts::default());
    let web = Web::new(None).unwrap();
    let app = guard::local(app(&daemon, &access, about(), &log, &requests, "", &web), &requests);
    runtime.spawn(async move { axum::serve(listener, app).await });

    let path = format!("/watch-folders?dir={}", tmp.path().display());
    let settings = r#"{"category":"a","loaded":"keep","tags":["t"],"recursive":true}"#;
    assert_eq!(ask(addr, &format!("PUT {path}"), settings), (200, r#"{"is_new":true}"#.into()));
    assert_eq!(ask(addr, &format!("PUT {path}"), settings), (200, r#"{"is_new":false}"#.into()));
    let (status, listed) = ask(addr, "GET /watch-folders", "");
    let listed: Vec<WatchFolder> = serde_json::from_str(&listed).unwrap();
    assert_eq!((status, listed.len()), (200, 1));
    assert_eq!(listed[0].dir, tmp.path().to_str().unwrap());
    assert_eq!(listed[0].settings(), serde_json::from_str(settings).unwrap());
    assert_eq!(ask(addr, "POST /watch-folders/scan", "").0, 200);

    let refused = |request: &str, body: &str| {
        let (status, problem) = ask(addr, request, body);
        let problem: Problem = serde_json::from_str(&problem).unwrap();
        assert_eq!(status, problem.status);
        problem.kind
    };
    for (request, body) in [
        ("PUT /watch-folders", "{}"),
        ("PUT /watch-folders?dir=relative", "{}"),
        ("PUT /watch-folders?dir=/a&path=/b", "{}"),
        ("PUT /watch-folders?dir=/a", r#"{"recursiv":true}"#),
        ("PUT /watch-folders?dir=/a", r#"{"added":1}"#),
        ("PUT /watch-folders?dir=/a%00b", "{}"),
        ("GET /watch-folders?dir=/a", ""),
        ("POST /watch-folders/scan?dir=/a", ""),
    ] {
        assert_eq!(refused(request, body), ProblemKind::BadRequest, "{request} {body}");
    }
    assert_eq!(refused("DELETE /watch-folders?dir=/nowhere", ""), ProblemKind::NotFound);
    assert_eq!(ask(addr, &format!("DELETE {path}"), ""), (200, "{}".into()));
    assert_eq!(ask(addr, "GET /watch-folders", ""), (200, "[]".into()));
    assert!(daemon.end(Duration::ZERO, Duration::from_secs(60)));
}
