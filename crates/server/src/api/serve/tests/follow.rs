//! Lists that the client follows.

use super::*;
use std::sync::mpsc;
use ztor_api::{Action, AddOptions, AddRequest, AddSource, ListQuery, ProblemKind, Sort, SortKey};
use ztor_client::live::{Live, LiveState, Snapshot};

/// Time after which a condition is not awaited any more.
const LIMIT: Duration = Duration::from_secs(60);

/// A followed list, with a signal for each change.
struct Followed {
    live: Live,
    changes: mpsc::Receiver<()>,
}

impl Followed {
    fn start(runtime: &Handle, client: &Client, query: ListQuery) -> Self {
        let (wake, changes) = mpsc::channel();
        // An error means that nobody waits any more.
        let wake = move || _ = wake.send(());
        Self { live: Live::start(client, query, runtime, wake), changes }
    }

    /// Waits until a condition holds.
    fn until(&self, what: &str, condition: impl Fn(&Snapshot) -> bool) -> std::sync::Arc<Snapshot> {
        let end = Instant::now() + LIMIT;
        loop {
            let snapshot = self.live.snapshot();
            if condition(&snapshot) {
                return snapshot;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(self.changes.recv_timeout(left).is_ok(), "{what}: {snapshot:?}");
        }
    }
}

fn query() -> ListQuery {
    ListQuery {
        sort: vec![Sort { key: SortKey::Name, is_descending: false }],
        limit: Some(2),
        counts: true,
        ..ListQuery::default()
    }
}

fn add(server: &Server, client: &Client, name: &str) {
    let hash = format!("{:0>40}", name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
    let request = AddRequest {
        sources: vec![AddSource::Magnet(format!("magnet:?xt=urn:btih:{hash}&dn={name}"))],
        options: AddOptions { paused: Some(true), ..AddOptions::default() },
    };
    server.runtime.block_on(client.add(&request)).unwrap();
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.rows.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn followed_list_has_its_window_with_changes_and_counts() {
    let server = serve(&[], None);
    let client = server.client("http", "", password(PASSWORD), None);
    let followed = Followed::start(server.runtime.handle(), &client, query());
    followed
        .until("the first answer", |now| matches!(now.state, LiveState::Live) && now.statistics.is_some());
    for name in ["c", "a", "b"] {
        add(&server, &client, name);
    }
    let before = followed.until("three torrents", |now| now.total == 3 && names(now) == ["a", "b"]);
    assert_eq!(before.counts.as_ref().unwrap().all, 3);
    assert!(before.row(1).is_some() && before.row(2).is_none());

    // A row that stays as it is keeps its allocation.
    let rename = Action::Rename { name: "bb".into() };
    server.runtime.block_on(client.act(vec!["name:b".into()], rename)).unwrap();
    let after = followed.until("the new name", |now| names(now) == ["a", "bb"]);
    assert!(std::sync::Arc::ptr_eq(&before.rows[0], &after.rows[0]) && after.version > before.version);

    followed.live.follow(ListQuery { offset: 1, ..query() });
    let moved = followed.until("another window", |now| names(now) == ["bb", "c"]);
    assert_eq!((moved.first, moved.total), (1, 3));
    assert!(moved.is_of(&query()));

    followed.live.follow(ListQuery { search: Some("(".into()), is_regex: true, ..query() });
    let refused = followed.until("a refusal", |now| now.problem.is_some());
    assert_eq!(refused.problem.as_ref().unwrap().kind, ProblemKind::BadRequest);
    followed.live.follow(ListQuery { search: Some("c".into()), ..query() });
    followed.until("a search", |now| now.problem.is_none() && names(now) == ["c"]);
}

#[test]
fn followed_list_misses_nothing_while_the_server_is_away() {
    let server = serve(&[], None);
    let client = server.client("http", "", password(PASSWORD), None);
    let socket = Client::new(Target::Socket(server.folder.path().join("socket"))).unwrap();
    add(&server, &client, "a");
    let clients = tokio::runtime::Runtime::new().unwrap();
    let follow = |client| Followed::start(clients.handle(), client, query());
    let (over_http, over_socket) = (follow(&client), follow(&socket));
    for followed in [&over_http, &over_socket] {
        followed.until("the first torrent", |now| names(now) == ["a"]);
    }
    let addr = server.addr().to_string();
    let folder = server.end();
    for followed in [&over_http, &over_socket] {
        let offline = followed.until("the end", |now| matches!(now.state, LiveState::Offline { .. }));
        assert_eq!(names(&offline), ["a"], "the rows remain");
    }
    let server = serve_in(folder, &[("listen", &addr)], None);
    server.runtime.block_on(client.act(vec!["all".into()], Action::Rename { name: "b".into() })).unwrap();
    for followed in [&over_http, &over_socket] {
        followed.live.retry();
        followed.until("the change", |now| matches!(now.state, LiveState::Live) && names(now) == ["b"]);
    }
}

#[test]
fn followed_list_ends_with_the_credentials() {
    let server = serve(&[], None);
    let client = server.client("http", "", password("wrong"), None);
    let followed = Followed::start(server.runtime.handle(), &client, query());
    let refused = followed.until("the refusal", |now| matches!(now.state, LiveState::Refused(_)));
    assert!(format!("{:?}", refused.state).contains("Unauthorized"), "{:?}", refused.state);
}

#[test]
fn certificate_is_trusted_by_its_fingerprint_until_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = certificate(&folder);
    let server = serve(&[], Some(files));
    let of = |trust| {
        let base = format!("https://localhost:{}", server.addr().port());
        Client::new(Target::Url { base, credentials: password(PASSWORD), trust }).unwrap()
    };
    let Err(ClientError::UnknownCertificate { found, .. }) = server.about(&of(Trust::System)) else {
        panic!("an unknown certificate is trusted")
    };
    let unknown = Followed::start(server.runtime.handle(), &of(Trust::System), query());
    let refused = unknown.until("a refusal", |now| matches!(now.state, LiveState::Refused(_)));
    assert!(format!("{:?}", refused.state).contains("UnknownCertificate"), "{:?}", refused.state);

    let pinned = of(Trust::Pin(found));
    assert!(server.about(&pinned).is_ok());
    Followed::start(server.runtime.handle(), &pinned, query())
        .until("rows", |now| matches!(now.state, LiveState::Live));
    certificate(&folder);
    server.listening.reload().unwrap();
    // Connections of before may be used again, so a client without any.
    match server.about(&of(Trust::Pin(found))) {
        Err(ClientError::ChangedCertificate { expected, found: new, .. }) => {
            assert!(expected == found && new != found);
        }
        other => panic!("{other:?}"),
    }
}
