//! The files of a web UI as a bundle. The build script and the server share this module.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

/// Name of the page.
pub(crate) const PAGE: &str = "index.html";
/// Module with which the page begins.
pub(crate) const ENTRY: &str = "main.js";
/// Prefix of the files in the page; the hash of all follows it.
const PREFIX: &str = "assets/";
/// Place in the page for the links to the modules that the entry imports.
const PRELOADS: &str = "<!-- preload -->";
/// Media types by extension. Other files are left out.
const TYPES: [(&str, &str); 6] = [
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("webmanifest", "application/manifest+json"),
];
/// Ends of the names of files that serve development.
const FOR_TESTS: [&str; 5] = [".test.js", ".helpers.js", ".test.html", "package.json", "tsconfig.json"];
/// Names of folders that serve development.
const FOLDERS_FOR_TESTS: [&str; 2] = ["browser", "node_modules"];
/// Maximum depth of folders.
const MAX_DEPTH: usize = 16;
/// Maximum number of bytes of all files, and of files.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 4096;

/// Files by their paths, with `/` between their parts.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Returns the media type of a path; `None` if such files are not served.
pub(crate) fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    TYPES.into_iter().find(|(known, _)| *known == extension).map(|(_, media_type)| media_type)
}

/// Reads the files of a folder and of those in it.
pub(crate) fn read(dir: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut left = MAX_BYTES;
    read_into(dir, "", &mut left, &mut files)?;
    Ok(files)
}

fn read_into(dir: &Path, prefix: &str, left: &mut u64, files: &mut Files) -> io::Result<()> {
    if prefix.matches('/').count() > MAX_DEPTH {
        return Err(too_large());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !FOLDERS_FOR_TESTS.contains(&name.as_str()) {
            read_into(&entry.path(), &format!("{path}/"), left, files)?;
        }
        let is_served =
            (path == PAGE || media_type(&name).is_some()) && !FOR_TESTS.iter().any(|end| name.ends_with(end));
        if !kind.is_file() || !is_served {
            continue;
        }
        *left = left.checked_sub(entry.metadata()?.len()).ok_or_else(too_large)?;
        files.insert(path, std::fs::read(entry.path())?);
        if files.len() > MAX_FILES {
            return Err(too_large());
        }
    }
    Ok(())
}

fn too_large() -> io::Error {
    io::Error::other(format!(
        "the folder has more than {MAX_FILES} files, {} MiB, or {MAX_DEPTH} levels",
        MAX_BYTES >> 20
    ))
}

/// Returns a hash of all files, for their URLs.
pub(crate) fn hash(files: &Files) -> String {
    let mut hasher = Sha256::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(part.len().to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the page with the URLs of its files, and links to the modules that are needed at first, so that the browser
/// requests them all at once.
pub(crate) fn page(files: &Files, hash: &str) -> io::Result<String> {
    let page = files.get(PAGE).ok_or_else(|| io::Error::other(format!("there is no {PAGE}")))?;
    let page =
        String::from_utf8(page.clone()).map_err(|_| io::Error::other(format!("{PAGE} is not UTF-8")))?;
    let links = preloads(files).into_iter().fold(String::new(), |mut links, path| {
        let _ = write!(links, "<link rel=\"modulepreload\" href=\"{PREFIX}{path}\">");
        links
    });
    let page = page.replace(PRELOADS, &links);
    Ok(page.replace(&format!("\"{PREFIX}"), &format!("\"{PREFIX}{hash}/")))
}

/// Returns the modules that the entry imports, directly or not, in the order of their discovery.
fn preloads(files: &Files) -> Vec<String> {
    let mut found = vec![ENTRY.to_owned()];
    let mut seen: BTreeSet<String> = found.iter().cloned().collect();
    let mut at = 0;
    while let Some(path) = found.get(at).cloned() {
        at += 1;
        let Some(source) = files.get(&path).and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
            continue;
        };
        let imported = imports(source).filter_map(|relative| resolve(&path, relative));
        let new: Vec<String> = imported.filter(|path| files.contains_key(path)).collect();
        found.extend(new.into_iter().filter(|path| seen.insert(path.clone())));
    }
    found
}

/// Returns the paths in the static imports of a module, as they are written.
pub(crate) fn imports(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().filter(|line| {
        let begins = ["import ", "export ", "} from "].iter().any(|word| line.starts_with(word));
        begins && !line.starts_with("import(") && (line.contains(" from '") || line.starts_with("import '"))
    });
    lines.filter_map(|line| {
        let (_, rest) = line.split_once(" from '").or_else(|| line.split_once("import '"))?;
        rest.split_once('\'').map(|(path, _)| path)
    })
}

/// Returns a path that is relative to a module as a path of the bundle.
pub(crate) fn resolve(module: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = module.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Compresses a file.
pub(crate) fn compress(bytes: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes)?;
    encoder.finish()
}
