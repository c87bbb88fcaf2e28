//! A daemon with its routes, without sockets.

use crate::access::{Access, Connection, Rules};
use crate::api::LogBuffer;
use crate::api::metrics::RequestCounts;
use crate::api::{app, guard};
use crate::web::Web;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, header};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use ztor_api::{Problem, ProblemKind};
use ztor_daemon::settings::Sources;
use ztor_daemon::{Daemon, DaemonConfig, Store, StoreError};

pub(crate) const PASSWORD: &str = "correct horse";

/// A daemon with its routes.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) daemon: Daemon,
    pub(crate) access: Access,
    remote: Router,
    local: Router,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A request over TCP from a loopback address, unless it says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    peer: Option<IpAddr>,
    is_tls: bool,
}

impl Fixture {
    /// Starts a daemon with settings, and with the password if there is no other.
    pub(crate) fn with_password(settings: &[(&str, &str)]) -> Self {
        let fixture = Self::start(settings);
        let change = format!(r#"{{"password":"{PASSWORD}"}}"#);
        let base = settings.iter().find(|(key, _)| *key == "base_path").map_or("", |(_, path)| path);
        let path = format!("{base}{}/account", ztor_api::BASE);
        assert_eq!(fixture.ask(Ask::to("PUT /").path(&path).local().json(&change)).status, 200);
        fixture
    }

    /// Starts a daemon with settings.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, daemon) = daemon(&folder, settings);
        Self::serve(folder, runtime, daemon)
    }

    fn serve(folder: TempDir, runtime: tokio::runtime::Runtime, daemon: Daemon) -> Self {
        let settings = daemon.settings_changes().borrow().clone();
        let rules = Rules {
            trusted_proxies: settings.trusted_proxies.clone(),
            allowed_hosts: settings.allowed_hosts.clone(),
            base_path: settings.base_path.clone(),
        };
        let access = Access::start(&daemon, rules, settings.password_file.clone()).unwrap();
        let (log, requests) = (LogBuffer::default(), RequestCounts::default());
        let web = Web::new(settings.web_dir.clone()).unwrap();
        let app = app(&daemon, &access, about(), &log, &requests, &settings.base_path, &web);
        let remote = guard::remote(app.clone(), access.clone(), &requests);
        let local = guard::local(app, &requests);
        Self { folder, runtime, daemon, access, remote, local }
    }

    /// Ends the daemon, and starts it again with its state.
    pub(crate) fn restart(self, settings: &[(&str, &str)]) -> Self {
        let Self { folder, runtime, daemon, access, remote, local } = self;
        assert!(daemon.end(Duration::ZERO, Duration::from_secs(60)));
        drop((access, remote, local, daemon, runtime));
        let (runtime, daemon) = self::daemon(&folder, settings);
        Self::serve(folder, runtime, daemon)
    }

    pub(crate) fn ask(&self, ask: Ask) -> Answer {
        self.runtime.block_on(self.answer(ask))
    }

    pub(crate) async fn answer(&self, ask: Ask) -> Answer {
        let app = if ask.peer.is_some() { &self.remote } else { &self.local };
        Self::answer_of(app, ask).await
    }

    /// Sends a request to another server of the daemon.
    pub(crate) async fn answer_of(app: &Router, ask: Ask) -> Answer {
        let mut request = Request::builder().method(ask.method).uri(ask.path);
        for (name, value) in &ask.headers {
            request = request.header(name.as_str(), value.as_bytes());
        }
        let mut request = request.body(Body::from(ask.body)).unwrap();
        if let Some(peer) = ask.peer {
            request.extensions_mut().insert(Connection { peer, is_tls: ask.is_tls });
        }
        let response = TowerToHyperService::new(app.clone()).call(request);
        let response =
            tokio::time::timeout(Duration::from_secs(60), response).await.expect("no answer").unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Answer {
    /// Returns the kind of the problem, and checks its form.
    #[track_caller]
    pub(crate) fn problem(&self) -> ProblemKind {
        let problem: Problem = serde_json::from_str(&self.body).expect(&self.body);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(problem.status, self.status);
        assert!(!problem.detail.is_empty());
        problem.kind
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the value of the session's cookie.
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.headers[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

impl Ask {
    /// Returns a request without credentials; `line` has the method and the path below the API.
    pub(crate) fn to(line: &str) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        Self {
            method: method.parse().unwrap(),
            path: format!("{}{path}", ztor_api::BASE),
            headers: vec![("host".into(), "127.0.0.1:9480".into())],
            body: Vec::new(),
            peer: Some(IpAddr::from([127, 0, 0, 1])),
            is_tls: false,
        }
    }

    /// Replaces the whole path.
    pub(crate) fn path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Adds a header; a host replaces the present one.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if name == "host" {
            self.headers.retain(|(name, _)| name != "host");
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_owned();
        self.header("content-type", "application/json")
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, username: &str, password: &str) -> Self {
        let text = data_encoding::BASE64.encode(format!("{username}:{password}").as_bytes());
        self.header("authorization", &format!("Basic {text}"))
    }

    pub(crate) fn from(mut self, peer: &str) -> Self {
        self.peer = Some(peer.parse().unwrap());
        self
    }

    pub(crate) fn tls(mut self) -> Self {
        self.is_tls = true;
        self
    }

    /// Sends it to the local socket.
    pub(crate) fn local(mut self) -> Self {
        self.peer = None;
        self
    }
}

pub(crate) fn about() -> ztor_api::Daemon {
    ztor_api::Daemon {
        name: "test".into(),
        version: String::new(),
        peer_addr: String::new(),
        api_addrs: Vec::new(),
        web_url: None,
        state_dir: String::new(),
        pid: 0,
    }
}

/// Starts a daemon with its state in a folder.
pub(crate) fn daemon(folder: &TempDir, settings: &[(&str, &str)]) -> (tokio::runtime::Runtime, Daemon) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let state_dir: PathBuf = folder.path().join("state");
    // Threads of the daemon before a restart may hold its lock for a moment longer.
    let opens = std::iter::repeat_with(|| Store::open(&state_dir)).take(200);
    let is_free = |opened: &Result<_, StoreError>| {
        let is_free = !matches!(opened, Err(StoreError::InUse { .. }));
        if !is_free {
            std::thread::sleep(Duration::from_millis(50));
        }
        is_free
    };
    let (store, salvage) = opens.into_iter().find(is_free).expect("the state folder stays in use").unwrap();
    let downloads = folder.path().display().to_string();
    let fixed = [("bind", "127.0.0.1"), ("port", "0"), ("download_dir", &downloads)];
    let flags = fixed
        .iter()
        .chain(settings)
        .map(|(key, value)| ((*key).to_owned(), format!("--{key}"), (*value).to_owned()));
    let settings = Sources::new(None).flags(flags).resolve().unwrap();
    let config = DaemonConfig { state_dir, settings, port_is_fixed: true };
    let daemon = Daemon::start(store, salvage, config, runtime.handle().clone()).unwrap().daemon;
    (runtime, daemon)
}
