//! Names of a torrent made safe to create on a disk.
//!
//! What a torrent calls its files is chosen by a stranger. After this module no name leads out of the
//! torrent's folder, breaks a terminal or deceives its reader, two files never share a place, and no file
//! lies behind a symlink. The result depends on the torrent alone, so that it is the same whenever the
//! torrent is opened again.

use std::collections::hash_map::{DefaultHasher, Entry};
// order-free: all are looked up by key and never iterated.
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

/// The longest element that is produced, in bytes. File systems allow 255; the rest is for suffixes of
/// others.
pub const MAX_ELEMENT_LEN: usize = 240;

/// The longest extension, with its dot, that survives when a name is cut.
const MAX_EXTENSION_LEN: usize = 24;

/// Symlinks that may lead to one another, as in most kernels.
const MAX_LINKS: usize = 40;

/// Which names are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Naming {
    /// Names that can exist on any system, so that a disk may move from one to another: reserved ones of
    /// Windows are escaped and names that differ in case only count as the same.
    Portable,
    /// Names as this system can hold them: outside Windows and macOS, `aux.c` stays, and so do `a` and `A`
    /// side by side. The default, because data that was made here or by another client must be found again.
    #[default]
    Native,
}

impl Naming {
    fn is_portable(self) -> bool {
        self == Self::Portable || cfg!(any(windows, target_os = "macos"))
    }
}

/// Makes one element of a path safe:
///
/// - what is not UTF-8 becomes `U+FFFD`;
/// - control characters, invisible ones and those that turn the direction of text are dropped;
/// - separators (`/`, `\`) become `_`, on Windows also the other characters it does not allow;
/// - an element that is empty, `.` or `..` after that becomes `_`;
/// - names reserved on Windows (`CON`, `aux.c`, …) get a `_` in front unless `naming` keeps them;
/// - longer than [`MAX_ELEMENT_LEN`], it is cut in front of its extension.
pub fn safe_element(raw: &[u8], naming: Naming) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut name: String = text.chars().filter(|&c| !is_dropped(c)).map(replace).collect();
    if cfg!(windows) {
        let kept = name.trim_end_matches(['.', ' ']).len();
        name.truncate(kept);
    }
    if matches!(name.as_str(), "" | "." | "..") {
        return "_".to_owned();
    }
    if naming.is_portable() && is_reserved(&name) {
        name.insert(0, '_');
    }
    with_suffix(&name, "")
}

/// Characters that say nothing or lie about the rest: control characters, zero-width ones, marks and
/// overrides of direction, the byte-order mark, and the line and paragraph separators.
fn is_dropped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{61c}')
}

fn replace(c: char) -> char {
    match c {
        '/' | '\\' => '_',
        '<' | '>' | ':' | '"' | '|' | '?' | '*' if cfg!(windows) => '_',
        c => c,
    }
}

/// Whether Windows takes the name for a device: it looks at what comes before the first dot, without spaces.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        stem => ["COM", "LPT"].iter().filter_map(|port| stem.strip_prefix(port)).any(|number| {
            let mut chars = number.chars();
            matches!((chars.next(), chars.next()), (Some('1'..='9' | '¹' | '²' | '³'), None))
        }),
    }
}

/// The name with `suffix` in front of its extension, cut to [`MAX_ELEMENT_LEN`].
fn with_suffix(name: &str, suffix: &str) -> String {
    let dot = name.rfind('.').filter(|&dot| dot > 0 && name.len() - dot <= MAX_EXTENSION_LEN);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let room = MAX_ELEMENT_LEN - extension.len() - suffix.len();
    let stem = &stem[..stem.floor_char_boundary(room)];
    format!("{stem}{suffix}{extension}")
}

/// The safe paths of a torrent, and what is known about them.
pub(crate) struct Tree {
    naming: Naming,
    /// Keys of all folders.
    folders: HashSet<u64>,
    /// Keys of all files, and their indices.
    files: HashMap<u64, usize>,
}

impl Tree {
    /// Renames those of `paths` that name the same place as one before them, or a folder of another. A `None`
    /// has no place.
    pub(crate) fn new(paths: &mut [Option<Vec<String>>], naming: Naming) -> Self {
        let mut tree = Self { naming, folders: HashSet::new(), files: HashMap::new() };
        let mut parents = Vec::with_capacity(paths.len());
        let mut ancestors = Ancestors::new(naming);
        for path in paths.iter() {
            let folders =
                path.as_deref().and_then(<[String]>::split_last).map_or(&[][..], |(_, folders)| folders);
            let (known, keys) = ancestors.go_to(folders);
            tree.folders.extend(keys[known + 1..].iter().map(Hasher::finish));
            parents.push(keys[keys.len() - 1].clone());
        }
        let mut next_suffix: HashMap<u64, u32> = HashMap::new();
        for (index, (path, parent)) in paths.iter_mut().zip(parents).enumerate() {
            let Some(last) = path.as_mut().and_then(|path| path.last_mut()) else { continue };
            let wanted = tree.child(&parent, last);
            if tree.claim(wanted, index) {
                continue;
            }
            // From where the last one of this name left off, or many equal names would take for ever.
            let number = next_suffix.entry(wanted).or_insert(1);
            *last = loop {
                let candidate = with_suffix(last, &format!(".{number}"));
                *number = number.saturating_add(1);
                if tree.claim(tree.child(&parent, &candidate), index) {
                    break candidate;
                }
            };
        }
        tree
    }

    /// Points every symlink that leaves the torrent, names nothing in it, or runs in circles, to itself.
    pub(crate) fn settle_links(&self, paths: &[Option<Vec<String>>], links: &mut [Option<Vec<String>>]) {
        let mut resolved: HashMap<usize, Resolved> = HashMap::new();
        for index in 0..links.len() {
            if links[index].is_some() {
                self.resolve(index, links, &mut resolved, 0);
            }
        }
        let mut ancestors = Ancestors::new(self.naming);
        for (index, link) in links.iter_mut().enumerate() {
            let (Some(target), Some(path)) = (link, &paths[index]) else { continue };
            let is_sound = match resolved.get(&index) {
                Some(Resolved::To(end)) => {
                    // A link to a folder it lies in would be a loop to whoever walks the folder.
                    let (_, folders) = ancestors.go_to(&path[..path.len().saturating_sub(1)]);
                    !folders.iter().skip(1).any(|folder| folder.finish() == end.finish())
                }
                _ => false,
            };
            if !is_sound {
                target.clone_from(path);
            }
        }
    }

    /// Follows the symlink `index`, and those it leads through, to the end.
    fn resolve(
        &self,
        index: usize,
        links: &[Option<Vec<String>>],
        resolved: &mut HashMap<usize, Resolved>,
        depth: usize,
    ) -> Option<DefaultHasher> {
        match resolved.entry(index) {
            Entry::Occupied(known) => {
                return match known.get() {
                    Resolved::To(end) => Some(end.clone()),
                    Resolved::Open | Resolved::Nowhere => None,
                };
            }
            Entry::Vacant(unknown) => unknown.insert(Resolved::Open),
        };
        let end = self.walk(links[index].as_deref().unwrap_or_default(), links, resolved, depth);
        resolved.insert(index, end.clone().map_or(Resolved::Nowhere, Resolved::To));
        end
    }

    fn walk(
        &self,
        target: &[String],
        links: &[Option<Vec<String>>],
        resolved: &mut HashMap<usize, Resolved>,
        depth: usize,
    ) -> Option<DefaultHasher> {
        if target.is_empty() || depth > MAX_LINKS {
            return None;
        }
        let mut key = DefaultHasher::new();
        for element in target {
            descend(&mut key, element, self.naming);
            if let Some(&file) = self.files.get(&key.finish())
                && links[file].is_some()
            {
                key = self.resolve(file, links, resolved, depth + 1)?;
            }
        }
        let exists = self.files.contains_key(&key.finish()) || self.folders.contains(&key.finish());
        exists.then_some(key)
    }

    /// Takes a place for a file, unless it is taken.
    fn claim(&mut self, key: u64, index: usize) -> bool {
        match self.files.entry(key) {
            Entry::Vacant(place) if !self.folders.contains(&key) => {
                place.insert(index);
                true
            }
            _ => false,
        }
    }

    fn child(&self, parent: &DefaultHasher, element: &str) -> u64 {
        let mut key = parent.clone();
        descend(&mut key, element, self.naming);
        key.finish()
    }
}

/// The keys of the folders above a file. Neighbours share most of them, and these are not computed again: a
/// small tree of deep folders stands for many long paths.
struct Ancestors<'p> {
    naming: Naming,
    folders: &'p [String],
    /// Of the root, and of each folder down from there.
    keys: Vec<DefaultHasher>,
}

impl<'p> Ancestors<'p> {
    fn new(naming: Naming) -> Self {
        Self { naming, folders: &[], keys: vec![DefaultHasher::new()] }
    }

    /// The keys down to the last of `folders`, the root's first, and how many of the folders are those of the
    /// file before.
    fn go_to(&mut self, folders: &'p [String]) -> (usize, &[DefaultHasher]) {
        let known = self.folders.iter().zip(folders).take_while(|(a, b)| a == b).count();
        self.folders = folders;
        self.keys.truncate(known + 1);
        for folder in &folders[known..] {
            let mut key = self.keys[self.keys.len() - 1].clone();
            descend(&mut key, folder, self.naming);
            self.keys.push(key);
        }
        (known, &self.keys)
    }
}

/// Turns the key of a folder into that of an element in it.
///
/// Keys are hashes of paths, not paths: a hostile torrent of many deep paths would need fifty times its size.
/// Equal paths have equal keys; should different ones too, a file is renamed without need.
fn descend(key: &mut DefaultHasher, element: &str, naming: Naming) {
    if !naming.is_portable() {
        key.write(element.as_bytes());
    } else if element.is_ascii() {
        key.write(element.to_ascii_lowercase().as_bytes());
    } else {
        key.write(element.chars().map(fold).collect::<String>().as_bytes());
    }
    key.write_u8(b'/');
}

#[derive(Debug)]
enum Resolved {
    /// Being followed: who comes by here goes in circles.
    Open,
    /// The key of what it leads to, open for more elements.
    To(DefaultHasher),
    Nowhere,
}

/// A character without its case, the way file systems do it: one for one.
fn fold(c: char) -> char {
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests;
