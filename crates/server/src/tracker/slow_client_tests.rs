//! Clients that hold connections without using them, against a server over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::*;

/// Longest wait for what must happen; the bounds of the server are far shorter.
const GENEROUS: Duration = Duration::from_secs(60);

const MAX_PER_HOST: usize = 6;
const FILE_LEN: usize = 32 << 20;

/// A server with short timeouts, on its own thread.
struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(limits: Limits) -> Self {
        let files = Files::new();
        files.put("large", "text/plain", vec![7; FILE_LEN]).unwrap();
        let (socket, addr) =
            listen("HTTP", Some("127.0.0.1:0".parse().unwrap()), Type::STREAM).unwrap().unwrap();
        let state = Arc::new(State::new(Config { files, ..Config::default() }));
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(http::serve(socket, state, limits, stopping));
        });
        Self { addr, stop, thread: Some(thread) }
    }

    /// Connects from an address of this machine.
    fn connect_from(&self, host: [u8; 4]) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((host, 0)).into()).unwrap();
        socket.connect_timeout(&self.addr.into(), GENEROUS).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(GENEROUS)).unwrap();
        stream.set_write_timeout(Some(GENEROUS)).unwrap();
        stream
    }

    /// Panics unless another host gets its answer.
    fn serves_another_host(&self) {
        let mut stream = self.connect_from([127, 0, 0, 9]);
        let query = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=5&left=1&compact=1";
        write!(stream, "GET /announce?{query} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

fn limits() -> Limits {
    let (for_request, for_progress) = (Duration::from_millis(400), Duration::from_millis(800));
    Limits { max: 64, max_per_host: MAX_PER_HOST, for_request, for_progress }
}

/// Waits until the server ends a connection. Returns the number of bytes read before.
fn read_until_closed(stream: &mut TcpStream) -> usize {
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return read,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the server keeps the connection"),
            Err(_) => return read,
        }
    }
}

#[test]
fn serve_of_silent_clients_closes_them_and_serves_others() {
    let server = Server::start(limits());
    let mut silent: Vec<_> = (0..40).map(|_| server.connect_from([127, 0, 0, 2])).collect();
    server.serves_another_host();
    silent.iter_mut().for_each(|stream| assert_eq!(read_until_closed(stream), 0));
    server.serves_another_host();
}

#[test]
fn serve_of_a_client_that_drips_its_request_closes_it() {
    let server = Server::start(limits());
    let mut stream = server.connect_from([127, 0, 0, 2]);
    stream.write_all(b"GET /announce?").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // Each byte is sent long before the time for a request is over.
    let began = std::time::Instant::now();
    loop {
        assert!(began.elapsed() < GENEROUS, "the server keeps the connection");
        match stream.read(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(0) | Err(_) => break,
            Ok(_) => panic!("an answer to half a request"),
        }
        // Fails when the server has closed the connection, which the next read sees.
        let _ = stream.write(b"a");
    }
    server.serves_another_host();
}

#[test]
fn serve_of_endless_headers_ends_early() {
    let server = Server::start(limits());
    let mut stream = server.connect_from([127, 0, 0, 2]);
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let line = [b"X-Junk: ".as_slice(), &[b'j'; 1000], b"\r\n"].concat();
    let sent = (0..100_000).take_while(|_| stream.write_all(&line).is_ok()).count();
    // The server does not read what is in the kernel's buffers on both sides.
    assert!(sent < 50_000, "{sent} KB of headers were taken");
    server.serves_another_host();
}

#[test]
fn serve_of_clients_that_do_not_read_closes_them() {
    let server = Server::start(limits());
    let mut deaf: Vec<_> = (0..MAX_PER_HOST).map(|_| server.connect_from([127, 0, 0, 2])).collect();
    for stream in &mut deaf {
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    }
    server.serves_another_host();
    // A connection that the server has closed resets when it is written to. Reading from one would be progress.
    let began = std::time::Instant::now();
    for stream in &mut deaf {
        while stream.write(b"G").is_ok() {
            assert!(began.elapsed() < GENEROUS, "the server keeps connections of clients that do not read");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // The slots of the host are free again.
    let mut stream = server.connect_from([127, 0, 0, 2]);
    write!(stream, "GET /absent HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_until_closed(&mut stream) > 0);
}
