//! HTTP(S) requests: trackers and torrent files.

use reqwest::{Client, redirect};
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use url::Url;

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

/// Makes a client whose connections leave from `bind`, if given.
pub(crate) fn client(bind: Option<IpAddr>) -> Result<Client, FetchError> {
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
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("ztor/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(WHOLE_TIMEOUT)
        .local_address(bind)
        .redirect(redirect::Policy::custom(follow))
        .build()
        .map_err(|e| setup(&e))
}

/// A public server must not have us ask around in the local network.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    if !matches!(attempt.url().scheme(), "http" | "https") {
        return attempt.error("a redirect to another protocol");
    }
    let from_public = attempt.previous().last().is_some_and(|url| !is_local(url));
    if from_public && is_local(attempt.url()) {
        return attempt.error("a redirect from a public to a local address");
    }
    attempt.follow()
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local"),
        Some(url::Host::Ipv4(ip)) => is_local_v4(ip),
        Some(url::Host::Ipv6(ip)) => match ip.to_canonical() {
            IpAddr::V4(ip) => is_local_v4(ip),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
        },
        None => true,
    }
}

fn is_local_v4(ip: std::net::Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
}

/// Status and body of a GET; at most `max_len` bytes of body.
pub(crate) async fn get(client: &Client, url: &str, max_len: usize) -> Result<(u16, Vec<u8>), FetchError> {
    let mut response = client.get(url).send().await.map_err(plain)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(plain)? {
        if body.len() + chunk.len() > max_len {
            return Err(FetchError::TooLong(max_len));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// Fetches a file over HTTP(S), on a runtime of its own: for before there is a session.
pub fn fetch_url(url: &str, bind: Option<IpAddr>, max_len: usize) -> Result<Vec<u8>, FetchError> {
    let parsed = Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    if parsed.is_none() {
        return Err(FetchError::BadUrl(url.chars().take(80).collect()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| FetchError::Setup(e.to_string()))?;
    runtime.block_on(async {
        let (status, body) = get(&client(bind)?, url, max_len).await?;
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
