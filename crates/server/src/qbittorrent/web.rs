//! The web UI in a folder, such as VueTorrent, which is served beside the API.

use super::Qb;
use super::answer::{Failure, respond};
use crate::foreign::{folder, mime};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use std::path::Path;

/// Policy of pages: the content of the server alone, as a web UI of another program may need inline styles and workers.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    script-src 'self' 'unsafe-inline'; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; \
    object-src 'none'; form-action 'self'; base-uri 'self'; frame-ancestors 'self'";
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
    let path = parts.uri.path().to_owned();
    let found = tokio::task::spawn_blocking(move || read(&dir, &path)).await.ok().flatten();
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
    let below = folder::relative(path.strip_prefix('/')?)?;
    let media_type = mime::known(below.to_str()?)?;
    // Like qBittorrent, files may lie below `public` or `private`.
    let bytes = ["", "public", "private"]
        .into_iter()
        .find_map(|place| folder::read(dir, &Path::new(place).join(&below)).ok())?;
    Some((bytes, media_type))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

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
