//! Files of a web client, from a folder.

use super::page::page;
use super::{State, mime};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

/// Maximum length of a file, in bytes.
const MAX_FILE: u64 = 64 << 20;
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// Answers a request of a file below `/transmission/web/`.
pub(crate) async fn serve(state: &State, parts: &Parts, path: &str) -> Response {
    let is_head = parts.method == Method::HEAD;
    if !is_head && parts.method != Method::GET {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED, "Files are for GET.");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(dir) = state.web_dir.clone() else {
        let text = "There is no web client here. Set transmission_web_dir to the folder of one, or use that of ztor itself.";
        return page(StatusCode::NOT_FOUND, text);
    };
    let missing = || page(StatusCode::NOT_FOUND, "There is no such file.");
    let Some(path) = relative(path) else { return missing() };
    let media_type = mime::of(path.to_str().unwrap_or_default());
    let read = tokio::task::spawn_blocking(move || read(&dir, &path)).await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a file of the web client is not served");
            return missing();
        }
        Err(error) => {
            tracing::error!(%error, "a file of the web client was not read");
            return missing();
        }
    };
    let length = bytes.len();
    let body = if is_head { Body::empty() } else { Body::from(bytes) };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    response
}

/// Returns the path below the folder; `None` for one that may lead out of it. That of a folder is its page.
fn relative(path: &str) -> Option<PathBuf> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    if decoded.contains(['\0', '\\']) {
        return None;
    }
    let mut relative = PathBuf::new();
    for part in Path::new(decoded.as_ref()).components() {
        match part {
            Component::Normal(part) => relative.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    if decoded.is_empty() || decoded.ends_with('/') {
        relative.push("index.html");
    }
    Some(relative)
}

/// Reads a file whose real path, without links, is below the folder.
fn read(dir: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let dir = dir.canonicalize()?;
    let real = dir.join(path).canonicalize()?;
    if !real.starts_with(&dir) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "a link leads out of the folder"));
    }
    // Without links in its path; the last part must not have become one since.
    let flags = NONBLOCK | rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&real)?;
    read_file(file)
}

fn read_file(file: File) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file, or too long"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder() {
        let of = |path| relative(path).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(of("").as_deref(), Some("index.html"));
        assert_eq!(of("a/b.js").as_deref(), Some("a/b.js"));
        assert_eq!(of("a%20b/").as_deref(), Some("a b/index.html"));
        for path in ["..", "../x", "a/../../x", "%2e%2e/x", "/etc/passwd", "%2fetc", "a%00", "..%5cx", "%ff"]
        {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn links_out_of_the_folder_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        std::fs::write(dir.path().join("page"), "page").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("file")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("page", dir.path().join("inside")).unwrap();
        let read = |path: &str| read(dir.path(), Path::new(path));
        assert_eq!(read("page").unwrap(), b"page");
        assert_eq!(read("inside").unwrap(), b"page");
        for path in ["file", "folder/secret", "missing", "."] {
            assert!(read(path).is_err(), "{path}");
        }
    }
}
