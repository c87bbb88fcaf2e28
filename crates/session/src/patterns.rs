//! Patterns of file names, to leave files of a torrent out.

use crate::add::AddTorrent;
use globset::{GlobBuilder, GlobSet};
use thiserror::Error;
use ztor_engine::Priority;

/// Patterns of file names (globs).
///
/// A pattern with a slash is compared with the path in the torrent's folder, one without with every element of that path.
/// `*` matches any characters but a slash, `**` any folders, `{a,b}` either. A pattern that matches a folder includes all
/// files in it.
///
/// ```
/// use ztor_session::FilePatterns;
///
/// let patterns = FilePatterns::parse(["*.nfo", "extras/**"])?;
/// assert!(patterns.is_match("disc 1/info.nfo") && patterns.is_match("extras/making/of.mkv"));
/// assert!(!patterns.is_match("film.mkv"));
/// # Ok::<(), ztor_session::PatternError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct FilePatterns(Vec<Pattern>);

#[derive(Debug, Clone)]
struct Pattern {
    glob: GlobSet,
    /// True if the pattern has a slash.
    is_path: bool,
}

/// Maximum length of a pattern in bytes. It bounds the nesting of its braces.
const MAX_PATTERN: usize = 1024;

/// Reason why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot use the pattern {pattern:?}: {reason}")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// The mistake in plain words.
    pub reason: String,
}

impl FilePatterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// The first pattern that is not a glob.
    pub fn parse(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, PatternError> {
        let of = |pattern: &str| {
            let shown: String = pattern.chars().take(80).collect();
            if pattern.len() > MAX_PATTERN {
                let reason = format!("it has more than {MAX_PATTERN} bytes");
                return Err(PatternError { pattern: shown, reason });
            }
            // A set of one, because a single matcher panics on a glob whose regular expression is refused.
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            let compiled = glob.and_then(|glob| GlobSet::builder().add(glob).build());
            let refused = |error: globset::Error| PatternError {
                pattern: shown,
                reason: error.kind().to_string().chars().take(300).collect(),
            };
            compiled.map(|glob| Pattern { glob, is_path: pattern.contains('/') }).map_err(refused)
        };
        patterns.into_iter().map(|pattern| of(pattern.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Returns true if a pattern matches the path of a file in its torrent's folder, with `/` between its elements, or a
    /// folder on the way.
    pub fn is_match(&self, path: &str) -> bool {
        let ends = || path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        let matches = |pattern: &Pattern| match pattern.is_path {
            true => ends().filter_map(|end| path.get(..end)).any(|part| pattern.glob.is_match(part)),
            false => path.split('/').any(|element| pattern.glob.is_match(element)),
        };
        self.0.iter().any(matches)
    }
}

impl AddTorrent {
    /// Skips the files that match a pattern. Changes nothing if all files that are wanted match: a torrent without a wanted
    /// file would be of no use.
    #[must_use]
    pub fn exclude(self, patterns: &FilePatterns) -> Self {
        let files = self.meta.layout.files();
        let now = self.priorities.clone().unwrap_or_else(|| vec![Priority::Normal; files.len()]);
        let of = |(priority, file): (Priority, &ztor_metainfo::File)| {
            if patterns.is_match(&file.path) { Priority::Skip } else { priority }
        };
        let changed: Vec<Priority> = now.iter().copied().zip(files).map(of).collect();
        let is_of_use = changed.iter().zip(files).any(|(priority, file)| priority.is_wanted() && !file.pad);
        if changed == now || !is_of_use {
            return self;
        }
        self.priorities(Some(changed))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::sync::Arc;
    use ztor_metainfo::Metainfo;

    fn album() -> AddTorrent {
        let files =
            "d6:lengthi5e4:pathl5:a.mkveed6:lengthi5e4:pathl6:sample5:b.mkveed6:lengthi5e4:pathl5:c.nfoee";
        let info =
            format!("d5:filesl{files}e4:name5:album12:piece lengthi16384e6:pieces20:{}e", "x".repeat(20));
        let meta = Metainfo::from_bytes(format!("d4:info{info}e").as_bytes()).unwrap();
        AddTorrent::new(Arc::new(meta), "/x")
    }

    #[test]
    fn exclude_skips_the_files_that_match() {
        let patterns = FilePatterns::parse(["*.nfo", "Sample", "sample/*"]).unwrap();
        let add = album().exclude(&patterns);
        assert_eq!(add.priorities, Some(vec![Priority::Normal, Priority::Skip, Priority::Skip]));
    }

    #[test]
    fn exclude_of_all_or_of_no_files_changes_nothing() {
        assert_eq!(album().exclude(&FilePatterns::parse(["*"]).unwrap()).priorities, None);
        assert_eq!(album().exclude(&FilePatterns::parse(["*.iso"]).unwrap()).priorities, None);
        let wanted = Some(vec![true, false, false]);
        let add = album().wanted(wanted.clone()).exclude(&FilePatterns::parse(["a.*"]).unwrap());
        assert_eq!(add.priorities, album().wanted(wanted).priorities);
    }

    #[test]
    fn parse_of_a_broken_pattern_names_it() {
        let error = FilePatterns::parse(["*.a", "[x"]).unwrap_err();
        assert_eq!(error.pattern, "[x");
    }

    #[test]
    fn parse_of_a_pattern_beyond_all_bounds_is_an_error() {
        for depth in [300, 100_000] {
            let pattern = format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
            let error = FilePatterns::parse([pattern]).unwrap_err();
            assert!(error.to_string().len() < 1000, "{error}");
        }
    }
}
