//! Torrents as the command line names them: files, URLs, magnet links.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use ztor_metainfo::{Magnet, Metainfo};
use ztor_session::{Bind, FetchError, fetch_url};

use crate::exit::{Exit, Fault};
use crate::stop::Stop;

/// One TORRENT argument, before anything is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    File(&'a Path),
    Url(&'a str),
    Magnet(&'a str),
}

impl<'a> Source<'a> {
    pub(crate) fn parse(text: &'a str) -> Source<'a> {
        let has_scheme =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
        if has_scheme("magnet:") {
            Source::Magnet(text)
        } else if has_scheme("http://") || has_scheme("https://") {
            Source::Url(text)
        } else {
            Source::File(Path::new(text))
        }
    }
}

/// Reads and parses a torrent file. No more than the largest allowed torrent is ever read, whatever the file
/// is.
pub(crate) fn torrent_file(path: &Path) -> anyhow::Result<Metainfo> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}"))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(Fault::new(Exit::BadTorrent, format!("{shown} is a folder, not a torrent file")).into());
    }
    let mut bytes = Vec::new();
    let limit = ztor_metainfo::MAX_TORRENT_LEN as u64;
    file.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {shown}"))?;
    torrent(&bytes).with_context(|| format!("{shown} is not a usable torrent file"))
}

/// Parses a torrent file's bytes.
pub(crate) fn torrent(bytes: &[u8]) -> anyhow::Result<Metainfo> {
    if bytes.is_empty() {
        return Err(Fault::new(Exit::BadTorrent, "it is empty").into());
    }
    Metainfo::from_bytes(bytes).map_err(anyhow::Error::new)
}

/// Parses a magnet link.
pub(crate) fn magnet(link: &str) -> anyhow::Result<Magnet> {
    link.parse().context("not a usable magnet link")
}

/// Fetches a torrent file; `None` if the user stopped it.
pub(crate) fn torrent_url(url: &str, bind: &Bind, stop: &Stop) -> anyhow::Result<Option<Metainfo>> {
    let (answer, reply) = channel();
    let (asked, bind) = (url.to_owned(), bind.clone());
    // On a thread of its own, so that Ctrl-C need not wait for a server that doesn't answer.
    std::thread::spawn(move || answer.send(fetch_url(&asked, &bind, ztor_metainfo::MAX_TORRENT_LEN)));
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
    torrent(&bytes).map(Some).with_context(|| format!("what {shown} leads to is not a usable torrent file"))
}

/// A URL without what is often secret in it: user name, password and query.
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
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(
            shown_url("https://me:word@x.example/a@b.torrent?passkey=1#x"),
            "https://x.example/a@b.torrent"
        );
        assert_eq!(shown_url("http://x"), "http://x");
    }

    #[test]
    fn sources_are_told_apart() {
        assert_eq!(Source::parse("magnet:?xt=x"), Source::Magnet("magnet:?xt=x"));
        assert_eq!(Source::parse("HTTPS://x/y.torrent"), Source::Url("HTTPS://x/y.torrent"));
        assert_eq!(Source::parse("httpfile"), Source::File(Path::new("httpfile")));
        assert_eq!(Source::parse("é.torrent"), Source::File(Path::new("é.torrent")));
    }
}
