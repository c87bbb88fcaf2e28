//! Selection of a torrent's files by number or glob, and the location of its data on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ztor_metainfo::{File, Metainfo};
use ztor_session::FilePatterns;
use ztor_storage::namings;

use crate::exit::{CliError, Exit};

/// Returns the files that a user can name: number in the output of `ztor show`, index in the layout, and file. Numbers
/// start at 1 and skip pad files.
pub(crate) fn numbered(meta: &Metainfo) -> impl Iterator<Item = (usize, usize, &File)> {
    let real = meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad);
    real.enumerate().map(|(n, (index, file))| (n + 1, index, file))
}

/// Parsed value of `--files`.
#[derive(Debug)]
pub(crate) struct Selection(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    text: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// First and last number, both inclusive.
    Numbers(usize, usize),
    Glob(FilePatterns),
}

impl Selection {
    /// Parses all uses of the flag; `None` without any, when every file is wanted.
    pub(crate) fn parse(flags: &[String]) -> Result<Option<Selection>, CliError> {
        let mut patterns = Vec::new();
        for text in flags.iter().flat_map(|flag| split_list(flag)) {
            if !text.is_empty() {
                patterns.push(Pattern { text: text.to_owned(), kind: Kind::parse(text)? });
            }
        }
        match (flags.is_empty(), patterns.is_empty()) {
            (true, _) => Ok(None),
            (false, true) => Err(CliError::usage("cannot use --files: it is empty")
                .hint("give numbers as `ztor show` lists them, or globs")),
            (false, false) => Ok(Some(Selection(patterns))),
        }
    }

    /// Returns true for each wanted file of a torrent, by layout index. A pattern that matches nothing is most likely a
    /// mistake, and an error.
    pub(crate) fn wanted(&self, meta: &Metainfo) -> Result<Vec<bool>, CliError> {
        let mut wanted = vec![false; meta.layout.files().len()];
        for pattern in &self.0 {
            let mut any = false;
            for (number, index, file) in numbered(meta) {
                if pattern.kind.matches(number, &file.path) {
                    any = true;
                    if let Some(slot) = wanted.get_mut(index) {
                        *slot = true;
                    }
                }
            }
            if !any {
                return Err(CliError::usage(format!(
                    "cannot use --files {}: no file of {} matches",
                    pattern.text, meta.name
                ))
                .hint("`ztor show TORRENT` lists the files and their numbers"));
            }
        }
        Ok(wanted)
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Kind, CliError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse()) {
            if first == 0 || first > last {
                return Err(CliError::usage(format!(
                    "cannot use --files {text}: numbers start at 1, and a range goes up"
                )));
            }
            return Ok(Kind::Numbers(first, last));
        }
        let glob = FilePatterns::parse([text]);
        glob.map(Kind::Glob).map_err(|error| CliError::usage(format!("cannot use --files: {error}")))
    }

    /// Returns true if a file matches.
    fn matches(&self, number: usize, path: &str) -> bool {
        match self {
            Kind::Numbers(first, last) => (*first..=*last).contains(&number),
            Kind::Glob(glob) => glob.is_match(path),
        }
    }
}

/// Splits at commas, except inside `{a,b}` or `[a,b]`.
fn split_list(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|c| {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    })
    .map(str::trim)
    .collect()
}

/// Returns the folder that contains a torrent's data, from the path of this folder or of the data itself. The data may
/// have any of the names that [`namings`] returns.
pub(crate) fn data_dir(meta: &Arc<Metainfo>, path: &Path) -> Result<PathBuf, CliError> {
    let absent = |what: String| {
        Err(CliError::new(Exit::Storage, what)
            .hint("give the path of the data itself, or of the folder that contains it (the `-o` of `get`)"))
    };
    let name = &meta.name;
    let names: Vec<String> = namings(meta).0.iter().map(|naming| naming.name.clone()).collect();
    if names.iter().any(|name| path.join(name).exists()) {
        return Ok(path.to_owned());
    }
    // `.` and `..` have no name of their own until they are resolved.
    let Ok(real) = path.canonicalize() else {
        return absent(format!(
            "cannot find the data of {name}: there is no file or folder {}",
            path.display()
        ));
    };
    let has_name =
        |path: &Path| path.file_name().is_some_and(|own| names.iter().any(|name| own == name.as_str()));
    let kind_fits = real.is_file() == meta.is_single_file();
    if (has_name(path) || has_name(&real)) && kind_fits {
        let parent = if has_name(path) { path.parent() } else { real.parent() };
        return Ok(match parent {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => PathBuf::from("/"),
        });
    }
    if real.is_file() {
        let wanted = if meta.is_single_file() { "file" } else { "folder" };
        return absent(format!(
            "cannot use {}: the data of this torrent is a {wanted} named {name}",
            path.display()
        ));
    }
    absent(format!("cannot find the data of {name}: there is no {}", path.join(name).display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Kind::parse(pattern).unwrap().matches(7, path)
    }

    #[test]
    fn split_list_of_a_glob_with_braces_keeps_it_whole() {
        assert_eq!(split_list("1, 3-5,*.{mkv,srt}"), ["1", "3-5", "*.{mkv,srt}"]);
    }

    #[test]
    fn parse_of_a_range_matches_both_ends_and_refuses_0_and_descending() {
        assert!(matches("7", "x"));
        assert!(matches("5-9", "x"));
        assert!(!matches("8-9", "x"));
        for bad in ["0", "9-5"] {
            assert!(Kind::parse(bad).is_err());
        }
    }

    #[test]
    fn matches_of_a_glob_finds_files_and_everything_in_folders() {
        assert!(matches("*.mkv", "disc1/film.mkv"));
        assert!(matches("disc1", "disc1/film.mkv"));
        assert!(matches("disc1/*", "disc1/film.mkv"));
        assert!(matches("disc1/**", "disc1/extra/film.mkv"));
        assert!(matches("{a,b}.txt", "b.txt"));
        assert!(!matches("*.mkv", "film.srt"));
        assert!(!matches("disc2/*", "disc1/film.mkv"));
        assert!(Kind::parse("[").is_err());
    }

    #[test]
    fn parse_of_an_empty_flag_is_an_error() {
        assert!(Selection::parse(&[]).unwrap().is_none());
        assert!(Selection::parse(&[",".into()]).is_err());
    }
}
