//! Files of torrents, for downloads by a browser or a player.

use super::Api;
use super::answer::{Answer, Json, Refused};
use super::body::JsonBody;
use super::path::Path;
use super::torrents::find;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::SeekFrom;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _, ReadBuf, Take};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::io::ReaderStream;
use ztor_api::{DownloadLink, DownloadLinkRequest, ProblemKind};

/// Bytes per read.
const READ_LEN: usize = 256 * 1024;
/// Longest time for which a link is valid, in seconds.
const MAX_VALID_S: u64 = 7 * 24 * 60 * 60;

pub(super) async fn make_link(
    State(api): State<Api>,
    Path((torrent, index)): Path<(String, usize)>,
    JsonBody(request): JsonBody<DownloadLinkRequest>,
) -> Answer<DownloadLink> {
    let DownloadLinkRequest { valid_s } = request;
    if !(1..=MAX_VALID_S).contains(&valid_s) {
        let detail = format!("valid_s: found {valid_s}, expected 1 to {MAX_VALID_S}");
        return Err(Refused::new(ProblemKind::BadRequest, detail));
    }
    let key = find(&api, &torrent)?;
    // Refuses what the link could not deliver.
    drop(api.daemon().open_file(key, index).await?);
    // By the id, which remains; a term may select another torrent later.
    let route = format!("/torrents/{}/files/{index}/content", key.as_u64());
    Ok(Json(api.access().link_to(&route, valid_s)))
}

pub(super) async fn read(
    State(api): State<Api>,
    Path((torrent, index)): Path<(String, usize)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let key = find(&api, &torrent)?;
    // Reads wait in threads that all parts of the daemon share, and a disk may not respond.
    let turn = api.take_transfer().ok_or_else(|| {
        Refused::new(ProblemKind::Unavailable, "too many files are being read; try again in a moment")
    })?;
    let opened = api.daemon().open_file(key, index).await?;
    // A complete file does not change.
    let tag = format!("\"{}-{index}\"", opened.hash);
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_current = value(header::IF_RANGE).is_none_or(|of| of == tag);
    let range =
        value(header::RANGE).filter(|_| is_current).map(|range| parse_range(range, opened.size_bytes));
    let (status, start, len) = match range.flatten() {
        None => (StatusCode::OK, 0, opened.size_bytes),
        Some(Range::Part { start, len }) => (StatusCode::PARTIAL_CONTENT, start, len),
        Some(Range::Outside) => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let mut file = tokio::fs::File::from_std(opened.file);
    if start > 0 {
        file.seek(SeekFrom::Start(start))
            .await
            .map_err(|error| Refused::new(ProblemKind::Storage, format!("cannot read the file: {error}")))?;
    }
    let body = match len {
        0 => Body::empty(),
        _ => Body::from_stream(ReaderStream::with_capacity(
            Counted { file: file.take(len), _turn: turn },
            READ_LEN,
        )),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let total = opened.size_bytes;
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::CONTENT_LENGTH, &len.to_string());
    set(header::CACHE_CONTROL, "private, no-store");
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &tag);
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let last = start.saturating_add(len).saturating_sub(1);
            set(header::CONTENT_RANGE, &format!("bytes {start}-{last}/{total}"));
        }
        StatusCode::RANGE_NOT_SATISFIABLE => set(header::CONTENT_RANGE, &format!("bytes */{total}")),
        _ => {}
    }
    set(header::CONTENT_TYPE, media_type(&opened.name));
    // A page or script out of a torrent must not run with the rights of the user interface.
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    let name = utf8_percent_encode(&opened.name, NON_ALPHANUMERIC);
    set(header::CONTENT_DISPOSITION, &format!("attachment; filename*=UTF-8''{name}"));
    Ok(response)
}

/// A file that is being sent.
struct Counted {
    file: Take<tokio::fs::File>,
    _turn: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.file).poll_read(cx, buf)
    }
}

/// A range of a file that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Part {
        start: u64,
        len: u64,
    },
    /// No byte of it exists.
    Outside,
}

/// Reads the header `Range` (RFC 9110 §14.2). `None` for the whole file: for several ranges, other units, and mistakes.
fn parse_range(text: &str, total: u64) -> Option<Range> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let (start, end) = match (first, last) {
        ("", "") => return None,
        // The last bytes.
        ("", count) => (total.saturating_sub(digits(count)?), total),
        (first, "") => (digits(first)?, total),
        (first, last) => {
            let (first, last) = (digits(first)?, digits(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(total))
        }
    };
    Some(match end.checked_sub(start) {
        Some(len @ 1..) => Range::Part { start, len },
        _ => Range::Outside,
    })
}

/// Returns the media type of a file by its extension, for players. Everything else is bytes.
fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "mp4" | "m4v" => "video/mp4",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "mov" => "video/quicktime",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "flac" => "audio/flac",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_range_follows_rfc_9110() {
        let part = |start, len| Some(Range::Part { start, len });
        let cases = [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-", part(500, 500)),
            ("bytes=-1", part(999, 1)),
            ("bytes=-5000", part(0, 1000)),
            ("bytes=990-5000", part(990, 10)),
            ("bytes=1000-", Some(Range::Outside)),
            ("bytes=-0", Some(Range::Outside)),
            ("bytes=18446744073709551615-18446744073709551615", Some(Range::Outside)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=-", None),
            ("items=0-1", None),
            ("bytes=99999999999999999999-", None),
            ("", None),
        ];
        for (text, range) in cases {
            assert_eq!(parse_range(text, 1000), range, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Some(Range::Outside));
    }

    #[test]
    fn media_type_of_pages_and_scripts_is_bytes() {
        for name in ["a.html", "a.svg", "a.js", "a.xhtml", "a", "a.MP4.html"] {
            assert_eq!(media_type(name), "application/octet-stream");
        }
        assert_eq!(media_type("film.MKV"), "video/x-matroska");
    }
}
