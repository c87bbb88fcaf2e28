//! Transmission's RPC over a socket.

use super::*;
use serde_json::{Value, json};

/// Sends a request of the RPC, and returns the status, the headers and the body.
fn post(addr: SocketAddr, credentials: &str, id: &str, body: &str) -> (String, String, String) {
    let basic = data_encoding::BASE64.encode(credentials.as_bytes());
    let request = format!(
        "POST /transmission/rpc HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Basic {basic}\r\nConnection: close\r\n\
         X-Transmission-Session-Id: {id}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(connect(addr), &request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    let status = status.split(' ').nth(1).unwrap().to_owned();
    (status, headers.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn client_of_transmission_adds_lists_and_removes_a_torrent() {
    let server = serve(&[("transmission_listen", "127.0.0.1:0")], None);
    let addr = server.listening.transmission_addrs()[0];
    assert_ne!(addr, server.addr());
    let credentials = format!("ztor:{PASSWORD}");
    assert_eq!(post(addr, "ztor:wrong", "", "{}").0, "401");
    let (status, headers, _) = post(addr, &credentials, "", "{}");
    assert_eq!(status, "409");
    let id = headers.lines().find_map(|line| line.strip_prefix("x-transmission-session-id: ")).unwrap();
    let call = |method: &str, arguments: Value| -> Value {
        let body = json!({ "method": method, "arguments": arguments, "tag": 3 }).to_string();
        let (status, _, body) = post(addr, &credentials, id, &body);
        assert_eq!(status, "200", "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&answer["result"], &answer["tag"]), (&json!("success"), &json!(3)));
        answer["arguments"].clone()
    };
    let hash = "a".repeat(40);
    let added = call("torrent-add", json!({ "filename": hash, "paused": true, "labels": ["tv"] }));
    assert_eq!(added["torrent-added"]["hashString"], hash.as_str());
    let list = call("torrent-get", json!({"fields": ["hashString", "labels", "totalSize"]}));
    assert_eq!(list["torrents"], json!([{"hashString": hash, "labels": ["tv"], "totalSize": 0}]));
    call("torrent-remove", json!({ "ids": [hash] }));
    assert_eq!(call("torrent-get", json!({"fields": ["id"]}))["torrents"], json!([]));
    server.end();
}
