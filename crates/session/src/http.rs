//! HTTP(S) requests: trackers and torrent files.

use crate::bind::Bind;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONNECTION, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, redirect};
use rustls::{ClientConfig, RootCertStore};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use url::Url;
use ztor_base::addr::is_local;

/// Longest answer of a tracker that is read, after decompression.
pub(crate) const MAX_TRACKER_REPLY: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WHOLE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 5;

/// Why a URL could not be fetched. Says nothing of the URL's query, which may hold a passkey.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Not a URL, or of a kind that is not fetched.
    #[error("{0} is not an http or https address")]
    BadUrl(String),
    /// No answer.
    #[error("{0}")]
    Network(String),
    /// An answer that is no success.
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    /// More bytes than are read of such an answer.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The client could not be set up.
    #[error("cannot set up HTTP: {0}")]
    Setup(String),
}

fn client(bind: &Bind) -> Result<ClientBuilder, FetchError> {
    let setup = |e: &dyn std::fmt::Display| FetchError::Setup(e.to_string());
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without certificates of its own still reaches the public ones.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| setup(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = match bind.device() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Some(name) => Client::builder().interface(name),
        _ => Client::builder(),
    };
    Ok(builder
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("ztor/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(WHOLE_TIMEOUT)
        .local_address(bind.ip())
        // Trackers end a connection after one answer, many without saying so: a request on one that was kept
        // would meet its end, and the tracker would seem to fail.
        .pool_max_idle_per_host(0)
        .default_headers(HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]))
        // The address we come from may hold a passkey.
        .referer(false)
        .redirect(redirect::Policy::none()))
}

/// Looks names up, and forgets local addresses.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|addr| !is_local(addr.ip())).collect();
            if public.is_empty() {
                return Err("a public server may not send us to the local network".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Does GETs. A server on the public network must not have us ask around in the local one, whatever names it
/// uses for that.
#[derive(Clone)]
pub(crate) struct Fetcher {
    any: Client,
    public: Client,
}

impl Fetcher {
    /// Connections leave from `bind`, if given.
    pub(crate) fn new(bind: &Bind) -> Result<Self, FetchError> {
        let build = |builder: ClientBuilder| builder.build().map_err(|e| FetchError::Setup(e.to_string()));
        Ok(Self {
            any: build(client(bind)?)?,
            public: build(client(bind)?.dns_resolver(Arc::new(PublicOnly)))?,
        })
    }

    /// Status and body; at most `max_len` bytes of body. Follows redirects.
    pub(crate) async fn get(&self, url: &str, max_len: usize) -> Result<(u16, Vec<u8>), FetchError> {
        let mut url = parse(url)?;
        let mut client = &self.any;
        for _ in 0..=MAX_REDIRECTS {
            let mut response = client.get(url.clone()).send().await.map_err(plain)?;
            let target = response
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok())
                .and_then(|to| url.join(to).ok());
            if let Some(target) = target.filter(|_| response.status().is_redirection()) {
                // Behind a proxy the address is unknown: better too careful.
                if !response.remote_addr().is_some_and(|addr| is_local(addr.ip())) {
                    client = &self.public;
                    if literal_ip(&target).is_some_and(is_local) {
                        return Err(FetchError::Network(
                            "a redirect from a public to a local address".into(),
                        ));
                    }
                }
                url = parse(target.as_str())?;
                continue;
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(plain)? {
                if body.len() + chunk.len() > max_len {
                    return Err(FetchError::TooLong(max_len));
                }
                body.extend_from_slice(&chunk);
            }
            return Ok((response.status().as_u16(), body));
        }
        Err(FetchError::Network("too many redirects".into()))
    }
}

/// Addresses in the URL itself are not looked up, so the resolver does not see them.
fn literal_ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(ip) => Some(ip.into()),
        url::Host::Ipv6(ip) => Some(ip.into()),
        url::Host::Domain(_) => None,
    }
}

fn parse(url: &str) -> Result<Url, FetchError> {
    let parsed = Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    parsed.ok_or_else(|| FetchError::BadUrl(ztor_tracker::redact(url)))
}

/// Fetches a file over HTTP(S), on a runtime of its own: for before there is a session.
pub fn fetch_url(url: &str, bind: &Bind, max_len: usize) -> Result<Vec<u8>, FetchError> {
    parse(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| FetchError::Setup(e.to_string()))?;
    runtime.block_on(async {
        let (status, body) = Fetcher::new(bind)?.get(url, max_len).await?;
        if (200..300).contains(&status) { Ok(body) } else { Err(FetchError::Status(status)) }
    })
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn plain(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    if error.is_timeout() {
        return FetchError::Network("no answer in time".into());
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    FetchError::Network(if error.is_connect() { format!("cannot connect: {text}") } else { text })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Answers one request on each of `count` connections as if more were welcome; at the second it hangs up.
    fn answer_once_each(listener: &TcpListener, count: usize) {
        for stream in listener.incoming().take(count) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            if lines.any(|line| line.is_empty()) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                lines.any(|line| line.is_empty());
            }
        }
    }

    #[test]
    fn a_server_that_answers_once_per_connection_is_asked_again_and_again() {
        const TIMES: usize = 20;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/announce", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || answer_once_each(&listener, TIMES));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fetcher = Fetcher::new(&Bind::All).unwrap();
            for _ in 0..TIMES {
                assert_eq!(fetcher.get(&url, 100).await.unwrap(), (200, b"ok".to_vec()));
            }
        });
        // Whatever the client has left open ends with its runtime.
        drop(runtime);
        server.join().unwrap();
    }

    #[test]
    fn local_addresses_are_known_in_all_their_forms() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(local.parse().is_ok_and(is_local), "{local}");
        }
        for public in ["1.1.1.1", "100.128.0.1", "2001:4860::1"] {
            assert!(public.parse().is_ok_and(|ip| !is_local(ip)), "{public}");
        }
    }

    #[test]
    fn only_http_is_fetched_and_secrets_stay_out_of_errors() {
        let error = parse("ftp://host/announce?passkey=0123456789abcdef0123").unwrap_err().to_string();
        assert!(!error.contains("0123456789abcdef0123"), "{error}");
    }
}
