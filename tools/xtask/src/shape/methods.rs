//! Methods of types, and the files they are spread over.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{ImplItem, Item, Type};

use super::table::Table;
use crate::source::Source;
use crate::workspace::{Package, Workspace};

/// The inherent methods of a type.
#[derive(Debug, Default, PartialEq, Eq)]
struct Methods {
    count: usize,
    files: BTreeSet<String>,
}

/// The report on the types with the most methods.
pub(super) fn report(workspace: &Workspace, limit: usize) -> String {
    let mut rows: Vec<(String, String, Methods)> = Vec::new();
    for package in &workspace.packages {
        let types = measure(package).into_iter();
        rows.extend(types.map(|((name, _), methods)| (package.name.clone(), name, methods)));
    }
    rows.sort_by_key(|(_, _, methods)| std::cmp::Reverse(methods.count));
    let mut table = Table::new(&["methods", "files", "type", "crate"]);
    for (package, name, methods) in rows.into_iter().take(limit) {
        table.row([methods.count.to_string(), methods.files.len().to_string(), name, package]);
    }
    table.to_string()
}

/// The methods by name and file of the type.
fn measure(package: &Package) -> BTreeMap<(String, String), Methods> {
    let mut definitions: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in &package.sources {
        for name in types_of(source) {
            definitions.entry(name).or_default().push(&source.path);
        }
    }
    let mut types: BTreeMap<(String, String), Methods> = BTreeMap::new();
    for source in &package.sources {
        let mut blocks = Blocks::default();
        blocks.visit_file(&source.product);
        for (name, count) in blocks.0 {
            let files = definitions.get(&name).map(Vec::as_slice).unwrap_or_default();
            let home = match files {
                [only] => only,
                _ => files.iter().find(|file| **file == source.path).copied().unwrap_or_default(),
            };
            let methods = types.entry((name, home.to_owned())).or_default();
            methods.count += count;
            methods.files.insert(source.path.clone());
        }
    }
    types
}

/// The structs, enums and unions that a file defines.
fn types_of(source: &Source) -> Vec<String> {
    #[derive(Default)]
    struct Types(Vec<String>);
    impl<'ast> Visit<'ast> for Types {
        fn visit_item(&mut self, item: &'ast Item) {
            let name = match item {
                Item::Enum(item) => Some(&item.ident),
                Item::Struct(item) => Some(&item.ident),
                Item::Union(item) => Some(&item.ident),
                _ => None,
            };
            self.0.extend(name.map(ToString::to_string));
            visit::visit_item(self, item);
        }
    }
    let mut types = Types::default();
    types.visit_file(&source.product);
    types.0
}

/// Types and the number of functions in each of their `impl` blocks.
#[derive(Default)]
struct Blocks(Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Blocks {
    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        if block.trait_.is_none()
            && let Type::Path(path) = &*block.self_ty
            && let Some(last) = path.path.segments.last()
        {
            let count = block.items.iter().filter(|item| matches!(item, ImplItem::Fn(_))).count();
            self.0.push((last.ident.to_string(), count));
        }
        visit::visit_item_impl(self, block);
    }
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::workspace::testing::package;

    #[test]
    fn methods_over_several_files_are_added_up() {
        let package = package(
            "a",
            &[
                ("lib.rs", "pub struct A;\nimpl A { fn a(&self) {} fn b() {} const C: u8 = 1; }"),
                ("b.rs", "impl super::A { fn c(&self) {} }\nimpl Clone for A { fn clone(&self) -> A { A } }"),
                ("c.rs", "struct B;\nimpl B { fn d() {} #[cfg(test)] fn e() {} }\nstruct A2;"),
                ("d.rs", "struct B;\nimpl B { fn f() {} fn g() {} }"),
            ],
        );
        let counts: Vec<(String, usize, usize)> = measure(&package)
            .into_iter()
            .map(|((name, _), methods)| (name, methods.count, methods.files.len()))
            .collect();
        let expected = [("A", 3, 2), ("B", 1, 1), ("B", 2, 1)];
        assert_eq!(counts, expected.map(|(name, count, files)| (name.to_owned(), count, files)));
    }
}
