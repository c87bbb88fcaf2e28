//! The full paths that code names, in `use` declarations and in line. The path of an import replaces the first
//! word that it brought into scope.

use std::collections::BTreeMap;

use syn::Item;

use crate::source::mentions::{Mentions, Name};

/// A path that is named somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its words, beginning with the crate.
    pub(super) path: Vec<String>,
    /// Line, counted from 1.
    pub(super) line: usize,
    /// Set if the path ends with `*`, which is not part of it.
    is_glob: bool,
    /// Number of words at the start that come from an import, which is judged by itself.
    imported: usize,
}

impl Named {
    /// Returns true if the path leads to `target` or below it, and not already through its import.
    pub(super) fn reaches(&self, target: &[&str]) -> bool {
        if self.is_glob {
            return starts_with(&self.path, target)
                || target.len() > self.path.len() && self.path.iter().eq(&target[..self.path.len()]);
        }
        starts_with(&self.path, target) && self.imported < target.len()
    }
}

fn starts_with(path: &[String], target: &[&str]) -> bool {
    path.len() >= target.len() && target.iter().eq(&path[..target.len()])
}

/// All paths of two words or more, and all imports, in `items` and the modules among them.
pub(super) fn named(items: &[Item]) -> Vec<Named> {
    let mentions = Mentions::of(items);
    let mut names: BTreeMap<&str, &[String]> = BTreeMap::new();
    let mut found = Vec::new();
    for import in &mentions.imports {
        if let Name::One(name) = &import.name {
            names.insert(name, &import.path);
        }
        let is_glob = import.name == Name::Glob;
        found.push(Named { path: import.path.clone(), line: import.line, is_glob, imported: 0 });
    }
    for mention in &mentions.paths {
        let mut path = mention.path.clone();
        let full = path.first().and_then(|first| names.get(first.as_str())).copied().unwrap_or_default();
        if !full.is_empty() && !mention.is_external {
            path.splice(..1, full.iter().cloned());
        }
        if path.len() > 1 {
            found.push(Named { path, line: mention.line, is_glob: false, imported: full.len() });
        }
    }
    for item in items {
        if let Item::Mod(module) = item
            && let Some((_, items)) = &module.content
        {
            found.extend(named(items));
        }
    }
    found
}
