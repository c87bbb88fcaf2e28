//! A WebSocket to the daemon: over its local socket, TCP or TLS.

use crate::target::Target;
use crate::{Client, ClientError};
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::{Error, Message};
use url::Url;
use ztor_api::{BASE, Problem};

/// Time for a connection to one address.
const EACH: Duration = Duration::from_secs(4);

/// A stream of bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;
pub(super) type Received = Result<Message, Error>;

/// Returns when a silent connection is checked: it ends after 24 seconds without an answer.
fn keepalive() -> socket2::TcpKeepalive {
    let each = Duration::from_secs(4);
    socket2::TcpKeepalive::new().with_time(Duration::from_secs(12)).with_interval(each).with_retries(3)
}

/// Connects to the first address of a host that answers. Each gets a part of the time, as a route may be dead.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        match tokio::time::timeout(EACH, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Opens the WebSocket of the daemon.
pub(super) async fn open(client: &Client) -> Result<Socket, ClientError> {
    let target = &client.target;
    let bad = |reason: String| ClientError::BadTarget { target: target.to_string(), reason };
    let failed = |reason: String| ClientError::Connection { target: target.to_string(), reason };
    let url =
        Url::parse(&format!("{}{BASE}/events", target.base())).map_err(|error| bad(error.to_string()))?;
    let stream: Box<dyn Stream> = match target {
        Target::Socket(path) => match UnixStream::connect(path).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return Err(ClientError::NoDaemon { path: path.clone() }),
        },
        Target::Url { .. } => {
            let host = url.host_str().ok_or_else(|| bad("it has no host".to_owned()))?;
            // A literal IPv6 address is in brackets.
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = url.port_or_known_default().ok_or_else(|| bad("it has no port".to_owned()))?;
            let stream = connect(host, port).await.map_err(|error| failed(error.to_string()))?;
            // Small requests are not held back, and a network that is gone is found out while nothing is sent. Failure
            // costs only time.
            let _ = stream.set_nodelay(true);
            let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive());
            if url.scheme() == "https" {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| bad(error.to_string()))?;
                let connector = TlsConnector::from(Arc::clone(&client.tls.config));
                let stream = connector.connect(name, stream).await;
                Box::new(stream.map_err(|error| {
                    target.explain(&client.tls).unwrap_or_else(|| failed(error.to_string()))
                })?)
            } else {
                Box::new(stream)
            }
        }
    };
    let mut url = url;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).map_err(|()| bad("it has no scheme of HTTP".to_owned()))?;
    let mut request = url.as_str().into_client_request().map_err(|error| bad(error.to_string()))?;
    if let Some(value) = target.authorization() {
        let value = value.parse().map_err(|_| bad("the credentials have forbidden characters".to_owned()))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err(match serde_json::from_slice::<Problem>(body) {
                Ok(problem) => ClientError::Refused(problem),
                Err(_) => ClientError::Status(response.status().as_u16()),
            })
        }
        Err(error) => Err(failed(error.to_string())),
    }
}
