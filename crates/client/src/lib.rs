//! Access to a daemon: over its local socket, or over HTTP and HTTPS.
//!
//! ```no_run
//! # async fn show() -> Result<(), ztor_client::ClientError> {
//! use ztor_client::{Client, Target};
//!
//! let client = Client::new(Target::Socket("/home/me/.local/state/ztor/daemon/socket".into()))?;
//! let list = client.list(&Default::default()).await?;
//! println!("{} torrents", list.total);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod access;
mod bans;
mod error;
mod fingerprint;
pub mod live;
pub mod profiles;
mod target;
pub mod tasks;
mod tls;
mod verbs;
mod watch;
mod whole;

pub use error::ClientError;
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use target::{Credentials, Target};
pub use tls::Trust;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client as Http, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tls::Tls;
use ztor_api::{BASE, Problem};

/// Time for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest answer in bytes: a list of 100,000 torrents, or a large torrent file.
const MAX_ANSWER: usize = 512 << 20;

/// A daemon to make requests to. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    target: Target,
    tls: Tls,
}

impl Client {
    /// Creates a client. Nothing is sent before the first request.
    ///
    /// # Errors
    /// The target cannot be used.
    pub fn new(target: Target) -> Result<Self, ClientError> {
        let bad = |reason| ClientError::BadTarget { target: target.to_string(), reason };
        let tls = Tls::new(target.trust()).map_err(bad)?;
        let http = target.http(Http::builder().connect_timeout(CONNECT), &tls)?;
        Ok(Self { http, target, tls })
    }

    /// Returns scheme, host and port of the daemon for browsers, such as `https://box.example`; `None` if its local socket is
    /// used.
    pub fn web_address(&self) -> Option<String> {
        let Target::Url { base, .. } = &self.target else { return None };
        let (scheme, rest) = base.split_once("://")?;
        Some(format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()))
    }

    /// Returns the URL of the daemon before `/api`; `None` if its local socket is used.
    pub fn web_base(&self) -> Option<&str> {
        match &self.target {
            Target::Url { base, .. } => Some(base),
            _ => None,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{BASE}{path}", self.target.base()));
        match self.target.authorization() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// Makes an error of one of a request.
    fn failed(&self, error: reqwest::Error) -> ClientError {
        self.target.explain(&self.tls).unwrap_or_else(|| self.target.failed(error))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(self.request(Method::GET, path)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Answer(error.to_string()))?;
        let request = self.request(method, path).header("content-type", "application/json").body(body);
        self.json(request).await
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let bytes = self.bytes(request).await?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.to_string()))
    }

    async fn bytes(&self, request: RequestBuilder) -> Result<Vec<u8>, ClientError> {
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let bytes = self.body(response).await?;
        if status.is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Refused(problem)),
            Err(_) => Err(ClientError::Status(status.as_u16())),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.failed(error))? {
            if bytes.len() + part.len() > MAX_ANSWER {
                return Err(ClientError::Answer(format!("it is longer than {MAX_ANSWER} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }
}
