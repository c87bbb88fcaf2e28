//! Files of a torrent as a tree of folders.

use std::collections::BTreeMap;

/// Largest depth. The rest of a deeper path is one name.
const DEEPEST: usize = 128;

/// A line of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name, without the folders above.
    pub name: String,
    /// Path below the download folder.
    pub path: String,
    /// Depth, from 0.
    pub depth: usize,
    /// Index of the file in the list from which the tree was made; `None` for a folder.
    pub file: Option<usize>,
    /// Sum of the sizes in bytes.
    pub size_bytes: u64,
    /// Indexes of all files below.
    pub files: Vec<usize>,
}

/// Tree of the files of a torrent.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Folder {
    folders: BTreeMap<String, Folder>,
    files: Vec<(String, usize)>,
}

impl Tree {
    /// Makes the tree of files with paths and sizes. Folders precede files; both are sorted by name.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let mut root = Folder::default();
        let mut sizes = Vec::new();
        for (index, (path, size)) in files.into_iter().enumerate() {
            sizes.push(size);
            let mut parts = path.splitn(DEEPEST, '/').collect::<Vec<_>>();
            let name = parts.pop().unwrap_or_default();
            let mut folder = &mut root;
            for part in parts {
                folder = folder.folders.entry(part.to_owned()).or_default();
            }
            folder.files.push((name.to_owned(), index));
        }
        let mut tree = Self::default();
        tree.add(root, "", 0, &sizes);
        tree
    }

    fn add(&mut self, folder: Folder, prefix: &str, depth: usize, sizes: &[u64]) -> Vec<usize> {
        let mut all = Vec::new();
        for (name, inner) in folder.folders {
            let path = format!("{prefix}{name}");
            let at = self.nodes.len();
            let below = format!("{path}/");
            self.nodes.push(Node { name, path, depth, file: None, size_bytes: 0, files: Vec::new() });
            let files = self.add(inner, &below, depth + 1, sizes);
            self.nodes[at].size_bytes =
                files.iter().fold(0, |sum: u64, file| sum.saturating_add(sizes[*file]));
            all.extend(&files);
            self.nodes[at].files = files;
        }
        let mut files = folder.files;
        files.sort();
        for (name, index) in files {
            let path = format!("{prefix}{name}");
            let size_bytes = sizes[index];
            self.nodes.push(Node { name, path, depth, file: Some(index), size_bytes, files: vec![index] });
            all.push(index);
        }
        all
    }

    /// Returns all lines, from the top.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the indexes of the lines that are shown while some folders are closed.
    pub fn shown(&self, is_closed: impl Fn(&Node) -> bool) -> Vec<usize> {
        let mut shown = Vec::new();
        let mut closed_depth = usize::MAX;
        for (at, node) in self.nodes.iter().enumerate() {
            if node.depth > closed_depth {
                continue;
            }
            closed_depth = if node.file.is_none() && is_closed(node) { node.depth } else { usize::MAX };
            shown.push(at);
        }
        shown
    }
}
