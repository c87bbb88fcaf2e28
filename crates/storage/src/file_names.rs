//! Paths of a torrent's files below its download folder: as in the torrent, or as the user has changed them.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use ztor_metainfo::Metainfo;
use ztor_metainfo::paths::{MAX_ELEMENT_LEN, Naming, safe_element};

/// Maximum length of a path below the download folder, in bytes.
const MAX_PATH_LEN: usize = 2048;
/// Maximum length of a suffix, in bytes.
const MAX_SUFFIX_LEN: usize = 24;

/// Folder of a torrent's files, below its download folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentLayout {
    /// As in the torrent: a single file lies in the download folder, several lie in a folder of their own.
    #[default]
    Original,
    /// A folder of their own, also for a single file: its name without the extension.
    Subfolder,
    /// No folder of their own: the first level of the torrent lies in the download folder.
    NoSubfolder,
}

/// Paths of a torrent's files below its download folder.
///
/// ```
/// # let torrent = b"d4:infod6:lengthi5e4:name9:hello.txt12:piece lengthi16384e6:pieces20:....................ee";
/// use std::path::Path;
/// use ztor_metainfo::Metainfo;
/// use ztor_storage::{ContentLayout, FileNames};
///
/// let meta = Metainfo::from_bytes(torrent)?;
/// let mut names = FileNames::new(ContentLayout::Subfolder);
/// assert_eq!(names.path(&meta, 0), Path::new("hello/hello.txt"));
/// names.rename_file(&meta, 0, "letters/first.txt")?;
/// assert_eq!(names.path(&meta, 0), Path::new("letters/first.txt"));
/// assert!(names.rename_file(&meta, 0, "../first.txt").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileNames {
    layout: ContentLayout,
    /// Files with another path than the torrent gives them.
    renamed: BTreeMap<u32, PathBuf>,
    /// End of the names of incomplete files; empty for none.
    suffix: String,
}

/// Reason why a file or folder cannot have a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The path is empty or absolute, leads out of the folder, or has an element that is not a plain name.
    #[error(
        "cannot use the path {path:?}: give names separated by /, without .. and without control characters"
    )]
    Unsafe {
        /// The path.
        path: PathBuf,
    },
    /// The path, or one of its elements, is too long.
    #[error(
        "cannot use the path {path:?}: use at most {MAX_ELEMENT_LEN} bytes per name and {MAX_PATH_LEN} in all"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// A name of this kind is that of a part file, or of a file that is being copied.
    #[error("cannot use the path {path:?}: ztor gives such names to files of its own; choose another name")]
    Reserved {
        /// The path.
        path: PathBuf,
    },
    /// Another file of the torrent has the path, or lies in the place of one of its folders.
    #[error("cannot use the path {path:?}: another file of the torrent has it; choose another name")]
    Taken {
        /// The path.
        path: PathBuf,
    },
    /// The torrent has no such file, or it is a pad (BEP 47).
    #[error("cannot rename file {file}: the torrent has no such file")]
    NoFile {
        /// Index in the layout.
        file: usize,
    },
    /// No file of the torrent lies in the folder.
    #[error("cannot rename the folder {path:?}: no file of the torrent lies in it")]
    NoFolder {
        /// The folder, below the download folder.
        path: PathBuf,
    },
    /// The suffix is not a dot and up to 23 letters, digits, `!`, `_` or `-`.
    #[error("cannot use the suffix {suffix:?}: give a dot, and then letters or digits, as in .part")]
    Suffix {
        /// The suffix.
        suffix: String,
    },
}

impl FileNames {
    /// Creates the paths by a layout, without a suffix.
    pub fn new(layout: ContentLayout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// Sets the end of the names of incomplete files; empty for none.
    ///
    /// # Errors
    /// [`NameError::Suffix`].
    pub fn set_suffix(&mut self, suffix: impl Into<String>) -> Result<(), NameError> {
        let suffix = suffix.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'_' | b'-');
        let is_suffix = suffix.len() <= MAX_SUFFIX_LEN
            && suffix.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain));
        if !suffix.is_empty() && !is_suffix {
            return Err(NameError::Suffix { suffix });
        }
        self.suffix = suffix;
        Ok(())
    }

    /// Returns the end of the names of incomplete files; empty for none.
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Returns the path of a complete file. For an unknown file, the folder of the torrent's files, which is empty if
    /// they have none.
    pub fn path(&self, meta: &Metainfo, file: usize) -> PathBuf {
        let renamed = u32::try_from(file).ok().and_then(|file| self.renamed.get(&file));
        renamed.cloned().unwrap_or_else(|| self.path_by_layout(meta, file))
    }

    /// Returns the folder that holds all files that are not renamed; `None` if they lie in the download folder.
    pub fn folder(&self, meta: &Metainfo) -> Option<PathBuf> {
        match (self.layout, meta.is_single_file()) {
            (ContentLayout::Original | ContentLayout::Subfolder, false) => {
                Some(meta.relative_path(usize::MAX))
            }
            (ContentLayout::Subfolder, true) => {
                let name = meta.relative_path(0);
                // The part before the extension of `...txt` is no name.
                let stem =
                    name.file_stem().map(PathBuf::from).filter(|stem| plain(stem).as_ref() == Ok(stem));
                stem.or(Some(name))
            }
            (ContentLayout::Original, true) | (ContentLayout::NoSubfolder, _) => None,
        }
    }

    fn path_by_layout(&self, meta: &Metainfo, file: usize) -> PathBuf {
        let folder = self.folder(meta).unwrap_or_default();
        match meta.layout.files().get(file) {
            None => folder,
            Some(_) if meta.is_single_file() => folder.join(meta.relative_path(0)),
            Some(entry) => folder.join(&*entry.path),
        }
    }

    /// Gives a file another path below the download folder.
    ///
    /// # Errors
    /// Any [`NameError`]; the paths are as before.
    pub fn rename_file(
        &mut self,
        meta: &Metainfo,
        file: usize,
        path: impl AsRef<Path>,
    ) -> Result<(), NameError> {
        let path = plain(path.as_ref())?;
        if meta.layout.files().get(file).is_none_or(|entry| entry.pad) {
            return Err(NameError::NoFile { file });
        }
        self.change(meta, [(file, path)])
    }

    /// Gives all files in a folder another one. Both are paths below the download folder.
    ///
    /// # Errors
    /// Any [`NameError`]; the paths are as before.
    pub fn rename_folder(
        &mut self,
        meta: &Metainfo,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<(), NameError> {
        let (from, to) = (plain(from.as_ref())?, plain(to.as_ref())?);
        let inside = |file: usize| {
            let path = self.path(meta, file);
            let rest = path.strip_prefix(&from).ok().filter(|rest| !rest.as_os_str().is_empty())?;
            Some((file, to.join(rest)))
        };
        let moved: Vec<_> = real_files(meta).filter_map(inside).collect();
        if moved.is_empty() {
            return Err(NameError::NoFolder { path: from });
        }
        self.change(meta, moved)
    }

    fn change(
        &mut self,
        meta: &Metainfo,
        changes: impl IntoIterator<Item = (usize, PathBuf)>,
    ) -> Result<(), NameError> {
        let mut changed = self.clone();
        for (file, path) in changes {
            let Ok(index) = u32::try_from(file) else { return Err(NameError::NoFile { file }) };
            if path.as_os_str().len() > MAX_PATH_LEN {
                return Err(NameError::TooLong { path });
            }
            if path == self.path_by_layout(meta, file) {
                changed.renamed.remove(&index);
            } else {
                changed.renamed.insert(index, path);
            }
        }
        changed.check(meta)?;
        *self = changed;
        Ok(())
    }

    /// Checks that the paths are those of the torrent's files, lie below the download folder, and exclude each other.
    ///
    /// # Errors
    /// The first [`NameError`].
    pub fn check(&self, meta: &Metainfo) -> Result<(), NameError> {
        if self.renamed.is_empty() && (self.layout != ContentLayout::NoSubfolder || meta.is_single_file()) {
            // The names in a torrent exclude each other.
            return Ok(());
        }
        for (&file, path) in &self.renamed {
            let file = usize::try_from(file).unwrap_or(usize::MAX);
            if meta.layout.files().get(file).is_none_or(|entry| entry.pad) {
                return Err(NameError::NoFile { file });
            }
            plain(path)?;
            if path.components().any(|element| is_reserved(element.as_os_str())) {
                return Err(NameError::Reserved { path: path.clone() });
            }
        }
        let paths: Vec<PathBuf> = real_files(meta).map(|file| self.path(meta, file)).collect();
        let mut files = HashSet::new();
        if let Some(taken) = paths.iter().find(|path| !files.insert(folded(path))) {
            return Err(NameError::Taken { path: taken.clone() });
        }
        for path in &paths {
            if let Some(folder) = path.ancestors().skip(1).find(|folder| files.contains(&folded(folder))) {
                return Err(NameError::Taken { path: folder.to_owned() });
            }
        }
        Ok(())
    }

    /// Returns the files that have a suffix while they are incomplete. A file whose name with the suffix is that of
    /// another file, or of a folder, has none.
    pub(crate) fn suffixed(&self, meta: &Metainfo) -> Vec<bool> {
        let mut has_suffix = vec![false; meta.layout.files().len()];
        if self.suffix.is_empty() {
            return has_suffix;
        }
        // Paths of files, and of the folders above them.
        let mut plain: HashSet<PathBuf> = HashSet::new();
        for file in real_files(meta) {
            let path = self.path(meta, file);
            for path in path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
                if !plain.insert(folded(path)) {
                    break;
                }
            }
        }
        for file in real_files(meta) {
            let entry = &meta.layout.files()[file];
            let path = with_suffix(self.path(meta, file), &self.suffix);
            let fits = path.file_name().is_some_and(|name| name.len() <= MAX_ELEMENT_LEN);
            has_suffix[file] =
                entry.length > 0 && entry.symlink.is_none() && fits && !plain.contains(&folded(&path));
        }
        has_suffix
    }

    /// Returns true if all files have the paths that the torrent gives them, and no suffix.
    pub fn is_original(&self) -> bool {
        *self == Self::default()
    }

    /// Encodes layout and suffix, and for each renamed file its index, the number of bytes of its path, and the path.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let layout = match self.layout {
            ContentLayout::Original => 0,
            ContentLayout::Subfolder => 1,
            ContentLayout::NoSubfolder => 2,
        };
        let mut out = vec![layout, u8::try_from(self.suffix.len()).unwrap_or(0)];
        out.extend_from_slice(self.suffix.as_bytes());
        for (file, path) in &self.renamed {
            let path = path.as_os_str().as_bytes();
            let Ok(len) = u16::try_from(path.len()) else { continue };
            out.extend_from_slice(&file.to_be_bytes());
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(path);
        }
        out
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) has encoded. [`check`](Self::check) compares it with a torrent.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[layout, suffix_len], rest) = bytes.split_first_chunk::<2>()?;
        let layout = match layout {
            0 => ContentLayout::Original,
            1 => ContentLayout::Subfolder,
            2 => ContentLayout::NoSubfolder,
            _ => return None,
        };
        let (suffix, mut rest) = rest.split_at_checked(usize::from(suffix_len))?;
        let mut names = Self::new(layout);
        names.set_suffix(std::str::from_utf8(suffix).ok()?).ok()?;
        while !rest.is_empty() {
            let (file, after) = rest.split_first_chunk::<4>()?;
            let (len, after) = after.split_first_chunk::<2>()?;
            let (path, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            let path = plain(Path::new(OsStr::from_bytes(path))).ok()?;
            names.renamed.insert(u32::from_be_bytes(*file), path);
            rest = after;
        }
        Some(names)
    }
}

/// Returns the files that exist on disk: all but pads.
fn real_files(meta: &Metainfo) -> impl Iterator<Item = usize> + '_ {
    meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad).map(|(index, _)| index)
}

/// Returns a path with the suffix at the end of its name.
pub(crate) fn with_suffix(path: PathBuf, suffix: &str) -> PathBuf {
    let mut path = path.into_os_string();
    path.push(suffix);
    PathBuf::from(path)
}

/// Returns true for names like those of part files and of copies that are not complete: a dot, the hash of a torrent, and
/// `.parts` or `.moving` at the end.
fn is_reserved(name: &OsStr) -> bool {
    let name = name.as_bytes();
    let Some(rest) = name.strip_prefix(b".") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    digits >= 40 && (name.ends_with(b".parts") || name.ends_with(b".moving"))
}

/// Returns the path in its plain spelling, if it cannot lead out of a folder.
fn plain(path: &Path) -> Result<PathBuf, NameError> {
    let is_unsafe = || NameError::Unsafe { path: path.to_owned() };
    let is_too_long = |len: usize, max: usize| len > max;
    if is_too_long(path.as_os_str().len(), MAX_PATH_LEN) {
        return Err(NameError::TooLong { path: path.to_owned() });
    }
    let mut out = PathBuf::new();
    for element in path.components() {
        let Component::Normal(name) = element else { return Err(is_unsafe()) };
        if is_too_long(name.len(), MAX_ELEMENT_LEN) {
            return Err(NameError::TooLong { path: path.to_owned() });
        }
        let name = name.to_str().ok_or_else(is_unsafe)?;
        if safe_element(name.as_bytes(), Naming::Native) != name {
            return Err(is_unsafe());
        }
        out.push(name);
    }
    if out.as_os_str().is_empty() { Err(is_unsafe()) } else { Ok(out) }
}

/// Returns one spelling for all names of a file where case is ignored.
fn folded(path: &Path) -> PathBuf {
    if cfg!(any(windows, target_os = "macos")) {
        path.to_string_lossy().to_lowercase().into()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
#[path = "file_names_tests.rs"]
mod tests;
