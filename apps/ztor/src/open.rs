//! Opens the TORRENT arguments of the command line: files, URLs, magnet links.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use ztor_metainfo::{InfoHashes, Magnet, Metainfo, Publisher};
use ztor_session::{DHT_ROUTERS, FetchError, Route, Use, fetch_url, look_up_publishers};

use crate::args::NetArgs;
use crate::exit::{CliError, Exit};
use crate::stop::Stop;

/// Time limit of a lookup in the DHT.
const DHT_PATIENCE: Duration = Duration::from_secs(60);

/// One TORRENT argument, before anything is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    File(&'a Path),
    Url(&'a str),
    /// A magnet link, or the one made of a bare info-hash.
    Magnet(Cow<'a, str>),
}

impl<'a> Source<'a> {
    pub(crate) fn parse(argument: &'a OsStr) -> Source<'a> {
        let file = Source::File(Path::new(argument));
        // An argument that is not UTF-8 can only be the name of a file.
        let Some(text) = argument.to_str().map(str::trim) else { return file };
        let has_scheme =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
        if has_scheme("magnet:") || has_scheme("magnet%3a") {
            return Source::Magnet(text.into());
        }
        if has_scheme("http://") || has_scheme("https://") {
            return Source::Url(text);
        }
        match Magnet::of_hash(text) {
            Some(magnet) if !Path::new(argument).exists() => Source::Magnet(magnet.to_string().into()),
            _ => file,
        }
    }
}

/// Content of a TORRENT argument.
#[derive(Debug)]
pub(crate) enum Opened {
    Torrent(Box<Metainfo>),
    Magnet(Magnet),
}

/// Reads or fetches the torrent that an argument names; `None` if the user stopped it.
pub(crate) fn open(argument: &OsStr, net: &NetArgs, stop: &Stop) -> anyhow::Result<Option<Opened>> {
    match Source::parse(argument) {
        Source::File(path) => file(path).map(Some),
        Source::Url(url) => from_url(url, net.route(Use::Other)?, stop),
        Source::Magnet(link) => match (link.parse::<Magnet>(), link.parse::<Publisher>()) {
            (Err(_), Ok(publisher)) => of_publisher(publisher, net, stop),
            _ => magnet(&link).map(|magnet| Some(Opened::Magnet(magnet))),
        },
    }
}

/// Looks up the current torrent of a publisher in the DHT (BEP 46); `None` if the user stopped it.
fn of_publisher(publisher: Publisher, net: &NetArgs, stop: &Stop) -> anyhow::Result<Option<Opened>> {
    if net.no_dht {
        let message = "cannot look up the torrent of a publisher: the DHT is off";
        return Err(CliError::usage(message).hint("leave out --no-dht").into());
    }
    if net.proxy.is_for_peers() {
        let message =
            "cannot look up the torrent of a publisher: the lookup in the DHT does not go through a proxy";
        return Err(CliError::usage(message).into());
    }
    let nodes = dht_nodes(&net.dht_bootstrap);
    let (route, shown) = (net.route(Use::Peers)?, publisher.to_string());
    let looked_up = in_thread(stop, move || look_up_publishers(&[publisher], &route, &nodes, DHT_PATIENCE));
    let Some(found) = looked_up else { return Ok(None) };
    let found = found.with_context(|| format!("cannot look up {shown}"))?;
    match found.into_iter().flatten().next() {
        Some(published) => Ok(Some(Opened::Magnet(Magnet::new(InfoHashes::V1(published.info_hash))))),
        None => {
            let message = format!("cannot look up {shown}: no DHT node knows a torrent of this publisher");
            Err(CliError::new(Exit::Network, message).into())
        }
    }
}

/// Returns the nodes through which the DHT is entered.
pub(crate) fn dht_nodes(chosen: &[String]) -> Vec<String> {
    let usual = || DHT_ROUTERS.iter().map(|router| (*router).to_owned()).collect();
    if chosen.is_empty() { usual() } else { chosen.to_vec() }
}

/// Runs slow work in a thread of its own, so that Ctrl-C does not wait for it; `None` if the user stopped it.
pub(crate) fn in_thread<T: Send + 'static>(
    stop: &Stop,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, reply) = channel();
    std::thread::spawn(move || answer.send(work()));
    loop {
        match reply.recv_timeout(Duration::from_millis(50)) {
            Ok(done) => return Some(done),
            Err(RecvTimeoutError::Timeout) if !stop.is_set() => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Reads a torrent file, or a file with a magnet link in it. Reads at most one byte more than the largest torrent file
/// may have.
fn file(path: &Path) -> anyhow::Result<Opened> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let metadata = file.metadata();
    if metadata.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
        return Err(CliError::new(
            Exit::BadTorrent,
            format!("cannot use {shown}: it is a folder, not a torrent file"),
        )
        .into());
    }
    let mut bytes = Vec::new();
    let limit = ztor_metainfo::MAX_TORRENT_LEN as u64;
    file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {shown}"))?;
    if bytes.len() as u64 > limit {
        // The length of a pipe is unknown.
        let len = metadata.map_or(0, |metadata| metadata.len()).max(bytes.len() as u64);
        let message = format!("cannot use {shown}: it has {len} bytes, and a torrent file at most {limit}");
        return Err(CliError::new(Exit::BadTorrent, message).into());
    }
    understand(&bytes, &shown.to_string()).with_context(|| format!("cannot use {shown}"))
}

/// Reads a torrent file; a magnet link in it is an error.
pub(crate) fn torrent_file(path: &Path) -> anyhow::Result<Metainfo> {
    match file(path)? {
        Opened::Torrent(meta) => Ok(*meta),
        Opened::Magnet(_) => {
            let message = format!(
                "cannot use {}: it contains a magnet link, and a torrent file is needed here",
                path.display()
            );
            Err(CliError::new(Exit::BadTorrent, message)
                .hint("`ztor get --metadata-only` writes the torrent file of a magnet link")
                .into())
        }
    }
}

/// Returns the warning about a `private` field without effect; `None` if there is none.
pub(crate) fn notice(meta: &Metainfo) -> Option<String> {
    meta.is_private_outside().then(|| {
        format!(
            "{} has `private` outside its info dictionary, where it has no effect (BEP 27): the torrent is treated as \
             public",
            meta.name
        )
    })
}

/// Parses bytes from `place` as a torrent or a magnet link.
fn understand(bytes: &[u8], place: &str) -> anyhow::Result<Opened> {
    let start = bytes.trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if start.is_empty() {
        return Err(CliError::new(Exit::BadTorrent, "it is empty").into());
    }
    if start.first() == Some(&b'<') {
        // HTML or XML, which a server sends in place of the file.
        return Err(CliError::new(Exit::BadTorrent, format!("{place} is a web page, not a torrent"))
            .hint("open it in a browser: it may ask for a login, or link to the torrent file")
            .into());
    }
    if start.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"magnet:")) {
        let text = String::from_utf8_lossy(start);
        return magnet(text.lines().next().unwrap_or_default()).map(Opened::Magnet);
    }
    Ok(Opened::Torrent(Box::new(Metainfo::from_bytes(bytes)?)))
}

/// Parses a magnet link.
pub(crate) fn magnet(link: &str) -> anyhow::Result<Magnet> {
    link.parse().with_context(|| {
        let shown: String = link.chars().take(60).collect();
        format!("cannot use the magnet link {shown}")
    })
}

/// Fetches a torrent file or magnet link from a URL; `None` if the user stopped it.
fn from_url(url: &str, route: Route, stop: &Stop) -> anyhow::Result<Option<Opened>> {
    let (answer, reply) = channel();
    let asked = url.to_owned();
    // In its own thread, so that Ctrl-C does not wait for a server that does not answer.
    std::thread::spawn(move || answer.send(fetch_url(&asked, &route, ztor_metainfo::MAX_TORRENT_LEN)));
    let fetched = loop {
        match reply.recv_timeout(Duration::from_millis(50)) {
            Ok(fetched) => break fetched,
            Err(RecvTimeoutError::Timeout) if stop.is_set() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break Err(FetchError::Network("no answer".into())),
        }
    };
    let shown = shown_url(url);
    let bytes = fetched.with_context(|| format!("cannot fetch {shown}"))?;
    understand(&bytes, &shown).map(Some).with_context(|| format!("cannot use {shown}"))
}

/// Returns a URL without user name, password and query, which are often secret.
fn shown_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host_end = rest.find('/').unwrap_or(rest.len());
            let host_start = rest[..host_end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host_start..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn shown_url_of_a_url_with_secrets_leaves_them_out() {
        assert_eq!(
            shown_url("https://me:word@x.example/a@b.torrent?passkey=1#x"),
            "https://x.example/a@b.torrent"
        );
        assert_eq!(shown_url("http://x"), "http://x");
    }

    #[test]
    fn parse_of_an_argument_detects_its_kind() {
        fn parse(text: &str) -> Source<'_> {
            Source::parse(OsStr::new(text))
        }
        assert_eq!(parse("magnet:?xt=x"), Source::Magnet("magnet:?xt=x".into()));
        assert_eq!(parse(" \n Magnet:?xt=x "), Source::Magnet("Magnet:?xt=x".into()));
        assert_eq!(parse("magnet%3A%3Fxt%3Dx"), Source::Magnet("magnet%3A%3Fxt%3Dx".into()));
        assert_eq!(parse(" HTTPS://x/y.torrent"), Source::Url("HTTPS://x/y.torrent"));
        assert_eq!(parse("httpfile"), Source::File(Path::new("httpfile")));
        assert_eq!(parse("é.torrent"), Source::File(Path::new("é.torrent")));
        for hash in ["0123456789abcdef0123456789ABCDEF01234567", "AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYU"] {
            assert!(matches!(parse(hash), Source::Magnet(link) if link.starts_with("magnet:?xt=urn:btih:")));
        }
        let v2 = "ab".repeat(32);
        assert_eq!(parse(&v2), Source::Magnet(format!("magnet:?xt=urn:btmh:1220{v2}").into()));
        assert_eq!(parse("012345"), Source::File(Path::new("012345")));
    }

    #[test]
    #[cfg(unix)]
    fn parse_of_an_argument_that_is_not_utf8_is_a_file() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"caf\xe9.torrent");
        assert_eq!(Source::parse(name), Source::File(Path::new(name)));
    }

    #[test]
    fn understand_detects_links_web_pages_and_empty_files() {
        let link = format!("\r\n magnet:?xt=urn:btih:{}\nmore", "a".repeat(40));
        assert!(matches!(understand(link.as_bytes(), "x"), Ok(Opened::Magnet(_))));
        for page in ["<!DOCTYPE html><html>", "  <html>", "\u{feff}<?xml ?>"] {
            let error = understand(page.as_bytes(), "http://x/y").unwrap_err().to_string();
            assert_eq!(error, "http://x/y is a web page, not a torrent");
        }
        assert_eq!(understand(b" \n", "x").unwrap_err().to_string(), "it is empty");
    }
}
