//! Connections of the API.

use super::stream::Bounded;
use super::unread::Unread;
use crate::access::Connection;
use crate::slots::Slots;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use ztor_base::Host;

/// Maximum number of TCP connections. Beyond it, a new one replaces the one that has waited longest.
const MAX_CONNECTIONS: usize = 512;
/// Maximum number of TCP connections of one host, unless it is this machine or a trusted proxy.
const MAX_PER_HOST: usize = 128;
/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the line and the headers of a request, and between requests.
const HEADERS: Duration = Duration::from_secs(30);
/// Size of the buffer of a connection, which the headers of a request must fit.
const BUFFER: usize = 64 << 10;
/// Pause after a failed accept, as when the process is out of file descriptors.
const RETRY: Duration = Duration::from_millis(50);

/// End of the server.
#[derive(Debug, Clone)]
pub(super) struct End {
    is_ending: watch::Receiver<bool>,
    /// Held by each connection.
    _alive: mpsc::Sender<()>,
}

impl End {
    pub(super) fn new(is_ending: watch::Receiver<bool>, alive: mpsc::Sender<()>) -> Self {
        Self { is_ending, _alive: alive }
    }

    /// Waits until the server ends.
    async fn wait(&mut self) {
        // An error means that its owner is gone.
        let _ = self.is_ending.wait_for(|is_ending| *is_ending).await;
    }
}

/// The server for TCP.
#[derive(Debug, Clone)]
pub(super) struct Server {
    app: Router,
    tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    trusted_proxies: Vec<IpNet>,
    slots: Slots,
    end: End,
}

impl Server {
    pub(super) fn new(
        app: Router,
        tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
        trusted_proxies: Vec<IpNet>,
        end: End,
    ) -> Self {
        Self { app, tls, trusted_proxies, slots: Slots::new(MAX_CONNECTIONS), end }
    }

    /// Accepts connections until the server ends.
    pub(super) async fn serve(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.end.wait() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer.ip().to_canonical()),
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    self.slots.evict_oldest();
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    fn accept(&self, stream: TcpStream, peer: IpAddr) {
        let is_exempt = peer.is_loopback() || self.trusted_proxies.iter().any(|net| net.contains(&peer));
        let max = if is_exempt { MAX_CONNECTIONS } else { MAX_PER_HOST };
        let Some(slot) = self.slots.take(Host::of(peer), max) else { return };
        let stream = Bounded::new(stream, Some(slot));
        let (app, end) = (self.app.clone(), self.end.clone());
        let Some(tls) = &self.tls else {
            tokio::spawn(serve(stream, app, Some(Connection { peer, is_tls: false }), end));
            return;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
        tokio::spawn(async move {
            let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
            match handshake {
                Ok(Ok(stream)) => serve(stream, app, Some(Connection { peer, is_tls: true }), end).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

/// Accepts connections on the local socket until the server ends.
pub(super) async fn serve_local(listener: UnixListener, app: Router, mut end: End) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.wait() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve(Bounded::new(stream, None), app.clone(), None, end.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the local socket");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Serves a connection until it ends. At the end of the server, the request that is under way is finished.
async fn serve<S>(stream: S, app: Router, connection: Option<Connection>, end: End)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve_within(HEADERS, stream, app, connection, end).await;
}

async fn serve_within<S>(
    headers: Duration,
    stream: S,
    app: Router,
    connection: Option<Connection>,
    mut end: End,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(connection) = connection {
            request.extensions_mut().insert(connection);
        }
        let (parts, body) = request.into_parts();
        let (unread, body) = Unread::of(body, &parts.headers);
        let answer = app.call(hyper::Request::from_parts(parts, body));
        async move {
            let mut response = answer.await?;
            if !unread.discard().await {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(headers).max_buf_size(BUFFER);
    let served = server.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut served = pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = end.wait() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection of the API has failed");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    fn end() -> (watch::Sender<bool>, End) {
        let (ending, is_ending) = watch::channel(false);
        (ending, End::new(is_ending, mpsc::channel().0))
    }

    #[test]
    fn serve_ends_a_connection_whose_headers_take_too_long() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ((_ending, end), short) = (end(), Duration::from_millis(20));
            let (mut client, server) = duplex(1000);
            client.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
            let mut answer = Vec::new();
            // Both end, or the test hangs.
            let served = serve_within(short, server, Router::new(), None, end);
            let ((), read) = tokio::join!(served, client.read_to_end(&mut answer));
            read.unwrap();
            assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
        });
    }

    #[test]
    fn connection_goes_on_after_an_answer_before_the_end_of_the_body() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ((ending, end), (mut client, server)) = (end(), duplex(1000));
            let app = Router::new().fallback(|| async { axum::http::StatusCode::CONFLICT });
            let ask = async {
                let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n";
                for _ in 0..2 {
                    client.write_all(head.as_bytes()).await.unwrap();
                    // The handler has answered by now, without the body.
                    tokio::task::yield_now().await;
                    client.write_all(&[b'x'; 5000]).await.unwrap();
                    let mut answer = Vec::new();
                    while !answer.ends_with(b"\r\n\r\n") {
                        answer.push(client.read_u8().await.unwrap());
                    }
                    let answer = String::from_utf8(answer).unwrap();
                    assert!(answer.contains(" 409 ") && !answer.contains("connection: close"), "{answer}");
                }
                ending.send_replace(true);
                drop(client);
            };
            let served = serve(Bounded::new(server, None), app, None, end);
            let ((), ()) = tokio::join!(served, ask);
        });
    }

    #[test]
    fn evicted_connection_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (slots, (_ending, end)) = (Slots::new(1), end());
            let host = Host::of(IpAddr::from([192, 0, 2, 1]));
            let (mut client, server) = duplex(1000);
            let served = serve(Bounded::new(server, slots.take(host, 10)), Router::new(), None, end);
            let mut answer = [0];
            let evict = async {
                tokio::task::yield_now().await;
                let _other = slots.take(host, 10);
                client.read(&mut answer).await
            };
            let ((), read) = tokio::join!(served, evict);
            assert_eq!(read.unwrap(), 0);
        });
    }
}
