//! Cycles of files that name each other's items.
//!
//! A file depends on another one when its code outside tests names an item that the other defines. Neither
//! `mod x;` nor the path to an item makes a dependency, so re-exports do not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::modules::Tree;
use super::table::Table;
use crate::workspace::{Package, Workspace};

/// For each pair of files, the items of the second that the first one names.
type Edges = BTreeMap<(String, String), BTreeSet<String>>;

/// The treatment of a module that names items of the modules around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ancestors {
    /// The module depends on them, as on any other.
    Counted,
    /// The module does not depend on them: it is a part of them.
    LeftOut,
}

/// A strongly connected component of the files of a package.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Paths of the files, sorted.
    pub files: Vec<String>,
    /// Dependencies among the files.
    pub edges: Vec<Edge>,
}

/// The dependency of one file on another.
#[derive(Debug, PartialEq, Eq)]
pub struct Edge {
    /// The file that names the items.
    pub from: String,
    /// The file that defines them.
    pub to: String,
    /// Names of the items.
    pub names: Vec<String>,
}

/// The import cycles of a package, the largest first.
pub fn cycles(package: &Package, ancestors: Ancestors) -> Vec<Cycle> {
    let edges = edges(package, ancestors);
    let mut cycles: Vec<Cycle> = components(&edges)
        .into_iter()
        .map(|files| {
            let inner = edges.iter().filter(|((from, to), _)| files.contains(from) && files.contains(to));
            let edges = inner.map(|((from, to), names)| Edge {
                from: from.clone(),
                to: to.clone(),
                names: names.iter().cloned().collect(),
            });
            Cycle { edges: edges.collect(), files }
        })
        .collect();
    cycles.sort_by(|a, b| b.files.len().cmp(&a.files.len()).then_with(|| a.files.cmp(&b.files)));
    cycles
}

/// The report on a workspace: the cycles with two of the items for each edge, or `all` cycles and items.
pub(super) fn report(workspace: &Workspace, all: bool) -> String {
    let (mut text, summary) = list(workspace, Ancestors::LeftOut, if all { usize::MAX } else { 2 });
    let _ = writeln!(text, "{summary}\nCounting items of a module's own ancestors:\n");
    let (detail, summary) = list(workspace, Ancestors::Counted, usize::MAX);
    if all {
        text.push_str(&detail);
    }
    text + &summary
}

/// The cycles with up to `names` items for each edge, and a table of their numbers.
fn list(workspace: &Workspace, ancestors: Ancestors, names: usize) -> (String, String) {
    let mut text = String::new();
    let mut table = Table::new(&["cycles", "files", "largest", "crate"]);
    let (mut count, mut file_count, mut largest) = (0, 0, 0);
    for package in &workspace.packages {
        let cycles = cycles(package, ancestors);
        let Some(first) = cycles.first() else { continue };
        let files: usize = cycles.iter().map(|cycle| cycle.files.len()).sum();
        count += cycles.len();
        file_count += files;
        largest = largest.max(first.files.len());
        table.row([
            cycles.len().to_string(),
            files.to_string(),
            first.files.len().to_string(),
            package.name.clone(),
        ]);
        for cycle in &cycles {
            describe(package, cycle, names, &mut text);
        }
    }
    table.row([count.to_string(), file_count.to_string(), largest.to_string(), "all".to_owned()]);
    (text, table.to_string())
}

fn describe(package: &Package, cycle: &Cycle, names: usize, text: &mut String) {
    let short = |file: &str| {
        let file = file.strip_prefix(package.folder()).unwrap_or(file);
        file.strip_prefix("src/").unwrap_or(file).to_owned()
    };
    let files: Vec<String> = cycle.files.iter().map(|file| short(file)).collect();
    let _ = writeln!(text, "  {}: {} files: {}", package.name, files.len(), files.join(", "));
    for edge in &cycle.edges {
        let mut shown: Vec<&str> = edge.names.iter().take(names).map(String::as_str).collect();
        if edge.names.len() > shown.len() {
            shown.push("…");
        }
        let _ = writeln!(text, "    {} -> {}: {}", short(&edge.from), short(&edge.to), shown.join(", "));
    }
}

/// Finds the dependencies among the files of a package.
fn edges(package: &Package, ancestors: Ancestors) -> Edges {
    let mut edges = Edges::new();
    for root in &package.roots {
        let tree = Tree::of(package, root);
        for (id, module) in tree.modules() {
            let imports = module.mentions.imports.iter();
            let imports = imports.filter(|import| !import.is_external).map(|import| &import.path);
            let paths = module.mentions.paths.iter();
            let paths = paths.filter(|mention| !mention.is_external).map(|mention| &mention.path);
            for path in imports.chain(paths) {
                for definition in tree.resolve(id, path) {
                    let is_free = definition.file == module.file
                        || ancestors == Ancestors::LeftOut
                            && tree.ancestors(id).any(|file| file == definition.file);
                    if !is_free {
                        let pair = (module.file.to_owned(), definition.file.to_owned());
                        edges.entry(pair).or_default().insert(definition.name);
                    }
                }
            }
        }
    }
    edges
}

/// The components of two files or more.
fn components(edges: &Edges) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        next.entry(from).or_default().push(to);
    }
    let reachable: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|&file| (file, reach(file, &next))).collect();
    let meets = |a: &str, b: &str| reachable.get(a).is_some_and(|files| files.contains(b));
    let mut placed = BTreeSet::new();
    let mut components = Vec::new();
    for &file in next.keys() {
        if placed.contains(file) || !meets(file, file) {
            continue;
        }
        let component: Vec<&str> =
            next.keys().copied().filter(|other| meets(file, other) && meets(other, file)).collect();
        placed.extend(component.iter().copied());
        components.push(component.into_iter().map(str::to_owned).collect());
    }
    components
}

/// The files that `start` leads to; `start` itself only through others.
fn reach<'a>(start: &'a str, next: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        for &to in next.get(file).into_iter().flatten() {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests;
