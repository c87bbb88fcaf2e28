//! Completion of paths and names while they are typed.

use std::path::Path;

use ztor_api::Folder;
use ztor_client::tasks::{Pending, Tasks};
use ztor_view::front::Front;
use ztor_view::text::cleaned;

/// Most candidates that are looked at: a folder may have millions of entries.
const MOST: usize = 10_000;
/// Most words of a text that are looked at as the begin of a path.
const MOST_WORDS: usize = 32;
/// Most candidates that are shown.
const MOST_SHOWN: usize = 20;

/// Source of completions of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// Files of this machine.
    LocalPath,
    /// Folders of the daemon's machine.
    DaemonDir,
    /// Categories.
    Category,
    /// Tags, with commas between them.
    Tags,
}

/// A completion that is under way, and the candidates of the last one.
#[derive(Debug, Default)]
pub(super) struct Completer {
    pending: Option<(Pending<Folder>, String)>,
    candidates: Vec<String>,
}

impl Completer {
    /// Forgets the candidates.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the candidates of the last completion.
    pub(super) fn shown(&self) -> String {
        let names = self.candidates.iter().take(MOST_SHOWN).map(|name| cleaned(name).into_owned());
        names.collect::<Vec<_>>().join("  ")
    }

    /// Begins the completion of a text. Returns the completed text if it is known at once.
    pub(super) fn begin(&mut self, text: &str, kind: Kind, front: &Front, tasks: &Tasks) -> Option<String> {
        self.clear();
        match kind {
            Kind::Plain => None,
            Kind::LocalPath => {
                // A path may have spaces, and there may be several.
                let begins =
                    text.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, c)| at + c.len_utf8());
                let begins: Vec<usize> = std::iter::once(0).chain(begins).collect();
                begins.into_iter().take(MOST_WORDS).find_map(|begin| {
                    let (before, path) = text.split_at(begin);
                    let (folder, word) = split(path);
                    self.choose(text, &format!("{before}{folder}"), word, local_names(&expanded(folder)))
                })
            }
            Kind::DaemonDir => {
                let (folder, _) = split(text);
                let dir = if folder.is_empty() { "/".to_owned() } else { folder.to_owned() };
                self.pending =
                    Some((tasks.ask(|client| async move { client.folder(&dir).await }), text.to_owned()));
                None
            }
            Kind::Category => {
                let paths = front.categories().iter().map(|category| category.path.clone()).collect();
                self.choose(text, "", text, paths)
            }
            Kind::Tags => {
                let (before, word) = text.rfind(',').map_or(("", text), |at| text.split_at(at + 1));
                let names = front.tags().iter().map(|tag| tag.name.clone()).collect();
                let begin = if before.is_empty() { String::new() } else { format!("{before} ") };
                self.choose(text, &begin, word.trim_start(), names)
            }
        }
    }

    /// Returns the completed text once the answer of the daemon is there.
    pub(super) fn poll(&mut self) -> Option<String> {
        let (pending, _) = self.pending.as_mut()?;
        let result = pending.poll()?;
        let (_, text) = self.pending.take()?;
        // A folder that cannot be read has no completions; what is wrong with it is said when it is used.
        let names = result.ok()?.folders.into_iter().map(|name| format!("{name}/")).collect();
        self.finish(&text, names)
    }

    fn finish(&mut self, text: &str, names: Vec<String>) -> Option<String> {
        let (folder, begin) = split(text);
        self.choose(text, folder, begin, names)
    }

    /// Extends `word` to what its candidates have in common.
    fn choose(&mut self, text: &str, before: &str, word: &str, names: Vec<String>) -> Option<String> {
        let mut found: Vec<String> = names.into_iter().filter(|name| name.starts_with(word)).collect();
        found.sort();
        let (first, last) = (found.first()?, found.last()?);
        // Of sorted texts, the first and the last differ first.
        let common = first
            .char_indices()
            .zip(last.chars())
            .find(|((_, a), b)| a != b)
            .map_or_else(|| first.len().min(last.len()), |((at, _), _)| at);
        let extended = format!("{before}{}", &first[..common]);
        if found.len() > 1 {
            self.candidates = found;
        }
        (extended != text).then_some(extended)
    }
}

/// Divides a path into its folder with the slash, and the rest.
fn split(text: &str) -> (&str, &str) {
    text.rfind('/').map_or(("", text), |at| text.split_at(at + 1))
}

/// Returns a path with the home folder for `~/`.
pub(super) fn expanded(path: &str) -> std::path::PathBuf {
    match (path.strip_prefix("~/"), etcetera::home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => Path::new(if path.is_empty() { "." } else { path }).to_owned(),
    }
}

/// Returns the names in a folder of this machine: folders end in a slash, and of the files only torrents count.
fn local_names(folder: &Path) -> Vec<String> {
    // A folder that cannot be read has no completions.
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().take(MOST).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        if entry.path().is_dir() {
            return Some(format!("{name}/"));
        }
        name.to_ascii_lowercase().ends_with(".torrent").then_some(name)
    });
    names.filter(|name| !name.starts_with('.')).collect()
}
