//! The web UI in a folder, such as VueTorrent, which is served beside the API.

use super::Qb;
use super::answer::{Failure, respond};
use crate::access::Connection;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

/// Maximum length of a file, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// Policy of pages: the content of the server alone, as a web UI of another program may need inline styles and workers.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    script-src 'self' 'unsafe-inline'; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; \
    object-src 'none'; form-action 'self'; base-uri 'self'; frame-ancestors 'self'";
/// Media types by extension.
const TYPES: [(&str, &str); 19] = [
    ("css", "text/css; charset=utf-8"),
    ("gif", "image/gif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
];

/// Serves a file of the web UI. All of them are public, since they show nothing without the API; qBittorrent keeps those in
/// `private` for users who have logged in, and those in `public` for its login page.
pub(super) async fn serve(qb: &Qb, parts: &Parts) -> Response {
    let Some(dir) = qb.0.web_dir.clone() else {
        let text = "This address is for programs that speak with qBittorrent: the API is below /api/v2.";
        return respond(Err(Failure::new(StatusCode::NOT_FOUND, text)), &parts.headers).await;
    };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        return respond(Err(failure), &parts.headers).await;
    }
    let known = parts.extensions.get::<Connection>().is_some();
    let path = percent_decode_str(parts.uri.path())
        .decode_utf8()
        .ok()
        .filter(|_| known)
        .map(|path| path.into_owned());
    let found = match path {
        Some(path) => tokio::task::spawn_blocking(move || read(&dir, &path)).await.ok().flatten(),
        None => None,
    };
    let Some((bytes, media_type)) = found else {
        return respond(Err(Failure::not_found()), &parts.headers).await;
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    let all = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Reads the file at a path of a URL. `None` if there is none, or it is none that is served. Blocks.
fn read(dir: &Path, path: &str) -> Option<(Vec<u8>, &'static str)> {
    let below = below(path)?;
    // Like qBittorrent, files may lie below `public` or `private`.
    let places = ["", "public", "private"].map(|place| dir.join(place).join(&below));
    places.iter().find_map(|place| read_below(dir, place).ok().flatten())
}

/// Returns the path of a file below the folder. `None` for paths that lead elsewhere, and for hidden files.
fn below(path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix('/')?;
    let path =
        if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    };
    let path = PathBuf::from(path);
    let text = path.as_os_str().as_encoded_bytes();
    let is_usable = !text.contains(&0) && !text.contains(&b'\\') && path.components().all(is_plain);
    is_usable.then_some(path)
}

fn read_below(dir: &Path, path: &Path) -> io::Result<Option<(Vec<u8>, &'static str)>> {
    let Some(media_type) = media_type(path) else { return Ok(None) };
    // Links may lead to other places in the folder, not out of it.
    let (dir, path) = (dir.canonicalize()?, path.canonicalize()?);
    if !path.starts_with(&dir) {
        return Ok(None);
    }
    // Before it is opened: a pipe would wait for its writer.
    let about = path.metadata()?;
    if !about.is_file() || about.len() > MAX_FILE {
        return Ok(None);
    }
    let file = File::open(&path)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some((bytes, media_type)))
}

fn media_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    TYPES.into_iter().find(|(known, _)| *known == extension).map(|(_, media_type)| media_type)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn below_refuses_paths_that_lead_elsewhere() {
        assert_eq!(below("/"), Some("index.html".into()));
        assert_eq!(below("/a/b.js"), Some("a/b.js".into()));
        for path in
            ["", "/../x", "/a/../b", "//etc/passwd", "/.git/config", "/a/.env", "/a\0b", "/a\\..\\b", "x"]
        {
            assert_eq!(below(path), None, "{path:?}");
        }
    }

    #[test]
    fn read_serves_known_types_inside_of_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("web");
        std::fs::create_dir_all(dir.join("public/assets")).unwrap();
        std::fs::write(folder.path().join("secret.js"), "secret").unwrap();
        std::fs::write(dir.join("public/index.html"), "page").unwrap();
        std::fs::write(dir.join("public/assets/a.js"), "code").unwrap();
        std::fs::write(dir.join("public/password"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.js"), dir.join("out.js")).unwrap();
        std::os::unix::fs::symlink(dir.join("public/assets/a.js"), dir.join("in.js")).unwrap();
        std::fs::create_dir(dir.join("folder.js")).unwrap();
        assert_eq!(read(&dir, "/").unwrap(), (b"page".to_vec(), "text/html; charset=utf-8"));
        assert_eq!(read(&dir, "/assets/a.js").unwrap().0, b"code");
        assert_eq!(read(&dir, "/in.js").unwrap().0, b"code");
        for path in ["/out.js", "/password", "/folder.js", "/none.js", "/../secret.js"] {
            assert!(read(&dir, path).is_none(), "{path}");
        }
    }
}
