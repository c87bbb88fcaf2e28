//! Folders, torrents and foreign files of a run, and its processes.

use super::start;
use crate::process::{Invocation, Process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Number of torrents.
const TORRENTS: usize = 14;
/// Largest file in bytes.
const MAX_FILE: usize = 3 << 20;

/// Folders, torrents and foreign files.
pub(super) struct World {
    dir: PathBuf,
    ztor: PathBuf,
    pub(super) torrents: Vec<Content>,
    foreign: BTreeMap<PathBuf, (SystemTime, Vec<u8>)>,
    /// Address of the seed.
    pub(super) peer: String,
    _seed: Process,
}

/// A torrent, and its data.
pub(super) struct Content {
    pub(super) name: String,
    /// Content of the torrent file in base64.
    pub(super) base64: String,
    /// Files by their path below the download folder.
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
}

impl World {
    /// Creates everything, and starts a seed.
    pub(super) fn create(dir: &Path, ztor: &Path, rng: &mut fastrand::Rng) -> Result<Self> {
        let source = dir.join("source");
        std::fs::create_dir_all(&source)?;
        let mut torrents = Vec::new();
        let mut args = vec!["seed".to_owned(), "--json".into(), "--bind".into(), "127.0.0.1".into()];
        args.extend(["--port".into(), "0".into(), "--in".into(), source.display().to_string()]);
        for number in 0..TORRENTS {
            let content = Content::create(number, &source, dir, ztor, rng)?;
            args.push(dir.join(format!("{}.torrent", content.name)).display().to_string());
            torrents.push(content);
        }
        let log = dir.join("seed.log");
        let seed = Process::start(&Invocation::new(ztor).args(args), None, &dir.join("seed-home"), &log)?;
        let port = wait_for_port(&seed)?;
        let mut foreign = BTreeMap::new();
        for folder in folders(dir) {
            std::fs::create_dir_all(&folder)?;
            let path = folder.join("foreign.txt");
            let bytes = format!("not of ztor {}", rng.u64(..)).into_bytes();
            std::fs::write(&path, &bytes)?;
            foreign.insert(path.clone(), (std::fs::metadata(&path)?.modified()?, bytes));
        }
        let (dir, ztor) = (dir.to_owned(), ztor.to_owned());
        Ok(Self { dir, ztor, torrents, foreign, peer: format!("127.0.0.1:{port}"), _seed: seed })
    }

    /// Returns the path of the daemon's local socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("state/socket")
    }

    /// Returns the download folders.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        folders(&self.dir)
    }

    /// Starts the daemon. Its log replaces that of the round before.
    pub(super) fn start_daemon(&self) -> Result<Process> {
        // A socket without a listener is left by a daemon that was killed.
        let state = self.dir.join("state").display().to_string();
        let downloads = self.folders()[0].display().to_string();
        let args = [
            "daemon",
            "--json",
            "--state-dir",
            &state,
            "--download-dir",
            &downloads,
            "--bind",
            "127.0.0.1",
            "--port",
            "0",
            "--listen",
            "",
        ];
        start(&self.ztor, &args, &self.dir.join("home"), &self.dir.join("daemon.log"))
    }

    /// Deletes the data of a torrent that was removed, which would be in the way of a later move.
    pub(super) fn remove_data(&self, name: &str) -> Result<()> {
        for folder in self.folders() {
            match std::fs::remove_dir_all(folder.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Fails if a file that is not ztor's has changed.
    pub(super) fn check_foreign_files(&self) -> Result<()> {
        for (path, (modified, bytes)) in &self.foreign {
            let now = std::fs::metadata(path).with_context(|| format!("{} is gone", path.display()))?;
            if now.modified()? != *modified || std::fs::read(path)? != *bytes {
                bail!("{} was changed", path.display());
            }
        }
        Ok(())
    }
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    ["downloads", "moved"].map(|name| dir.join(name)).to_vec()
}

impl Content {
    fn create(
        number: usize,
        source: &Path,
        dir: &Path,
        ztor: &Path,
        rng: &mut fastrand::Rng,
    ) -> Result<Self> {
        let name = format!("content-{number}");
        let mut files = BTreeMap::new();
        for file in 0..rng.usize(1..5) {
            let mut bytes = vec![0; rng.usize(1..MAX_FILE)];
            rng.fill(&mut bytes);
            let path = Path::new(&name).join(format!("{file}.bin"));
            std::fs::create_dir_all(source.join(&name))?;
            std::fs::write(source.join(&path), &bytes)?;
            files.insert(path, bytes);
        }
        let torrent = dir.join(format!("{name}.torrent"));
        let create = Invocation::new(ztor).args(["create", "--piece-length", "64KiB"]);
        create.arg(source.join(&name)).arg("-o").arg(&torrent).output(None, &dir.join("home"))?;
        Ok(Self { name, base64: base64(&std::fs::read(&torrent)?), files })
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn wait_for_port(seed: &Process) -> Result<u64> {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        for line in seed.log_text()?.lines() {
            let event: Option<Value> = serde_json::from_str(line).ok();
            if let Some(port) =
                event.filter(|event| event["event"] == "listening").and_then(|e| e["port"].as_u64())
            {
                return Ok(port);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("the seed does not listen:\n{}", seed.log_text()?)
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_has_the_padding_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("M", "TQ=="), ("Ma", "TWE="), ("Man", "TWFu"), ("Many", "TWFueQ==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
