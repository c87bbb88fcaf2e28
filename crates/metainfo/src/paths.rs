//! Names of a torrent, made safe for file systems.
//!
//! The file names of a torrent are untrusted. After this module no name leads out of the torrent's folder, no two files
//! share a path, and no file lies behind a symlink. The result depends only on the torrent and the [`Naming`], so it is
//! the same each time the torrent is opened.
//!
//! Names on disk may still contain characters that are invisible in a terminal. Programs that print names must escape
//! them.

use std::collections::hash_map::{DefaultHasher, Entry};
// order-free: all are looked up by key and never iterated.
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

use crate::charset::Charset;

/// Maximum length of a safe element in bytes, as file systems allow.
pub const MAX_ELEMENT_LEN: usize = 255;

/// Length in bytes to which a longer element is cut. It leaves space for a number that distinguishes equal names, and
/// for suffixes of other programs.
const CUT_LEN: usize = 240;

/// Maximum length in bytes of an extension, with its dot, that survives when a name is cut.
const MAX_EXTENSION_LEN: usize = 24;

/// Maximum number of symlinks in a chain, as in most kernels.
const MAX_LINKS: usize = 40;

/// Rule for making names safe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Naming {
    /// Names that can exist on any system, so that a disk may move from one to another. Names reserved on Windows are
    /// escaped, invisible characters are dropped (some file systems ignore them), and names that differ only in case
    /// count as equal.
    Portable,
    /// Names for new files on this system. Outside Windows and macOS it keeps `aux.c`, `a` and `A` side by side,
    /// backslashes, and the invisible characters that scripts and emoji need. Control characters and overrides of the
    /// text direction are dropped.
    #[default]
    Native,
    /// Names as in the torrent, wherever this system can store them as one element of a path. They find data that was
    /// created here or by another client.
    Exact,
    /// Names of earlier versions of this crate, which dropped every invisible character and cut names to 240 bytes.
    /// They find data that these versions downloaded.
    Former,
}

impl Naming {
    /// Rules by which data on this system may have been named, most likely first.
    pub const ON_DISK: [Self; 3] = [Self::Exact, Self::Native, Self::Former];

    fn is_portable(self) -> bool {
        self == Self::Portable || cfg!(any(windows, target_os = "macos"))
    }

    /// Returns true if all invisible characters are dropped, not only harmful ones.
    fn drops_invisible(self) -> bool {
        self.is_portable() || self == Self::Former
    }
}

/// Makes one element of a path safe:
///
/// - invalid UTF-8 becomes `U+FFFD`;
/// - control characters and overrides of the text direction are dropped, and by some [namings](Naming) all other
///   invisible characters;
/// - separators become `_`: `/`, by some namings `\`, on Windows also other characters that it does not allow;
/// - an element whose visible characters are none, `.` or `..` becomes `_`;
/// - names reserved on Windows (`CON`, `aux.c`, …) are prefixed with `_` unless `naming` keeps them;
/// - an element longer than [`MAX_ELEMENT_LEN`] is cut before its extension.
///
/// [`Naming::Exact`] does not change an element that this system can store.
pub fn safe_element(raw: &[u8], naming: Naming) -> String {
    safe_text(&String::from_utf8_lossy(raw), naming)
}

/// Makes a name in a known encoding safe, as [`safe_element`] does. [`Naming::Former`] ignores the encoding.
pub(crate) fn safe_encoded(raw: &[u8], charset: Charset, naming: Naming) -> String {
    match naming {
        Naming::Former => safe_element(raw, naming),
        _ => safe_text(&charset.decode(raw), naming),
    }
}

fn safe_text(text: &str, naming: Naming) -> String {
    if naming == Naming::Exact && !naming.is_portable() && is_element(text) {
        return text.to_owned();
    }
    let is_dropped = |c: char| is_harmful(c) || (naming.drops_invisible() && is_invisible(c));
    let kept = text.chars().filter(|&c| !is_dropped(c));
    let mut name: String = kept.map(|c| replace(c, naming)).collect();
    if cfg!(windows) {
        let kept = name.trim_end_matches(['.', ' ']).len();
        name.truncate(kept);
    }
    let mut visible = name.chars().filter(|&c| !is_invisible(c));
    if matches!((visible.next(), visible.next(), visible.next()), (None | Some('.'), None | Some('.'), None))
    {
        return "_".to_owned();
    }
    if naming.is_portable() && is_reserved(&name) {
        name.insert(0, '_');
    }
    let max = if naming == Naming::Former { CUT_LEN } else { MAX_ELEMENT_LEN };
    if name.len() > max { with_suffix(&name, "", CUT_LEN) } else { name }
}

/// Returns `name` with `extension` appended. Cuts `name` so that the result has at most [`MAX_ELEMENT_LEN`] bytes.
pub fn with_extension(name: &str, extension: &str) -> String {
    let room = MAX_ELEMENT_LEN.saturating_sub(extension.len());
    format!("{}{extension}", &name[..name.floor_char_boundary(room)])
}

/// Returns true if all of [`Naming::ON_DISK`] give an element the same name.
pub(crate) fn is_named_alike(raw: &[u8], charset: Charset) -> bool {
    if !charset.is_needless_for(raw) {
        return false;
    }
    let is_plain = |b: &u8| matches!(b, b' '..=b'~') && !matches!(b, b'/' | b'\\');
    if raw.len() <= CUT_LEN && raw.iter().all(is_plain) {
        return true;
    }
    let [first, others @ ..] = Naming::ON_DISK.map(|naming| safe_element(raw, naming));
    others.iter().all(|other| *other == first)
}

/// Returns true if the system accepts the name as one element of a path.
fn is_element(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']) && name.len() <= MAX_ELEMENT_LEN
}

/// Returns true for characters that break a terminal or disguise the rest of the name: control characters, overrides of
/// direction, and the line and paragraph separators.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns true for characters that are not displayed: zero-width ones, marks of direction, the byte-order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{61c}')
}

fn replace(c: char, naming: Naming) -> char {
    match c {
        '/' => '_',
        '\\' if naming.drops_invisible() => '_',
        '<' | '>' | ':' | '"' | '|' | '?' | '*' if cfg!(windows) => '_',
        c => c,
    }
}

/// Returns true if Windows treats the name as a device: it looks at the part before the first dot, without spaces.
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

/// Returns the name with `suffix` before its extension, cut to `max` bytes.
fn with_suffix(name: &str, suffix: &str, max: usize) -> String {
    let dot = name.rfind('.').filter(|&dot| dot > 0 && name.len() - dot <= MAX_EXTENSION_LEN);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let room = max - extension.len() - suffix.len();
    let stem = &stem[..stem.floor_char_boundary(room)];
    format!("{stem}{suffix}{extension}")
}

/// Index of the safe paths of a torrent.
pub(crate) struct Tree {
    naming: Naming,
    /// Keys of all folders.
    folders: HashSet<u64>,
    /// Keys of all files, with their indices.
    files: HashMap<u64, usize>,
}

impl Tree {
    /// Builds the index. Renames each of `paths` that equals an earlier one or a folder of another. `None` is a file
    /// without a path.
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
            // Continues at the last number for this name, or many equal names would take quadratic time.
            let number = next_suffix.entry(wanted).or_insert(1);
            *last = loop {
                let candidate = with_suffix(last, &format!(".{number}"), CUT_LEN);
                *number = number.saturating_add(1);
                if tree.claim(tree.child(&parent, &candidate), index) {
                    break candidate;
                }
            };
        }
        tree
    }

    /// Makes every symlink point to itself whose target is outside the torrent, missing, or part of a loop.
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
                    // A link to a folder around it would make a walk of the folder loop.
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

    /// Follows the symlink `index`, and the symlinks on its way, to the end. `None` if they lead nowhere.
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

    /// Claims a path for a file. Returns false if it is taken.
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

/// Keys of the folders above a file. The keys that adjacent files share are not computed again: a small tree of deep
/// folders can describe many long paths.
struct Ancestors<'p> {
    naming: Naming,
    folders: &'p [String],
    /// Keys of the root and of each folder down from there.
    keys: Vec<DefaultHasher>,
}

impl<'p> Ancestors<'p> {
    fn new(naming: Naming) -> Self {
        Self { naming, folders: &[], keys: vec![DefaultHasher::new()] }
    }

    /// Returns the number of folders shared with the previous file, and the keys from the root to the last of
    /// `folders`.
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
/// Keys are hashes, because the paths of a hostile torrent could need fifty times its size. Equal paths have equal
/// keys. If different paths have equal keys too, a file is renamed without need.
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
    /// Being followed: a link that leads here is part of a loop.
    Open,
    /// Key of the target, to which more elements can be added.
    To(DefaultHasher),
    Nowhere,
}

/// Returns a character without its case, one for one as in file systems.
fn fold(c: char) -> char {
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

#[cfg(test)]
mod tests;
