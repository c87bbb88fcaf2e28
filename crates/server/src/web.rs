//! The web UI: a page, and files that it loads from below `assets/`, with the hash of all files in their path.
//!
//! The page is public, as it shows nothing without the API. Its policy allows scripts and styles of this server only.

#[allow(dead_code, reason = "the build script uses all of it")]
mod bundle;
mod encoding;
#[cfg(test)]
mod link;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod link_tests;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use thiserror::Error;

use encoding::Packed;
pub(crate) use encoding::takes_gzip;

include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// Policy of the page. Trusted Types make a browser refuse texts that would become scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
/// Headers of the page besides its policy.
const PAGE_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (header::CACHE_CONTROL, "no-cache"),
];
/// Policy of a file that is opened as a page.
const ASSET_POLICY: &str = "default-src 'none'; sandbox";
/// Shortest time between two readings of a folder: anyone can ask for the page.
const READ_EVERY: Duration = Duration::from_secs(1);
/// A file never changes under its URL.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// A web UI that is served.
#[derive(Debug, Clone)]
pub(crate) struct Web(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Folder that is read again with requests of the page; `None` for the built-in files.
    dir: Option<PathBuf>,
    assets: RwLock<Arc<Assets>>,
    /// Time of the last reading, and its failure. Locked while the folder is read.
    read: Mutex<(Instant, Option<String>)>,
}

/// The folder of a web UI cannot be used.
#[derive(Debug, Error)]
#[error("cannot serve the web UI in {}: {error}; choose another web_dir", dir.display())]
pub struct WebError {
    /// The folder.
    pub dir: PathBuf,
    /// Cause.
    pub error: io::Error,
}

/// A page with its files, compressed.
#[derive(Debug)]
struct Assets {
    hash: String,
    page: Packed,
    files: BTreeMap<String, Packed>,
}

impl Assets {
    fn built_in() -> Self {
        let files = FILES.iter().map(|(path, packed)| ((*path).to_owned(), packed.clone()));
        Self { hash: HASH.to_owned(), page: PAGE.clone(), files: files.collect() }
    }

    fn read(dir: &FilePath) -> io::Result<Self> {
        let mut files = bundle::read(dir)?;
        let hash = bundle::hash(&files);
        let page = bundle::page(&files, &hash)?;
        files.remove(bundle::PAGE);
        let pack = |bytes: &[u8]| bundle::compress(bytes, 1).map(Packed::new);
        let packed = files.into_iter().map(|(path, bytes)| Ok((path, pack(&bytes)?)));
        let files = packed.collect::<io::Result<_>>()?;
        Ok(Self { hash, page: pack(page.as_bytes())?, files })
    }
}

impl Web {
    /// Returns the web UI in a folder, or the built-in one.
    ///
    /// # Errors
    /// The folder cannot be read, or has no page.
    pub(crate) fn new(dir: Option<PathBuf>) -> Result<Self, WebError> {
        let assets = match &dir {
            Some(dir) => Assets::read(dir).map_err(|error| WebError { dir: dir.clone(), error })?,
            None => Assets::built_in(),
        };
        let read = Mutex::new((Instant::now(), None));
        Ok(Self(Arc::new(Inner { dir, assets: RwLock::new(Arc::new(assets)), read })))
    }

    /// Returns the routes, all below `base_path`.
    pub(crate) fn routes(&self, base_path: &str) -> Router {
        let routes = Router::new()
            .route(&format!("{base_path}/"), get(page))
            .route(&format!("{base_path}/assets/{{hash}}/{{*path}}"), get(asset))
            .with_state(self.clone());
        if base_path.is_empty() {
            return routes;
        }
        let target = format!("{base_path}/");
        routes.route(base_path, get(move || async move { Redirect::permanent(&target) }))
    }

    fn assets(&self) -> Arc<Assets> {
        Arc::clone(&self.0.assets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the folder again, if there is one. Blocks.
    fn refresh(&self) -> Arc<Assets> {
        let Some(dir) = &self.0.dir else { return self.assets() };
        let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0.elapsed() >= READ_EVERY {
            let failure = match Assets::read(dir) {
                Ok(assets) => {
                    *self.0.assets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(assets);
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = failure.as_ref().filter(|error| read.1.as_ref() != Some(error)) {
                tracing::warn!(dir = %dir.display(), error, "cannot read the web UI again; the one before is served");
            }
            *read = (Instant::now(), failure);
        }
        self.assets()
    }
}

async fn page(State(web): State<Web>, headers: HeaderMap) -> Response {
    let is_dynamic = web.0.dir.is_some();
    let read = if is_dynamic {
        tokio::task::spawn_blocking(move || web.refresh()).await.ok()
    } else {
        Some(web.assets())
    };
    let Some(assets) = read else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    // Weak, as it is that of the compressed and of the plain form.
    let tag = format!("W/\"{}\"", assets.hash);
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|known| known.trim() == tag);
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => encoding::respond(&assets.page, "text/html; charset=utf-8", &headers),
    };
    for (name, value) in PAGE_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

async fn asset(
    State(web): State<Web>,
    Path((hash, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let assets = web.assets();
    let found = (hash == assets.hash).then(|| assets.files.get(&path)).flatten();
    let Some((bytes, media_type)) = found.zip(bundle::media_type(&path)) else {
        // A page of a version before asks for its files. It says so, and offers to load the page again.
        let mut response =
            (StatusCode::NOT_FOUND, "no such file in this version of the web UI\n").into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return response;
    };
    let mut response = encoding::respond(bytes, media_type, &headers);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOREVER));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(ASSET_POLICY));
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
