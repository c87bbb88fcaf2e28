//! Files in memory, served over HTTP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The media type of torrent files.
pub const TORRENT_TYPE: &str = "application/x-bittorrent";

/// Everything but the unreserved characters of RFC 3986.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Files in memory, served under their names at the root. Clones share the files, and changes take effect at once.
/// Everyone who reaches the server can read them.
///
/// ```
/// use ztor_server::files::{Files, TORRENT_TYPE};
///
/// let files = Files::new();
/// files.put("my holiday.torrent", TORRENT_TYPE, b"d4:infodee".to_vec())?;
/// assert_eq!(Files::path("my holiday.torrent"), "/my%20holiday.torrent");
/// assert!(files.put("announce", TORRENT_TYPE, Vec::new()).is_err(), "a path of the tracker");
/// // A running server has a clone, which shares the files.
/// assert!(files.clone().remove("my holiday.torrent"));
/// assert!(!files.remove("my holiday.torrent"));
/// # Ok::<(), ztor_server::files::NameError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Files(Arc<RwLock<BTreeMap<String, File>>>);

/// One of [`Files`].
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// A name under which no file can be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot serve {name:?}: a name must be one part of a path, and not announce or scrape")]
pub struct NameError {
    /// The name.
    pub name: String,
}

impl Files {
    /// Creates an empty set of files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves `bytes` as `name`, in place of an earlier file of that name.
    ///
    /// # Errors
    /// If `name` is empty, `.` or `..`, contains a slash, or is one of the tracker's own.
    pub fn put(&self, name: &str, media_type: &'static str, bytes: Vec<u8>) -> Result<(), NameError> {
        if matches!(name, "" | "." | ".." | "announce" | "scrape") || name.contains('/') {
            return Err(NameError { name: name.to_owned() });
        }
        let file = File { media_type, bytes: bytes.into() };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), file);
        Ok(())
    }

    /// Stops serving `name`. Returns false if there is no such file.
    pub fn remove(&self, name: &str) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    /// Returns the path of a name in a URL, with its slash, and percent-encoded.
    pub fn path(name: &str) -> String {
        format!("/{}", utf8_percent_encode(name, PATH))
    }

    pub(crate) fn get(&self, name: &str) -> Option<File> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Returns a page that lists the files.
    pub(crate) fn index_page(&self) -> String {
        let mut list = String::new();
        for (name, file) in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let (path, name, bytes) = (Self::path(name), escape_html(name), file.bytes.len());
            // Writing to a String cannot fail.
            let _ = writeln!(list, "<li><a href=\"{path}\">{name}</a> ({bytes} bytes)</li>");
        }
        let body = if list.is_empty() {
            "<p>A BitTorrent tracker.</p>\n".to_owned()
        } else {
            format!("<ul>\n{list}</ul>\n")
        };
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>ztor</title>\n<h1>ztor</h1>\n{body}</html>\n"
        )
    }
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn put_of_a_name_with_a_slash_or_of_the_tracker_is_an_error() {
        let files = Files::new();
        for name in ["", ".", "..", "a/b", "/", "announce", "scrape"] {
            assert!(files.put(name, TORRENT_TYPE, vec![]).is_err(), "{name}");
        }
        files.put("a b.torrent", TORRENT_TYPE, vec![1]).unwrap();
        assert!(files.get("a b.torrent").is_some());
        assert!(files.remove("a b.torrent") && !files.remove("a b.torrent"));
    }

    #[test]
    fn index_page_with_special_names_escapes_them() {
        let files = Files::new();
        files.put("<b> \"é\".torrent", TORRENT_TYPE, vec![1, 2]).unwrap();
        let page = files.index_page();
        assert!(
            page.contains(
                "<a href=\"/%3Cb%3E%20%22%C3%A9%22.torrent\">&lt;b&gt; &quot;é&quot;.torrent</a> (2 bytes)"
            ),
            "{page}"
        );
    }
}
