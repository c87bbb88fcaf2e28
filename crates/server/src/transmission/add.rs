//! `torrent-add`.

use super::State;
use super::details::indexes;
use super::dialect::{Args, Dialect, Key};
use super::extras::name;
use super::failure::{Code, Failure};
use super::files_choice::{Choice, choose};
use super::methods::{Answer, object};
use super::set::{labels_of, sequential_from};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Map, json};
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use ztor_api::{AddOptions, Added};
use ztor_daemon::session::{FetchError, Magnet};
use ztor_daemon::{DaemonError, ForeignApi, NewContent, parse_torrent};

/// Maximum length of a torrent file on the daemon's machine, in bytes.
const MAX_TORRENT: u64 = 64 << 20;
/// `O_NONBLOCK`: the opening of a pipe does not wait for its writer.
const NONBLOCK: i32 = rustix_nonblock();

const fn rustix_nonblock() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits() as i32
}

impl State {
    /// Adds a torrent.
    pub(crate) async fn add(&self, args: &Args, dialect: Dialect) -> Answer {
        let dir = args.text("download_dir").filter(|dir| !dir.is_empty());
        if dir.is_some_and(|dir| !Path::new(dir).is_absolute()) {
            return Err(Failure::new(Code::NotAbsolute, "download directory path is not absolute"));
        }
        let labels = args.get("labels").map(labels_of).transpose()?.unwrap_or_default();
        let content = self.content(args).await?;
        let (choice, pieces) = match &content {
            NewContent::Metainfo(meta) => {
                (choose(args, &indexes(meta), None)?, Some(meta.layout.piece_count()))
            }
            NewContent::Magnet(_) => (Choice::default(), None),
        };
        let from_piece = sequential_from(args, pieces)?;
        let options = AddOptions {
            dir: dir.map(str::to_owned),
            // The labels of a torrent that is there already stay as they are, as in the genuine server.
            tags: if self.is_known(&content) { Vec::new() } else { labels },
            paused: args.flag("paused"),
            sequential: args.flag("sequential_download"),
            files: choice.files.clone(),
            ..AddOptions::default()
        };
        let (key, id, hash, added_name) = match self.foreign.daemon().add_content(content, &options).await? {
            Added::Added { id, hash, name } => {
                self.keep_new(id, args, &choice, from_piece).await?;
                (Key::new("torrent_added", "torrent-added"), id, hash, name)
            }
            Added::Duplicate { id, hash, name } => {
                (Key::new("torrent_duplicate", "torrent-duplicate"), id, hash, name)
            }
            Added::Failed { problem } => return Err(Failure::new(Code::System, problem.detail)),
        };
        let hash_key = Key::new("hash_string", "hashString").name(dialect);
        let torrent = json!({ "id": id, "name": added_name, hash_key: hash });
        object(Map::from_iter([(key.name(dialect).to_owned(), torrent)]))
    }

    /// Keeps the values of a new torrent that only this API has.
    async fn keep_new(
        &self,
        id: u64,
        args: &Args,
        choice: &Choice,
        from_piece: Option<u32>,
    ) -> Result<(), Failure> {
        let mut values = Map::new();
        if let Some(limit) = args.count("peer_limit") {
            values.insert(name::PEER_LIMIT.to_owned(), limit.into());
        }
        if let Some(priority) = args.int("bandwidth_priority") {
            values.insert(name::BANDWIDTH_PRIORITY.to_owned(), priority.clamp(-1, 1).into());
        }
        if let Some(piece) = from_piece {
            values.insert(name::FROM_PIECE.to_owned(), piece.into());
        }
        if !choice.unwanted.is_null() {
            values.extend([choice.values()]);
        }
        if values.is_empty() {
            return Ok(());
        }
        Ok(self.foreign.daemon().change_torrent_values(ForeignApi::Transmission, &[id], &values).await?)
    }

    fn is_known(&self, content: &NewContent) -> bool {
        let hashes = match content {
            NewContent::Metainfo(meta) => meta.info_hashes,
            NewContent::Magnet(magnet) => magnet.info_hashes,
        };
        self.foreign.table().find(&hashes.to_string()).is_some()
    }

    /// Returns the torrent of a request: its file in base64, a magnet link, an info-hash, an URL, or a path on this machine.
    async fn content(&self, args: &Args) -> Result<NewContent, Failure> {
        if let Some(text) = args.text("metainfo").filter(|text| !text.is_empty()) {
            let text = text.to_owned();
            return in_background(move || parsed(&decode(&text)?)).await;
        }
        let Some(filename) = args.text("filename").map(str::trim).filter(|name| !name.is_empty()) else {
            return Err(Failure::new(Code::Params, "no filename or metainfo specified"));
        };
        let is_of_scheme = |scheme: &str| {
            filename.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if is_of_scheme("magnet:") {
            let magnet = filename.parse::<Magnet>().map_err(|_| Failure::from(Code::Unrecognized))?;
            return Ok(NewContent::Magnet(Box::new(magnet)));
        }
        if is_of_scheme("http://") || is_of_scheme("https://") {
            let cookies = args.text("cookies").filter(|cookies| !cookies.is_empty());
            let fetched = self.foreign.daemon().fetch_torrent(filename, cookies).await;
            return fetched.map_err(|error| match error {
                DaemonError::Fetch { error: FetchError::Status(status), .. } => {
                    Failure::new(Code::Http, format!("Couldn't fetch torrent: HTTP status {status}"))
                }
                DaemonError::Fetch { error, .. } => {
                    Failure::new(Code::Http, format!("Couldn't fetch torrent: {error}"))
                }
                DaemonError::BadTorrent(_) => Code::Unrecognized.into(),
                error => error.into(),
            });
        }
        if filename.starts_with('/') {
            let path = filename.to_owned();
            return in_background(move || parsed(&read_file(Path::new(&path))?)).await;
        }
        let magnet = Magnet::of_hash(filename).ok_or_else(|| Failure::from(Code::Unrecognized))?;
        Ok(NewContent::Magnet(Box::new(magnet)))
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::new(Code::System, error.to_string())))
}

/// Decodes base64 as clients write it: with line ends, of either alphabet, and with or without padding.
fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    let plain: String = text.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let decoded = BASE64.decode(plain.as_bytes()).or_else(|_| {
        let plain = plain.trim_end_matches('=').replace('+', "-").replace('/', "_");
        BASE64URL_NOPAD.decode(plain.as_bytes())
    });
    decoded.map_err(|_| Code::Unrecognized.into())
}

fn parsed(bytes: &[u8]) -> Result<NewContent, Failure> {
    parse_torrent(bytes).map_err(|error| {
        tracing::debug!(%error, "a torrent cannot be used");
        Code::Unrecognized.into()
    })
}

/// Reads a torrent file on this machine. What is in another file is not told.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Code::System, format!("cannot read {}: {error}", path.display()))
    };
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::new(Code::System, format!("cannot read {}: it is no file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(MAX_TORRENT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TORRENT {
        return Err(Code::Unrecognized.into());
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_clients_write_it() {
        for text in ["aGVsbG8/Pz8=", "aGVs\r\nbG8/Pz8=\n", "aGVsbG8/Pz8", "aGVsbG8_Pz8="] {
            assert_eq!(decode(text).unwrap(), b"hello???", "{text}");
        }
        assert!(decode("%%%").is_err());
    }

    #[test]
    fn only_plain_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.torrent");
        std::fs::write(&file, b"text").unwrap();
        assert_eq!(read_file(&file).unwrap(), b"text");
        for path in [dir.path(), &dir.path().join("missing"), Path::new("/dev/zero")] {
            assert!(read_file(path).is_err(), "{}", path.display());
        }
    }
}
