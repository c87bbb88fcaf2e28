//! Fields of structs, and the files that touch them.
//!
//! Types are not known here. A touched field is assigned to a struct by the first of these rules that fits:
//! `self.f` in an `impl` block belongs to the block's type if that has `f`; a field name of one struct only
//! belongs to that struct; `torrents[id].f` belongs to `Torrent`, by the last word before the field.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Expr, Member, Type};

use super::table::Table;
use crate::source::macros::visit_arguments;
use crate::workspace::{Package, Workspace};

/// A field touched from more files than this is counted.
const MANY: usize = 3;
/// Rows of the table of the widest structs, and of the most touched fields.
const STRUCTS: usize = 15;
const FIELDS: usize = 40;

/// A struct with named fields.
#[derive(Debug)]
struct Struct {
    name: String,
    file: String,
    /// Set if it borrows: it lends its fields for the duration of a call and holds no state of its own.
    borrows: bool,
    /// The fields that are not `pub`, which hold state.
    private: BTreeSet<String>,
    /// The fields, and the files that touch each.
    fields: BTreeMap<String, BTreeSet<String>>,
}

impl Struct {
    /// Number of fields that hold state and are touched from many files.
    fn wide_state(&self) -> usize {
        let is_wide = |(field, files): &(&String, &BTreeSet<String>)| {
            !self.borrows && self.private.contains(*field) && files.len() > MANY
        };
        self.fields.iter().filter(is_wide).count()
    }
}

/// The structs of a package.
#[derive(Debug, Default)]
struct Fields {
    structs: Vec<Struct>,
    /// Number of touches without a matching struct, although some structs have a field of that name.
    unresolved: usize,
}

/// The report on a workspace; `all` lists every struct and field.
pub(super) fn report(workspace: &Workspace, all: bool) -> String {
    let measured: Vec<(&str, Fields)> =
        workspace.packages.iter().map(|package| (package.name.as_str(), measure(package))).collect();
    let mut structs: Vec<(&str, &Struct)> = Vec::new();
    for (package, fields) in &measured {
        structs.extend(fields.structs.iter().map(|of| (*package, of)));
    }
    structs.sort_by_key(|(_, of)| std::cmp::Reverse(of.fields.len()));
    let mut widest = Table::new(&["fields", "struct", "crate"]);
    for (package, of) in structs.iter().take(if all { usize::MAX } else { STRUCTS }) {
        widest.row([of.fields.len().to_string(), of.name.clone(), (*package).to_owned()]);
    }
    let mut touched: Vec<(usize, String, &str)> = Vec::new();
    for (package, of) in &structs {
        let counts =
            of.fields.iter().map(|(field, files)| (files.len(), format!("{}.{field}", of.name), *package));
        touched.extend(counts.filter(|(files, ..)| all || *files > MANY));
    }
    touched.sort_by_key(|(files, ..)| std::cmp::Reverse(*files));
    let mut fields = Table::new(&["files", "field", "crate"]);
    for (files, field, package) in touched.iter().take(if all { usize::MAX } else { FIELDS }) {
        fields.row([files.to_string(), field.clone(), (*package).to_owned()]);
    }
    let is_wide = |of: &Struct| of.fields.values().any(|files| files.len() > MANY);
    let wide = structs.iter().filter(|(_, of)| is_wide(of)).count();
    let many = touched.iter().filter(|(files, ..)| *files > MANY).count();
    let unresolved: usize = measured.iter().map(|(_, fields)| fields.unresolved).sum();
    let mut state = Table::new(&["state", "crate"]);
    for (package, of) in &measured {
        let wide: usize = of.structs.iter().map(Struct::wide_state).sum();
        if wide > 0 {
            state.row([wide.to_string(), (*package).to_owned()]);
        }
    }
    format!(
        "{widest}\n{fields}  {many} fields of {wide} structs are touched from more than {MANY} files; \
         {unresolved} touches unresolved\n\nOf these, private fields of structs that borrow nothing:\n\n{state}"
    )
}

fn measure(package: &Package) -> Fields {
    let mut fields = Fields::default();
    for source in &package.sources {
        let mut structs = Structs { file: &source.path, found: Vec::new() };
        structs.visit_file(&source.product);
        fields.structs.append(&mut structs.found);
    }
    for source in &package.sources {
        let mut touches = Touches { file: &source.path, fields: &mut fields, block: None };
        touches.visit_file(&source.product);
    }
    fields
}

impl Fields {
    /// Records a touched field. The guesses are the type of the `impl` block and the word before the field.
    fn touch(&mut self, file: &str, field: &str, guesses: [Option<String>; 2]) {
        let owners: Vec<usize> =
            (0..self.structs.len()).filter(|&at| self.structs[at].fields.contains_key(field)).collect();
        let [own, named] = guesses;
        let called = |name: String| {
            let same: Vec<usize> =
                owners.iter().copied().filter(|&at| is_called(&self.structs[at].name, &name)).collect();
            match same[..] {
                [only] => Some(only),
                // Of several structs with one name, the one in the same file.
                _ => same.into_iter().find(|&at| self.structs[at].file == file),
            }
        };
        let only = if let [only] = owners[..] { Some(only) } else { None };
        match own.and_then(called).or(only).or_else(|| named.and_then(called)) {
            Some(owner) => {
                if let Some(files) = self.structs[owner].fields.get_mut(field) {
                    files.insert(file.to_owned());
                }
            }
            None => self.unresolved += usize::from(!owners.is_empty()),
        }
    }

    /// Records a field in a literal or pattern of the struct `name`.
    fn touch_of(&mut self, file: &str, field: &str, name: &str) {
        let owners: Vec<usize> = (0..self.structs.len())
            .filter(|&at| self.structs[at].name == name && self.structs[at].fields.contains_key(field))
            .collect();
        let owner = match owners[..] {
            [only] => Some(only),
            _ => owners.into_iter().find(|&at| self.structs[at].file == file),
        };
        if let Some(files) = owner.and_then(|at| self.structs[at].fields.get_mut(field)) {
            files.insert(file.to_owned());
        }
    }
}

/// Returns true if `name` is a struct's name, that name in snake case, or its plural.
fn is_called(of: &str, name: &str) -> bool {
    let snake = snake_case(of);
    let singular = |ending: &str, instead: &str| {
        name.strip_suffix(ending).is_some_and(|stem| format!("{stem}{instead}") == snake)
    };
    of == name || name == snake || singular("s", "") || singular("es", "") || singular("ies", "y")
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

struct Structs<'a> {
    file: &'a str,
    found: Vec<Struct>,
}

impl<'ast> Visit<'ast> for Structs<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if let syn::Fields::Named(fields) = &item.fields {
            let names = fields.named.iter().filter_map(|field| field.ident.as_ref());
            let private =
                fields.named.iter().filter(|field| !matches!(field.vis, syn::Visibility::Public(_)));
            self.found.push(Struct {
                name: item.ident.to_string(),
                file: self.file.to_owned(),
                borrows: item.generics.lifetimes().next().is_some(),
                private: private.filter_map(|field| field.ident.as_ref()).map(ToString::to_string).collect(),
                fields: names.map(|name| (name.to_string(), BTreeSet::new())).collect(),
            });
        }
    }
}

struct Touches<'a> {
    file: &'a str,
    fields: &'a mut Fields,
    /// The type of the `impl` block around the current node.
    block: Option<String>,
}

impl Touches<'_> {
    fn literal_or_pattern<'m>(&mut self, path: &syn::Path, members: impl Iterator<Item = &'m Member>) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let name = match words.as_slice() {
            [only] if only == "Self" => self.block.clone(),
            // The last word is a variant of an enum.
            [.., of, _] if of.starts_with(char::is_uppercase) => None,
            _ => words.last().cloned(),
        };
        let Some(name) = name else { return };
        for member in members {
            if let Member::Named(field) = member {
                self.fields.touch_of(self.file, &field.to_string(), &name);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Touches<'_> {
    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let outer = self.block.take();
        if let Type::Path(path) = &*block.self_ty {
            self.block = path.path.segments.last().map(|segment| segment.ident.to_string());
        }
        visit::visit_item_impl(self, block);
        self.block = outer;
    }

    fn visit_expr_field(&mut self, access: &'ast syn::ExprField) {
        if let Member::Named(field) = &access.member {
            let receiver = last_word(&access.base);
            let guesses = match receiver {
                Some(word) if word == "self" => [self.block.clone(), None],
                other => [None, other],
            };
            self.fields.touch(self.file, &field.to_string(), guesses);
        }
        visit::visit_expr_field(self, access);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        self.literal_or_pattern(&literal.path, literal.fields.iter().map(|field| &field.member));
        visit::visit_expr_struct(self, literal);
    }

    fn visit_pat_struct(&mut self, pattern: &'ast syn::PatStruct) {
        self.literal_or_pattern(&pattern.path, pattern.fields.iter().map(|field| &field.member));
        visit::visit_pat_struct(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit_arguments(&call.tokens, self);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// The last identifier of a receiver: `torrents` of `self.torrents[id]`.
fn last_word(receiver: &Expr) -> Option<String> {
    match receiver {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Field(access) => match &access.member {
            Member::Named(name) => Some(name.to_string()),
            Member::Unnamed(_) => None,
        },
        Expr::Index(index) => last_word(&index.expr),
        Expr::Paren(inner) => last_word(&inner.expr),
        Expr::Reference(inner) => last_word(&inner.expr),
        Expr::Unary(inner) => last_word(&inner.expr),
        Expr::Try(inner) => last_word(&inner.expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
