//! The modules of a crate and the names in them: they lead from a path to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use crate::source::mentions::{Mentions, Name};
use crate::source::{Source, module_files, path_attribute};
use crate::workspace::Package;

/// The modules that are compiled from one root file, without those for tests.
pub(super) struct Tree<'a> {
    modules: Vec<Module<'a>>,
    /// Names of the crate's `macro_rules!` and where they are defined.
    macros: BTreeMap<String, &'a str>,
}

/// A module and what it names.
pub(super) struct Module<'a> {
    /// Path of its file.
    pub(super) file: &'a str,
    pub(super) mentions: Mentions,
    parent: Option<usize>,
    names: BTreeMap<String, Vec<Target<'a>>>,
}

/// An item and the file that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Definition<'a> {
    pub(super) file: &'a str,
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target<'a> {
    Item(Definition<'a>),
    Module(usize),
}

/// Pairs of a module and a name that are being looked up: imports may go in circles.
type Open = BTreeSet<(usize, String)>;

impl<'a> Tree<'a> {
    /// The modules that are compiled from the root file `root` of `package`.
    pub(super) fn of(package: &'a Package, root: &str) -> Self {
        let mut tree = Self { modules: Vec::new(), macros: BTreeMap::new() };
        if let Some(source) = source(package, root) {
            tree.add(package, source, &source.product.items, &mut Vec::new(), None);
        }
        tree
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = (usize, &Module<'a>)> {
        self.modules.iter().enumerate()
    }

    /// The file of a module and those of the modules around it.
    pub(super) fn ancestors(&self, module: usize) -> impl Iterator<Item = &'a str> {
        let chain = std::iter::successors(Some(module), |&id| self.modules[id].parent);
        chain.map(|id| self.modules[id].file)
    }

    fn add(
        &mut self,
        package: &'a Package,
        source: &'a Source,
        items: &'a [Item],
        inline: &mut Vec<String>,
        parent: Option<usize>,
    ) -> usize {
        let id = self.modules.len();
        let mentions = Mentions::of(items);
        self.modules.push(Module { file: &source.path, mentions, parent, names: BTreeMap::new() });
        for item in items {
            if let Some(name) = defined_name(item) {
                let target = Target::Item(Definition { file: &source.path, name: name.clone() });
                self.modules[id].names.entry(name).or_default().push(target);
            }
            match item {
                Item::Macro(item) => {
                    if let Some(name) = &item.ident {
                        self.macros.insert(name.to_string(), &source.path);
                    }
                }
                Item::Mod(item) => {
                    let name = item.ident.to_string();
                    let child = match &item.content {
                        Some((_, items)) => {
                            inline.push(name.clone());
                            let child = self.add(package, source, items, inline, Some(id));
                            inline.pop();
                            Some(child)
                        }
                        None => {
                            let place = path_attribute(&item.attrs);
                            let files = module_files(&source.path, inline, &name, place.as_deref());
                            let file = files.iter().find_map(|file| self::source(package, file));
                            file.map(|file| {
                                self.add(package, file, &file.product.items, &mut Vec::new(), Some(id))
                            })
                        }
                    };
                    let target = child.map(Target::Module);
                    self.modules[id].names.entry(name).or_default().extend(target);
                }
                _ => {}
            }
        }
        id
    }

    /// The definitions of the items of this crate that `path` names in a module.
    pub(super) fn resolve(&self, module: usize, path: &[String]) -> Vec<Definition<'a>> {
        let mut found: Vec<Definition<'a>> = self
            .targets(module, path, &mut Open::new())
            .into_iter()
            .filter_map(|target| match target {
                Target::Item(definition) => Some(definition),
                Target::Module(_) => None,
            })
            .collect();
        if let [name] = path
            && found.is_empty()
        {
            found.extend(self.macros.get(name).map(|file| Definition { file, name: name.clone() }));
        }
        found
    }

    fn targets(&self, module: usize, path: &[String], open: &mut Open) -> BTreeSet<Target<'a>> {
        let Some((first, rest)) = path.split_first() else { return BTreeSet::new() };
        let mut targets: BTreeSet<Target<'a>> = match first.as_str() {
            "crate" => BTreeSet::from([Target::Module(0)]),
            "self" => BTreeSet::from([Target::Module(module)]),
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            name => self.names(module, name, open),
        };
        for word in rest {
            let mut next = BTreeSet::new();
            for target in targets {
                match target {
                    // After an item come its own members.
                    Target::Item(_) => {
                        next.insert(target);
                    }
                    Target::Module(id) if word == "super" => {
                        next.extend(self.modules[id].parent.map(Target::Module));
                    }
                    Target::Module(id) => next.extend(self.names(id, word, open)),
                }
            }
            targets = next;
        }
        targets
    }

    /// Everything called `name` in a module: defined there, imported, or reached through a glob.
    fn names(&self, module: usize, name: &str, open: &mut Open) -> BTreeSet<Target<'a>> {
        let key = (module, name.to_owned());
        if !open.insert(key.clone()) {
            return BTreeSet::new();
        }
        let this = &self.modules[module];
        let mut found: BTreeSet<Target<'a>> = this.names.get(name).into_iter().flatten().cloned().collect();
        let imports = this.mentions.imports.iter().filter(|import| !import.is_external);
        for import in imports.clone().filter(|import| import.name == Name::One(name.to_owned())) {
            found.extend(self.targets(module, &import.path, open));
        }
        if found.is_empty() {
            for glob in imports.filter(|import| import.name == Name::Glob) {
                for target in self.targets(module, &glob.path, open) {
                    if let Target::Module(id) = target {
                        found.extend(self.names(id, name, open));
                    }
                }
            }
        }
        open.remove(&key);
        found
    }
}

fn source<'a>(package: &'a Package, path: &str) -> Option<&'a Source> {
    package.sources.iter().find(|source| source.path == path)
}

/// The name that an item gives to its module.
fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(syn::ItemMacro { ident: Some(ident), .. }) => ident,
        _ => return None,
    };
    Some(name.to_string())
}
