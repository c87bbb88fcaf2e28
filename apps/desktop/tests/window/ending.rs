//! The end of the daemon in the window.

use crate::driver::Window;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Sends a call of the Transmission RPC. Returns the answer with its headers.
fn call(addr: SocketAddr, id: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    let credentials = data_encoding::BASE64.encode(b"ztor:correct horse");
    write!(
        stream,
        "POST /transmission/rpc HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\
         X-Transmission-Session-Id: {id}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn window_closes_when_a_client_ends_its_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "correct horse").unwrap();
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut window = Window::open_set(&[
        ("password_file", password.to_str().unwrap()),
        ("transmission_listen", &addr.to_string()),
    ]);
    window.wait_for("No torrents yet");
    let refused = call(addr, "", "{}");
    let is_id = |line: &&str| line.to_ascii_lowercase().starts_with("x-transmission-session-id:");
    let id = refused.lines().find(is_id).unwrap().split_once(':').unwrap().1.trim();
    assert!(!window.is_closing());
    let answer = call(addr, id, r#"{"method":"session-close"}"#);
    assert!(answer.contains(r#""result":"success""#), "{answer}");
    window.wait("the window closes", |window| window.is_closing());
    // The state is saved, and the next window has it.
    let mut window = window.reopen();
    window.wait_for("No torrents yet");
}
