//! Owners and categories of files by their paths.

use std::path::{Component, Path};

/// Kind of a file that can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A torrent file, `.torrent`.
    Torrent,
    /// A text file with magnet links or info-hashes, `.magnet`.
    Magnet,
}

impl Kind {
    /// Returns the kind by the name of a file; `None` for a hidden file or another one.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        if is_hidden(path) {
            return None;
        }
        let extension = path.extension()?;
        if extension.eq_ignore_ascii_case("torrent") {
            return Some(Self::Torrent);
        }
        extension.eq_ignore_ascii_case("magnet").then_some(Self::Magnet)
    }
}

/// Returns true for a name that begins with a dot.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Returns the innermost folder, of those that `is_folder` accepts, that contains the path or is the path.
pub(super) fn owner_of(path: &Path, is_folder: impl Fn(&Path) -> bool) -> Option<&Path> {
    path.ancestors().find(|dir| is_folder(dir))
}

/// Returns the category of a file in a watched folder: that of the folder, and below it the path of the sub-folder if
/// `by_subfolder` is set. `None` is no category.
///
/// # Errors
/// The path of the sub-folder is not UTF-8.
pub(crate) fn category_of(
    root: &Path,
    path: &Path,
    category: Option<&str>,
    by_subfolder: bool,
) -> Result<Option<String>, String> {
    let mut parts: Vec<&str> = category.into_iter().filter(|path| !path.is_empty()).collect();
    let below = path.parent().and_then(|dir| dir.strip_prefix(root).ok()).filter(|_| by_subfolder);
    for part in below.unwrap_or(Path::new("")).components() {
        let Component::Normal(name) = part else { continue };
        parts.push(name.to_str().ok_or_else(|| {
            format!("cannot use the folder {} as category: its name is not UTF-8; rename it", name.display())
        })?);
    }
    Ok(Some(parts.join("/")).filter(|path| !path.is_empty()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn kind_is_that_of_the_extension_in_any_case() {
        let kind = |name: &str| Kind::of(&Path::new("/in").join(name));
        assert_eq!(kind("a.torrent"), Some(Kind::Torrent));
        assert_eq!(kind("a.b.ToRRent"), Some(Kind::Torrent));
        assert_eq!(kind("a.MAGNET"), Some(Kind::Magnet));
        for name in [".a.torrent", ".torrent", "a.torrent.added", "a.torrent.part", "torrent", "a.torrents"] {
            assert_eq!(kind(name), None, "{name}");
        }
    }

    #[test]
    fn owner_is_the_innermost_folder() {
        let folders = ["/in", "/in/films"].map(Path::new);
        let owner = |path| owner_of(Path::new(path), |dir| folders.contains(&dir));
        assert_eq!(owner("/in/a.torrent"), Some(folders[0]));
        assert_eq!(owner("/in/films/old/a.torrent"), Some(folders[1]));
        assert_eq!(owner("/in/filmstrip/a.torrent"), Some(folders[0]));
        assert_eq!(owner("/inn/a.torrent"), None);
    }

    #[test]
    fn category_is_below_that_of_the_folder() {
        let of = |path: &str, category, by_subfolder| {
            category_of(Path::new("/in"), &Path::new("/in").join(path), category, by_subfolder).unwrap()
        };
        assert_eq!(of("a/b/x.torrent", None, true).as_deref(), Some("a/b"));
        assert_eq!(of("a/b/x.torrent", Some("new"), true).as_deref(), Some("new/a/b"));
        assert_eq!(of("a/b/x.torrent", Some("new"), false).as_deref(), Some("new"));
        assert_eq!(of("x.torrent", Some(""), true), None);
    }
}
