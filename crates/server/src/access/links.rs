//! Signed links: whoever has one may read one file until it expires, without credentials.
//!
//! The signature covers the path and the time, and the generation of the account: a new password ends all links, and so
//! does the end of the process, which has the key.

use super::clock::now_unix_s;
use super::denied::Denied;
use super::secret::Digest;
use super::shared::Access;
use axum::http::Method;
use axum::http::request::Parts;
use ztor_api::{DownloadLink, ProblemKind};

/// End of the routes that links lead to.
const CONTENT: &str = "/content";

impl Access {
    /// Makes a link to a file: `route` is its path below the API.
    pub(crate) fn link_to(&self, route: &str, valid_s: u64) -> DownloadLink {
        let expires_unix_s = now_unix_s().saturating_add(valid_s);
        let signature = self.signature(route, expires_unix_s);
        let base = format!("{}{}", self.base_path(), ztor_api::BASE);
        DownloadLink {
            path: format!("{base}{route}?expires={expires_unix_s}&signature={}", signature.to_hex()),
            expires_unix_s,
        }
    }

    /// Decides about a request with a signature; `None` if it has none.
    pub(super) fn check_link(&self, parts: &Parts, route: Option<&str>) -> Option<Result<(), Denied>> {
        let route = route.filter(|route| is_download(&parts.method, route))?;
        let query = parts.uri.query().unwrap_or_default();
        let value = |name| url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        let (_, signature) = value("signature")?;
        let expires = value("expires").and_then(|(_, text)| text.parse::<u64>().ok());
        let signature = Digest::from_hex(&signature);
        let is_good = expires.zip(signature).is_some_and(|(expires, signature)| {
            now_unix_s() < expires && self.signature(route, expires).is_same(&signature)
        });
        Some(match is_good {
            true => Ok(()),
            false => Err(Denied::new(
                ProblemKind::Forbidden,
                "the link has expired, or is not as it was made: make a new one",
            )),
        })
    }

    fn signature(&self, route: &str, expires_unix_s: u64) -> Digest {
        let generation = self.state().generation;
        self.0.passwords.sign_link(generation, route, expires_unix_s)
    }
}

/// Returns true for requests of the content of a file.
fn is_download(method: &Method, route: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
        && route.starts_with("/torrents/")
        && route.contains("/files/")
        && route.ends_with(CONTENT)
}
