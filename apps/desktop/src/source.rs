//! Torrents to add: links, and torrent files of this machine.

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use ztor_api::AddSource;
use ztor_view::format::Count;
use ztor_view::text::cleaned;

/// Largest torrent file in bytes; the daemon has the same limit.
const LARGEST: u64 = 64 << 20;
/// Largest number of torrents at a time.
pub(crate) const MOST: usize = 1000;

/// A torrent to add, with a name for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Torrent in the form of a request.
    pub(crate) source: AddSource,
    /// Name until the daemon says more.
    pub(crate) name: String,
}

/// Returns the torrents that a text names, and the number of those that are too many: magnet links, info-hashes and URLs,
/// one per line or with spaces.
pub(crate) fn in_text(text: &str) -> (Vec<Source>, usize) {
    let mut links = text.split_whitespace().filter_map(link);
    let sources = links.by_ref().take(MOST).collect();
    (sources, links.count())
}

/// Returns the torrent that a link names.
pub(crate) fn link(text: &str) -> Option<Source> {
    let begins =
        |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    let shown = || cleaned(&text.chars().take(160).collect::<String>()).into_owned();
    if begins("magnet:") {
        let name = display_name(text).unwrap_or_else(shown);
        return Some(Source { source: AddSource::Magnet(text.to_owned()), name });
    }
    if begins("http://") || begins("https://") {
        return Some(Source { source: AddSource::Url(text.to_owned()), name: shown() });
    }
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base32 = text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7'));
    let is_hash = (matches!(text.len(), 40 | 64) && is_hex) || (text.len() == 32 && is_base32);
    is_hash.then(|| Source { source: AddSource::Magnet(text.to_owned()), name: shown() })
}

/// Returns the name in a magnet link.
fn display_name(link: &str) -> Option<String> {
    let value = link.split(['?', '&']).find_map(|part| part.strip_prefix("dn="))?;
    let name = percent_decode_str(&value.replace('+', " "))
        .decode_utf8_lossy()
        .chars()
        .take(300)
        .collect::<String>();
    (!name.trim().is_empty()).then(|| cleaned(&name).into_owned())
}

/// Returns what is told if more torrents are named than are added at a time.
pub(crate) fn too_many(left_out: usize) -> String {
    let more = Count(left_out as u64, "more torrent");
    format!(
        "{more} {} left out; at most {MOST} are added at a time",
        if left_out == 1 { "is" } else { "are" }
    )
}

/// Reads a torrent file.
///
/// # Errors
/// The text says in plain words what is wrong.
pub(crate) fn file(path: &Path) -> Result<Source, String> {
    let name = path
        .file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let name = cleaned(&name).into_owned();
    let failed = |reason: &dyn std::fmt::Display| format!("cannot read {name}: {reason}");
    // A pipe or a device would never end.
    if !std::fs::metadata(path).map_err(|error| failed(&error))?.is_file() {
        return Err(failed(&"this is not a file"));
    }
    let open = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.is_empty() {
        return Err(failed(&"the file is empty"));
    }
    if bytes.len() as u64 > LARGEST {
        return Err(failed(&"a torrent file has at most 64 MiB"));
    }
    // Some sites give files with a magnet link in them.
    if let Some(source) =
        std::str::from_utf8(&bytes).ok().filter(|_| bytes.len() < 64 << 10).and_then(|text| link(text.trim()))
    {
        return Ok(source);
    }
    if bytes.first() != Some(&b'd') {
        return Err(failed(&"this is not a torrent file"));
    }
    Ok(Source { source: AddSource::Torrent(BASE64.encode(&bytes)), name })
}

/// Returns the torrent that an argument of the command line or a dropped URL names.
///
/// # Errors
/// The text says in plain words what is wrong.
pub(crate) fn argument(text: &str) -> Result<Source, String> {
    match link(text) {
        Some(source) if !(text.len() <= 64 && Path::new(text).is_file()) => Ok(source),
        _ => file(&path_of(text)),
    }
}

/// Returns the path that an argument or the URL of a file names.
fn path_of(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix("file://") else { return PathBuf::from(text) };
    let path = rest.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(rest);
    PathBuf::from(OsString::from_vec(percent_decode_str(path).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn in_text_finds_links_and_nothing_else() {
        let text = "see magnet:?xt=urn:btih:ab&dn=A%20b+c%E2%80%AE\nhttps://x/y.torrent  0123456789abcdef0123456789abcdef01234567 no";
        let (found, left_out) = in_text(text);
        assert_eq!(left_out, 0);
        let names: Vec<&str> = found.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(
            names,
            ["A b c\u{fffd}", "https://x/y.torrent", "0123456789abcdef0123456789abcdef01234567"]
        );
        assert!(matches!(found[2].source, AddSource::Magnet(_)));
        assert!(in_text("ftp://x hello %").0.is_empty());
        let many: String = (0..MOST + 3).map(|index| format!("{index:040x}\n")).collect();
        assert_eq!((in_text(&many).0.len(), in_text(&many).1), (MOST, 3));
        assert_eq!(link("magnet:?dn=%&dn=x").unwrap().name, "%");
    }

    #[test]
    fn file_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.torrent");
        assert!(file(&path).unwrap_err().starts_with("cannot read a b.torrent: "));
        for (content, error) in [("", "is empty"), ("<html>", "not a torrent file")] {
            std::fs::write(&path, content).unwrap();
            assert!(file(&path).unwrap_err().contains(error));
        }
        std::fs::write(&path, "d4:infode").unwrap();
        assert_eq!(file(&path).unwrap().source, AddSource::Torrent(BASE64.encode(b"d4:infode")));
        let url = format!("file://{}", path.display().to_string().replace(' ', "%20"));
        assert_eq!(argument(&url).unwrap().name, "a b.torrent");
        let url = format!("file://localhost{}", path.display().to_string().replace(' ', "%20"));
        assert_eq!(argument(&url).unwrap().name, "a b.torrent");
        let long = "x".repeat(400);
        assert_eq!(path_of(&format!("file:///{long}%FF+%26&")).into_os_string().into_vec(), {
            let mut bytes = format!("/{long}").into_bytes();
            bytes.extend(b"\xff+&&");
            bytes
        });
        assert!(file(folder.path()).unwrap_err().contains("not a file"));
        assert!(file(Path::new("/dev/zero")).unwrap_err().contains("not a file"));
        std::fs::write(&path, "magnet:?xt=urn:btih:ab\n").unwrap();
        assert!(matches!(file(&path).unwrap().source, AddSource::Magnet(_)));
    }
}
