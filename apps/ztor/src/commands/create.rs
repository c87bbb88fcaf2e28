//! `ztor create`: creates a torrent file of a file or folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Serialize;
use ztor_metainfo::paths::with_extension;
use ztor_metainfo::{Magnet, Metainfo};

use crate::args::{CreateArgs, Date};
use crate::console::Console;
use crate::content::{self, TorrentFields};
use crate::exit::{CliError, Exit};
use crate::stop::Stop;
use crate::text::lossy_path;
use ztor_view::format::{Count, Size};

pub(super) fn run(args: &CreateArgs, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    let output = match &args.output {
        Some(path) => path.clone(),
        None => default_output(&args.path)?,
    };
    let fields = TorrentFields {
        tiers: tiers(&args.tracker)?,
        web_seeds: web_seeds(&args.web_seed)?,
        private: args.private,
        source: args.source.clone(),
        comment: args.comment.clone(),
        creation_date: date(args.date),
        output: Some(output.clone()),
    };
    // Hashing takes long, so check first what would fail after it.
    if !args.force && output.symlink_metadata().is_ok() {
        return Err(exists(&output).into());
    }
    if let (Ok(data), Ok(target)) = (args.path.canonicalize(), output.canonicalize())
        && data == target
    {
        let message = format!(
            "cannot write {}: it is the data itself, which the torrent file would replace",
            output.display()
        );
        return Err(CliError::usage(message).hint("choose another file with -o").into());
    }
    let Some(created) = content::make(&args.path, &args.content, fields, console, stop)? else {
        return Ok(Exit::Interrupted);
    };
    write_file(&output, &created.bytes, args.force)?;
    report(&output, &created, console);
    Ok(Exit::Ok)
}

#[derive(Serialize)]
#[serde(tag = "event", rename = "created")]
struct CreatedJson<'a> {
    #[serde(serialize_with = "lossy_path")]
    file: &'a Path,
    name: &'a str,
    info_hash_v1: Option<String>,
    info_hash_v2: Option<String>,
    magnet: String,
    total_bytes: u64,
    files: usize,
    pieces: u32,
    piece_length: u32,
    skipped: &'a [String],
}

fn report(output: &Path, created: &content::Created, console: &Console) {
    let meta: &Metainfo = &created.meta;
    let created = CreatedJson {
        file: output,
        name: &meta.name,
        info_hash_v1: meta.info_hashes.v1().map(|hash| hash.to_string()),
        info_hash_v2: meta.info_hashes.v2().map(|hash| hash.to_string()),
        magnet: Magnet::from(meta).to_string(),
        total_bytes: meta.layout.total_len(),
        files: crate::select::numbered(meta).count(),
        pieces: meta.layout.piece_count(),
        piece_length: meta.layout.piece_length(),
        skipped: &created.skipped,
    };
    if console.is_json() {
        return console.json(&created);
    }
    console.line(&format!(
        "{}: {} in {}, {} of {}",
        output.display(),
        Size(created.total_bytes),
        Count(created.files, "file"),
        Count(created.pieces, "piece"),
        Size(u64::from(created.piece_length)),
    ));
    for (label, hash) in [("v1", &created.info_hash_v1), ("v2", &created.info_hash_v2)] {
        if let Some(hash) = hash {
            console.line(&format!("info-hash {label}: {hash}"));
        }
    }
    console.line(&format!("magnet link: {}", created.magnet));
}

/// Parses the uses of `--tracker`: each is a tier, and commas separate its trackers.
fn tiers(flags: &[String]) -> Result<Vec<Vec<String>>, CliError> {
    let mut tiers = Vec::new();
    for flag in flags {
        let mut tier = Vec::new();
        for url in flag.split(',').map(str::trim).filter(|url| !url.is_empty()) {
            check_url("--tracker", url, &["http", "https", "udp", "ws", "wss"])?;
            tier.push(url.to_owned());
        }
        if tier.is_empty() {
            return Err(CliError::usage("cannot use --tracker: it is empty").hint("give an announce URL"));
        }
        tiers.push(tier);
    }
    Ok(tiers)
}

fn web_seeds(flags: &[String]) -> Result<Vec<String>, CliError> {
    for url in flags {
        check_url("--web-seed", url, &["http", "https", "ftp"])?;
    }
    Ok(flags.to_vec())
}

pub(super) fn check_url(flag: &str, url: &str, schemes: &[&str]) -> Result<(), CliError> {
    let fits = url.split_once("://").is_some_and(|(scheme, rest)| {
        schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme))
            && !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(char::is_whitespace)
    });
    if fits {
        return Ok(());
    }
    let known: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    Err(CliError::usage(format!("cannot use {flag} {url}: it is not a URL of an accepted kind"))
        .hint(format!("write a URL that begins with one of {}", known.join(", "))))
}

fn date(date: Date) -> Option<i64> {
    match date {
        Date::None => None,
        Date::Unix(seconds) => Some(seconds),
        Date::Now => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).ok()
        }
    }
}

/// Returns `NAME.torrent` in the current folder, where NAME is the name of the torrent.
fn default_output(path: &Path) -> anyhow::Result<PathBuf> {
    let real = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
    let Some(name) = path.file_name().or(real.file_name()) else {
        return Err(CliError::usage(format!("cannot name the torrent file: {} has no name", path.display()))
            .hint("choose a file with -o")
            .into());
    };
    // A name that is not UTF-8 is an error when the data is read.
    Ok(PathBuf::from(with_extension(&name.to_string_lossy(), ".torrent")))
}

/// Writes a temporary file and renames it, so that a failure leaves no partial torrent file and keeps an old one.
fn write_file(output: &Path, bytes: &[u8], force: bool) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", output.display());
    if output.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(CliError::new(
            Exit::Storage,
            format!("cannot write {}: it is not a regular file", output.display()),
        )
        .hint("choose another file with -o")
        .into());
    }
    let parent = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ztor-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary file is private by default. A torrent file has the usual permissions, which the umask limits.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(parent).with_context(cannot)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    let kept = if force { file.persist(output) } else { file.persist_noclobber(output) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(output).into()),
        Err(error) => Err(error.error).with_context(cannot),
    }
}

fn exists(output: &Path) -> CliError {
    CliError::new(Exit::Storage, format!("cannot write {}: it already exists", output.display()))
        .hint("choose another file with -o, or add --force to replace it")
}
