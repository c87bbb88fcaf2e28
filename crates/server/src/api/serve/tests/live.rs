//! Updates over a WebSocket.

use super::*;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, http::header};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use ztor_api::{AddRequest, AddSource, LiveUpdate, ProblemKind, Statistics};

/// A front end.
struct Front(WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>);

impl Front {
    async fn open(addr: SocketAddr, token: &str) -> Self {
        let mut request = format!("ws://{addr}/api/v1/events").into_client_request().unwrap();
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
        Self(connect_async(request).await.unwrap().0)
    }

    async fn ask(&mut self, request: &str) {
        self.0.send(Message::text(request)).await.unwrap();
    }

    /// Returns the next message; `None` at the end of the connection.
    async fn next(&mut self) -> Option<LiveUpdate> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(60), self.0.next()).await.unwrap();
            match message {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Returns the next list, and the last statistics before it.
    async fn next_list(&mut self) -> (Option<u64>, bool, ztor_api::List, Option<Statistics>) {
        let mut last = None;
        loop {
            match self.next().await.unwrap() {
                LiveUpdate::List { id, is_whole, list, .. } => return (id, is_whole, *list, last),
                LiveUpdate::Statistics { statistics } => last = Some(*statistics),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn follower_gets_answers_at_once_and_counts_of_torrents_outside_of_its_window() {
    let server = serve(&[], None);
    let client = server.client("http", "", password(PASSWORD), None);
    let runtime = &server.runtime;
    let token = runtime.block_on(client.add_token("test")).unwrap().token;
    runtime.block_on(async {
        let mut front = Front::open(server.addr(), &token).await;
        front.ask(r#"{"kind":"follow","id":1,"query":{"limit":0,"counts":true},"statistics":true}"#).await;
        let (id, is_whole, list, statistics) = front.next_list().await;
        assert_eq!((id, is_whole, list.total), (Some(1), true, 0));
        assert_eq!(statistics.map(|statistics| statistics.torrents), Some(0));

        // The second answer does not wait for the time between updates.
        front.ask(r#"{"kind":"follow","id":2,"query":{"state":["nothing"]}}"#).await;
        match front.next().await.unwrap() {
            LiveUpdate::Problem { id, problem } => {
                assert_eq!((id, problem.kind), (Some(2), ProblemKind::BadRequest));
            }
            other => panic!("{other:?}"),
        }

        // The torrent is not in the window, and the request before is still followed.
        let magnet = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=x".to_owned();
        let sources = vec![AddSource::Magnet(magnet)];
        client.add(&AddRequest { sources, ..AddRequest::default() }).await.unwrap();
        let mut seen = 0;
        loop {
            let (id, is_whole, list, statistics) = front.next_list().await;
            assert_eq!((id, is_whole, list.torrents.len()), (Some(1), false, 0));
            seen = statistics.map_or(seen, |statistics| statistics.torrents);
            if list.counts.is_some_and(|counts| counts.all == 1) {
                break;
            }
        }
        // Statistics come later than the list if they were just sent.
        while seen == 0 {
            match front.next().await.unwrap() {
                LiveUpdate::Statistics { statistics } => seen = statistics.torrents,
                other => assert!(matches!(other, LiveUpdate::List { .. }), "{other:?}"),
            }
        }
        assert_eq!(seen, 1);

        client.remove_token("test").await.unwrap();
        let problem = loop {
            match front.next().await.unwrap() {
                LiveUpdate::Problem { id, problem } => break (id, problem.kind),
                other => assert!(!matches!(other, LiveUpdate::Problem { .. })),
            }
        };
        assert_eq!(problem, (None, ProblemKind::Unauthorized));
        assert_eq!(front.next().await, None);
    });
}
