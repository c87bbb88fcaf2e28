use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::{DirEntry, WalkDir};
use ztor_metainfo::create::Input;

use super::{CreateError, CreateOptions, Source, Stamp, Symlinks, Warning, is_executable};
use crate::error::{At, Operation, StorageError};

/// Files and links below a folder. A link has an input, and a source that is never opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub inputs: Vec<Input>,
    pub sources: Vec<Source>,
    pub warnings: Vec<Warning>,
}

pub(super) fn walk(root: &Path, options: &CreateOptions, stop: &AtomicBool) -> Result<Found, CreateError> {
    let ignore = compile(&options.ignore)?;
    let keep = |entry: &DirEntry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        entry.depth() == 0 || ((options.hidden || !hidden) && !ignore.is_match(below))
    };
    let entries = WalkDir::new(root)
        .follow_root_links(true)
        .follow_links(options.symlinks == Symlinks::Follow)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(keep);
    let mut found = Found::default();
    for entry in entries {
        if stop.load(Ordering::Relaxed) {
            return Err(CreateError::Stopped);
        }
        let entry = entry.map_err(|error| walk_error(root, error))?;
        if !entry.file_type().is_dir() {
            found.take(root, &entry, options)?;
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, root: &Path, entry: &DirEntry, options: &CreateOptions) -> Result<(), CreateError> {
        let path = entry.path();
        let below = path.strip_prefix(root).unwrap_or(path);
        if entry.file_type().is_symlink() {
            if options.symlinks != Symlinks::Keep {
                self.warnings.push(Warning::Symlink(path.to_owned()));
                return Ok(());
            }
            let Some(target) = target_inside(root, path, below)? else {
                self.warnings.push(Warning::OutwardLink(path.to_owned()));
                return Ok(());
            };
            let link = Input { symlink: Some(elements(&target)?), ..Input::new(elements(below)?, 0) };
            let metadata = std::fs::metadata(path).at(Operation::Inspect, || path.to_owned())?;
            self.add(link, path, &metadata);
            return Ok(());
        }
        if !entry.file_type().is_file() {
            self.warnings.push(Warning::Special(path.to_owned()));
            return Ok(());
        }
        if let Some(output) = &options.output
            && path.file_name() == output.file_name()
            && is_same_file(path, output)
        {
            self.warnings.push(Warning::Output(path.to_owned()));
            return Ok(());
        }
        let metadata = entry.metadata().map_err(|error| walk_error(root, error))?;
        let input =
            Input { executable: is_executable(&metadata), ..Input::new(elements(below)?, metadata.len()) };
        self.add(input, path, &metadata);
        Ok(())
    }

    fn add(&mut self, input: Input, path: &Path, metadata: &std::fs::Metadata) {
        self.inputs.push(input);
        self.sources.push(Source { path: path.to_owned(), stamp: Stamp::of(metadata) });
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Returns the target of a link as a path below the folder; `None` if it is outside or does not exist.
fn target_inside(root: &Path, link: &Path, below: &Path) -> Result<Option<PathBuf>, CreateError> {
    let target = std::fs::read_link(link).at(Operation::Read, || link.to_owned())?;
    if !link.exists() {
        return Ok(None);
    }
    let mut walked = below.parent().map(Path::to_owned).unwrap_or_default();
    for component in target.components() {
        match component {
            Component::Normal(name) => walked.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !walked.pop() {
                    return Ok(None);
                }
            }
            Component::RootDir | Component::Prefix(_) => return Ok(None),
        }
    }
    // `..` was resolved lexically; behind another link the system may resolve it differently.
    let inside = !walked.as_os_str().is_empty()
        && matches!((root.join(&walked).canonicalize(), link.canonicalize()), (Ok(a), Ok(b)) if a == b)
        && matches!((root.canonicalize(), link.canonicalize()), (Ok(root), Ok(end)) if end.starts_with(&root));
    Ok(inside.then_some(walked))
}

fn elements(below: &Path) -> Result<Vec<String>, CreateError> {
    let names = below.components().map(|component| component.as_os_str().to_str().map(str::to_owned));
    names.collect::<Option<_>>().ok_or_else(|| CreateError::NotUtf8 { path: below.to_owned() })
}

fn compile(patterns: &[String]) -> Result<GlobSet, CreateError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let wrong = |error: globset::Error| CreateError::Glob {
            pattern: pattern.clone(),
            reason: error.kind().to_string(),
        };
        let trimmed = pattern.trim_start_matches("./").trim_end_matches('/');
        let whole = match trimmed.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        set.add(GlobBuilder::new(&whole).literal_separator(true).build().map_err(wrong)?);
    }
    set.build()
        .map_err(|error| CreateError::Glob { pattern: patterns.join(", "), reason: error.kind().to_string() })
}

fn walk_error(root: &Path, error: walkdir::Error) -> StorageError {
    let path = error.path().unwrap_or(root).to_owned();
    let text = error.to_string();
    // An error that is not of the system is a loop of links.
    let cause = error.into_io_error().unwrap_or_else(|| io::Error::other(text));
    StorageError::io(Operation::Open, path, cause)
}
