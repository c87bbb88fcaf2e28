//! Encoding of a new torrent.

use std::collections::BTreeMap;
use std::io;
use ztor_base::Sha1Digest;

use ztor_bencode::Encoder;

use super::Shared;
use crate::merkle::{self, Hash};
use crate::{File, outside_info};

type Out = Encoder<Vec<u8>>;

pub(super) fn torrent(plan: &Shared, v1: &[Sha1Digest], v2: &[Hash]) -> Vec<u8> {
    // Keys are written in order, names are checked and sorted, and writing to a vector cannot fail.
    write(plan, v1, v2).unwrap_or_default()
}

fn write(plan: &Shared, v1: &[Sha1Digest], v2: &[Hash]) -> io::Result<Vec<u8>> {
    let trees = FileTrees::new(plan, v2);
    let options = &plan.options;
    let mut e = Encoder::new(Vec::new());
    e.begin_dict()?;
    let head = outside_info::Head {
        trackers: &options.trackers,
        comment: options.comment.as_deref(),
        created_by: options.created_by.as_deref(),
        creation_date: options.creation_date,
        encoding: None,
        kept: &outside_info::Kept::default(),
    };
    head.write(&mut e)?;
    e.key(b"info")?;
    info(plan, v1, &trees.roots, &mut e)?;
    if options.version.has_v2() {
        outside_info::write_piece_layers(trees.layers, &mut e)?;
    }
    outside_info::write_web_seeds(&options.web_seeds, &mut e)?;
    e.end()?;
    e.finish()
}

/// Roots and piece layers of all files.
struct FileTrees {
    /// Root of each file; `None` for files without data, and for v1.
    roots: Vec<Option<Hash>>,
    /// Piece layers by root.
    layers: BTreeMap<Hash, Vec<u8>>,
}

impl FileTrees {
    fn new(plan: &Shared, v2: &[Hash]) -> Self {
        let mut trees = Self { roots: Vec::new(), layers: BTreeMap::new() };
        for file in 0..plan.layout.files().len() {
            let pieces = plan.layout.pieces_of(file);
            let root = match v2.get(pieces.start as usize..pieces.end as usize) {
                None | Some([]) => None,
                Some([root]) => Some(*root),
                Some(layer) => {
                    let root = merkle::root_of_piece_layer(layer, plan.layout.piece_length());
                    trees.layers.entry(root).or_insert_with(|| layer.concat());
                    Some(root)
                }
            };
            trees.roots.push(root);
        }
        trees
    }
}

fn info(plan: &Shared, v1: &[Sha1Digest], roots: &[Option<Hash>], e: &mut Out) -> io::Result<()> {
    let Shared { options, layout, .. } = plan;
    let (has_v1, has_v2) = (options.version.has_v1(), options.version.has_v2());
    e.begin_dict()?;
    let single = layout.files().first().filter(|_| plan.single_file && has_v1);
    if let Some(file) = single {
        attributes(file, e)?;
    }
    if has_v2 {
        e.key(b"file tree")?;
        file_tree(layout.files(), roots, e)?;
    }
    match single {
        Some(file) => {
            e.key(b"length")?.uint(file.length)?;
        }
        None if has_v1 => file_list(layout.files(), e)?,
        None => {}
    }
    if has_v2 {
        e.key(b"meta version")?.int(2)?;
    }
    e.key(b"name")?.str(&plan.name)?;
    e.key(b"piece length")?.uint(layout.piece_length().into())?;
    if has_v1 {
        let pieces: Vec<u8> = v1.iter().flat_map(|hash| *hash.as_bytes()).collect();
        e.key(b"pieces")?.bytes(&pieces)?;
    }
    if options.private {
        e.key(b"private")?.int(1)?;
    }
    if let Some(source) = &options.source {
        e.key(b"source")?.str(source)?;
    }
    e.end()?;
    Ok(())
}

/// Writes `files` of the v1 half (BEP 3).
fn file_list(files: &[File], e: &mut Out) -> io::Result<()> {
    e.key(b"files")?.begin_list()?;
    for file in files {
        e.begin_dict()?;
        attributes(file, e)?;
        e.key(b"length")?.uint(file.length)?.key(b"path")?;
        strings(file.elements(), e)?;
        symlink(file, e)?;
        e.end()?;
    }
    e.end()?;
    Ok(())
}

/// Writes `file tree` of the v2 half (BEP 52). The files are sorted, so each folder is opened once.
fn file_tree(files: &[File], roots: &[Option<Hash>], e: &mut Out) -> io::Result<()> {
    e.begin_dict()?;
    let mut open: Vec<&str> = Vec::new();
    for (file, root) in files.iter().zip(roots).filter(|(file, _)| !file.pad) {
        let mut folders: Vec<&str> = file.elements().collect();
        let Some(name) = folders.pop() else { continue };
        let shared = open.iter().zip(&folders).take_while(|(a, b)| a == b).count();
        for _ in shared..open.len() {
            e.end()?;
        }
        for folder in &folders[shared..] {
            e.key(folder.as_bytes())?.begin_dict()?;
        }
        open = folders;
        e.key(name.as_bytes())?.begin_dict()?.key(b"")?.begin_dict()?;
        attributes(file, e)?;
        e.key(b"length")?.uint(file.length)?;
        if let Some(root) = root {
            e.key(b"pieces root")?.bytes(root)?;
        }
        symlink(file, e)?;
        e.end()?.end()?;
    }
    for _ in open {
        e.end()?;
    }
    e.end()?;
    Ok(())
}

/// Writes `attr` (BEP 47) if the file has any attributes.
fn attributes(file: &File, e: &mut Out) -> io::Result<()> {
    let flags = [('p', file.pad), ('x', file.executable), ('h', file.hidden), ('l', file.symlink.is_some())];
    let letters: String = flags.iter().filter(|(_, set)| *set).map(|(letter, _)| letter).collect();
    if !letters.is_empty() {
        e.key(b"attr")?.str(&letters)?;
    }
    Ok(())
}

fn symlink(file: &File, e: &mut Out) -> io::Result<()> {
    if let Some(target) = &file.symlink {
        e.key(b"symlink path")?;
        strings(target.iter().map(String::as_str), e)?;
    }
    Ok(())
}

fn strings<'s>(list: impl IntoIterator<Item = &'s str>, e: &mut Out) -> io::Result<()> {
    e.begin_list()?;
    for item in list {
        e.str(item)?;
    }
    e.end()?;
    Ok(())
}
