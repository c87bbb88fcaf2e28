//! The server over real connections.

mod follow;
mod live;
mod transmission;

use super::*;
use crate::api::LogBuffer;
use crate::api::tests::fixture::{PASSWORD, about, daemon};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Instant;
use tempfile::TempDir;
use ztor_client::{Client, ClientError, Credentials, Target, Trust};

struct Server {
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    daemon: Daemon,
    listening: Listening,
}

fn serve(settings: &[(&str, &str)], tls: Option<TlsFiles>) -> Server {
    serve_in(tempfile::tempdir().unwrap(), settings, tls)
}

/// Serves a daemon whose state is in a folder.
fn serve_in(folder: TempDir, settings: &[(&str, &str)], tls: Option<TlsFiles>) -> Server {
    let password = folder.path().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let all = [("listen", "127.0.0.1:0"), ("password_file", password.to_str().unwrap())];
    let all: Vec<(&str, &str)> = all.iter().chain(settings).copied().collect();
    let (runtime, daemon) = daemon(&folder, &all);
    let socket = folder.path().join("socket");
    let config = ServeConfig {
        tls,
        ..ServeConfig::new(&daemon.settings_changes().borrow(), socket, LogBuffer::default())
    };
    let listening = Listening::start(&daemon, &config, about(), runtime.handle()).unwrap();
    Server { folder, runtime, daemon, listening }
}

/// Makes a certificate for `localhost`. Returns the files, and the certificate in PEM.
fn certificate(folder: &TempDir) -> (TlsFiles, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // As `openssl req -x509` makes them.
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let made = parameters.self_signed(&key).unwrap();
    let files = TlsFiles { certificate: folder.path().join("crt"), key: folder.path().join("key") };
    std::fs::write(&files.certificate, made.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    (files, made.pem().into_bytes())
}

impl Server {
    fn addr(&self) -> SocketAddr {
        self.listening.addrs()[0]
    }

    /// Ends the daemon, and cuts its connections.
    fn end(self) -> TempDir {
        self.listening.end();
        self.daemon.end(Duration::ZERO, Duration::from_secs(60));
        self.runtime.shutdown_background();
        self.folder
    }

    fn client(&self, scheme: &str, base: &str, credentials: Credentials, pem: Option<Vec<u8>>) -> Client {
        let base = format!("{scheme}://localhost:{}{base}", self.addr().port());
        Client::new(Target::Url { base, credentials, trust: pem.map_or(Trust::System, Trust::Pem) }).unwrap()
    }

    fn about(&self, client: &Client) -> Result<ztor_api::Daemon, ClientError> {
        self.runtime.block_on(client.about())
    }
}

fn password(password: &str) -> Credentials {
    Credentials::Password { username: "ztor".into(), password: password.into() }
}

/// Sends bytes, and returns the answer.
fn raw(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until the server closes a connection. Returns false if it does not.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

#[test]
fn client_reaches_the_daemon_with_password_token_and_socket() {
    let server = serve(&[("base_path", "/ztor")], None);
    let of = |credentials| server.client("http", "/ztor", credentials, None);
    assert_eq!(server.about(&of(password(PASSWORD))).unwrap().name, "test");
    let refused = |credentials| match server.about(&of(credentials)) {
        Err(ClientError::Refused(problem)) => problem.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(password("wrong")), 401);
    assert_eq!(refused(Credentials::None), 401);
    let made = server.runtime.block_on(of(password(PASSWORD)).add_token("test")).unwrap();
    assert!(server.about(&of(Credentials::Token(made.token))).is_ok());
    let mut socket = UnixStream::connect(server.folder.path().join("socket")).unwrap();
    let request = "GET /api/v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(raw(&mut socket, request).contains(r#""by":"socket""#));
}

#[test]
fn client_reaches_the_daemon_over_tls_only_with_a_trusted_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (files, pem) = certificate(&folder);
    let server = serve(&[], Some(files));
    assert!(server.listening.is_tls());
    let of = |scheme, pem| server.client(scheme, "", password(PASSWORD), pem);
    assert!(server.about(&of("https", Some(pem.clone()))).is_ok());
    assert!(matches!(server.about(&of("https", None)), Err(ClientError::UnknownCertificate { .. })));
    let (_, other) = certificate(&tempfile::tempdir().unwrap());
    assert!(matches!(server.about(&of("https", Some(other))), Err(ClientError::UnknownCertificate { .. })));
    // Plain HTTP to the port of TLS is closed.
    assert!(server.about(&of("http", None)).is_err());
    let answer = raw(connect(server.addr()), "GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    // A silent client does not hold up others.
    let silent: Vec<TcpStream> = (0..20).map(|_| connect(server.addr())).collect();
    assert!(server.about(&of("https", Some(pem.clone()))).is_ok());
    drop(silent);
    // New connections use the new certificate.
    let (_, new) = certificate(&folder);
    server.listening.reload().unwrap();
    assert!(server.about(&of("https", Some(new.clone()))).is_ok());
    assert!(server.about(&of("https", Some(pem))).is_err());
    std::fs::write(folder.path().join("key"), "junk").unwrap();
    assert!(server.listening.reload().unwrap_err().to_string().contains("key"));
    assert!(server.about(&of("https", Some(new))).is_ok());
}

#[test]
fn start_with_bad_files_fails_and_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, daemon) = daemon(&folder, &[]);
    let config = ServeConfig { socket: folder.path().join("socket"), ..ServeConfig::default() };
    let start = |config: ServeConfig| {
        Listening::start(&daemon, &config, about(), runtime.handle()).unwrap_err().to_string()
    };
    let none = folder.path().join("none");
    let files = TlsFiles { certificate: none.clone(), key: none.clone() };
    assert!(start(ServeConfig { tls: Some(files), ..config.clone() }).contains("none for TLS"));
    let password = start(ServeConfig { password_file: Some(none), ..config.clone() });
    assert!(password.contains("password file"), "{password}");
    let long = folder.path().join("a".repeat(120));
    assert!(start(ServeConfig { socket: long, ..config.clone() }).contains("--state-dir"));
    assert!(!config.socket.exists());
}

#[test]
fn server_answers_malformed_requests_with_a_refusal() {
    let server = serve(&[], None);
    let status = |request: &str| {
        let answer = raw(connect(server.addr()), request);
        answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok())
    };
    assert_eq!(
        status("GET /api/v1/health HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1\r\n\r\n"),
        Some(200)
    );
    assert_eq!(status("GET /api/v1/health HTTP/1.1\r\nConnection: close\r\n\r\n"), Some(400));
    assert_eq!(status("GET /api/v1/health HTTP/1.0\r\n\r\n"), Some(400));
    assert_eq!(status("junk\r\n\r\n"), Some(400));
    assert_eq!(status("GET /api/v1/\u{0} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), Some(400));
    let long = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    assert!(matches!(status(&long), Some(400..=499) | None));
    let many = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", "X: a\r\n".repeat(1000));
    assert!(matches!(status(&many), Some(400..=499) | None));
}

#[test]
fn end_closes_idle_connections_at_once_and_removes_the_socket() {
    let server = serve(&[], None);
    let socket = server.folder.path().join("socket");
    let mut idle: Vec<TcpStream> = (0..5).map(|_| connect(server.addr())).collect();
    let request = "GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    for stream in &mut idle {
        stream.write_all(request.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    let addr = server.addr();
    let began = Instant::now();
    server.listening.end();
    assert!(began.elapsed() < GOODBYE);
    assert!(!socket.exists());
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, addr.port())).is_err());
}

#[test]
fn websocket_ends_with_the_credentials_that_opened_it() {
    let server = serve(&[], None);
    let client = server.client("http", "", password(PASSWORD), None);
    let made = server.runtime.block_on(client.add_token("test")).unwrap();
    let open = |authorization: &str| {
        let mut stream = connect(server.addr());
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n\
             Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend_from_slice(&byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        stream
    };
    let mut stream = open(&format!("Bearer {}", made.token));
    let basic = data_encoding::BASE64.encode(format!("ztor:{PASSWORD}").as_bytes());
    let mut of_password = open(&format!("Basic {basic}"));
    server.runtime.block_on(client.remove_token("test")).unwrap();
    assert!(is_closed(&mut stream));
    // The other one is open until the password changes.
    of_password.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(of_password.read(&mut [0]).is_err());
    of_password.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    std::fs::write(server.folder.path().join("password"), "another one").unwrap();
    server.listening.reload().unwrap();
    assert!(is_closed(&mut of_password));
}
