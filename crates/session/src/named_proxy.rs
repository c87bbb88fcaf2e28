//! HTTP through a SOCKS4a proxy with a user name, which the HTTP library does not send.

use crate::bind::Bind;
use crate::driver::sockets;
use crate::fetch_error::{FetchError, innermost, plain};
use crate::route::OutOfReach;
use hyper::Uri;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::{Body, Client, RequestBuilder, Response};
use rustls::ClientConfig;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use ztor_socks::{Proxy, Step, Target, Tunnel, TunnelError};

/// A client of a route. Requests are made by the library in any case.
#[derive(Clone)]
pub(crate) enum Sender {
    /// The library sends, too.
    Library(Client),
    /// The same with a client for each family, of which each sends from an address of its own: that of IPv4 first, as
    /// the library binds a client to one address.
    ByFamily(Box<[Client; 2]>),
    /// Requests go through connections that are made here.
    Named(Box<Named>),
}

/// Client for a proxy that is told a user name.
#[derive(Clone)]
pub(crate) struct Named {
    /// Makes the requests, and sends none.
    library: Client,
    pool: Pool<HttpsConnector<Connector>, Body>,
    agent: &'static str,
    /// Time limit of a request that has none of its own.
    limit: Duration,
}

/// Limits of a [`Named`] client.
#[derive(Clone, Copy)]
pub(crate) struct NamedLimits {
    pub(crate) connect: Duration,
    pub(crate) whole: Duration,
    pub(crate) max_idle: usize,
    pub(crate) idle: Duration,
}

/// A request that has failed.
#[derive(Debug, Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Library(#[from] reqwest::Error),
    #[error(transparent)]
    Named(#[from] hyper_util::client::legacy::Error),
    #[error("no answer in time")]
    TimedOut,
}

impl SendError {
    /// Returns true if the server may have closed a kept connection, so that another attempt is of use.
    pub(crate) fn is_stale(&self) -> bool {
        match self {
            Self::Library(error) => error.is_request() && !error.is_connect() && !error.is_timeout(),
            Self::Named(error) => !error.is_connect(),
            Self::TimedOut => false,
        }
    }
}

impl From<SendError> for FetchError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Library(error) => plain(error),
            SendError::Named(error) if error.is_connect() => {
                Self::Network(format!("cannot connect: {}", innermost(&error)))
            }
            SendError::Named(error) => Self::Network(innermost(&error)),
            SendError::TimedOut => Self::Network("no answer in time".into()),
        }
    }
}

impl Sender {
    /// Starts a GET.
    pub(crate) fn get(&self, url: url::Url) -> RequestBuilder {
        match self {
            Self::Library(client) => client.get(url),
            Self::ByFamily(clients) => clients[0].get(url),
            Self::Named(named) => named.library.get(url),
        }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        match self {
            Self::Library(client) => Ok(client.execute(request.build()?).await?),
            Self::ByFamily(clients) => {
                let request = request.build()?;
                let again = request.try_clone();
                match (clients[0].execute(request).await, again) {
                    (Err(error), Some(again)) if error.is_connect() => {
                        let second = clients[1].execute(again).await;
                        // A server without an address of one family fails for the reason of the other.
                        let is_first = second.as_ref().is_err_and(lacks_address) && !lacks_address(&error);
                        if is_first { Err(error.into()) } else { Ok(second?) }
                    }
                    (first, _) => Ok(first?),
                }
            }
            Self::Named(named) => named.send(request).await,
        }
    }
}

/// Returns true if the host has no address that the client may use.
fn lacks_address(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<OutOfReach>() {
            return true;
        }
        source = error.source();
    }
    false
}

impl Named {
    /// Creates a client for the proxy at an address.
    pub(crate) fn new(
        library: Client,
        (bind, proxy, at): (Bind, Proxy, SocketAddr),
        tls: ClientConfig,
        agent: &'static str,
        limits: NamedLimits,
    ) -> Self {
        let connector = Connector { bind, proxy, at, limit: limits.connect };
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(limits.max_idle)
            .pool_idle_timeout(limits.idle)
            .build(https.wrap_connector(connector));
        Self { library, pool, agent, limit: limits.whole }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let request = request.header(reqwest::header::USER_AGENT, self.agent).build()?;
        let limit = request.timeout().copied().unwrap_or(self.limit);
        let end = tokio::time::Instant::now() + limit;
        let sent = self.pool.request(request.try_into()?);
        let response = timeout(limit, sent).await.map_err(|_| SendError::TimedOut)??;
        let left = end.saturating_duration_since(tokio::time::Instant::now());
        Ok(response.map(|inner| Body::wrap(Timed { inner, end: Box::pin(sleep(left)) })).into())
    }
}

/// A body that fails if it is not complete in time.
struct Timed {
    inner: Incoming,
    end: Pin<Box<Sleep>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err("no answer in time".into())));
        }
        Pin::new(&mut self.inner).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Makes connections through the proxy.
#[derive(Clone)]
struct Connector {
    bind: Bind,
    proxy: Proxy,
    at: SocketAddr,
    limit: Duration,
}

/// A connection that was not made.
#[derive(Debug, Error)]
enum ConnectError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error("the URL has no host")]
    NoHost,
    #[error("the proxy closes the connection")]
    Closed,
    #[error("the server speaks first")]
    SpeaksFirst,
    #[error("no answer in time")]
    TimedOut,
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let made = timeout(connector.limit, connector.connect(&uri)).await;
            made.unwrap_or(Err(ConnectError::TimedOut))
        })
    }
}

impl Connector {
    async fn connect(&self, uri: &Uri) -> Result<TokioIo<TcpStream>, ConnectError> {
        let mut tunnel = Tunnel::connect(&self.proxy, &target(uri).ok_or(ConnectError::NoHost)?)?;
        let mut stream = TcpStream::from_std(sockets::connect(&self.bind, self.at, 0)?.into())?;
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(error.into());
        }
        let mut buf = [0; 512];
        loop {
            stream.write_all(&tunnel.poll_transmit()).await?;
            let got = stream.read(&mut buf).await?;
            if got == 0 {
                return Err(ConnectError::Closed);
            }
            match tunnel.handle(buf.get(..got).unwrap_or_default())? {
                Step::More => {}
                Step::Done { rest, .. } if rest.is_empty() => return Ok(TokioIo::new(stream)),
                Step::Done { .. } => return Err(ConnectError::SpeaksFirst),
            }
        }
    }
}

/// Returns the host and port of a URL. The proxy resolves names.
fn target(uri: &Uri) -> Option<Target> {
    let host = uri.host()?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Some(match bare.parse::<IpAddr>() {
        Ok(ip) => Target::Addr(SocketAddr::new(ip, port)),
        Err(_) => Target::Name(bare.to_owned(), port),
    })
}
