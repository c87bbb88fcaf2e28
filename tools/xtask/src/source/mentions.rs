//! The paths that the code of a module names: in `use` declarations, with their trees unfolded, and in line.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, Meta, UseTree};

use super::line_of;
use super::macros::visit_arguments;

/// The paths named in a module, without the modules inside it.
#[derive(Debug, Default)]
pub struct Mentions {
    /// One entry for each leaf of a `use` tree, also of those inside functions.
    pub imports: Vec<Import>,
    /// Paths in line, as they are written.
    pub paths: Vec<Mention>,
}

/// A leaf of a `use` tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The whole path, without `*`.
    pub path: Vec<String>,
    /// The names that the import brings into scope.
    pub name: Name,
    /// Line, counted from 1.
    pub line: usize,
    /// Set if the path begins with `::`, and so with the name of another crate.
    pub is_external: bool,
}

/// The names that an import brings into scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// One name.
    One(String),
    /// Everything in the module that the path leads to.
    Glob,
    /// No name: `as _`.
    Hidden,
}

/// A path in line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its words.
    pub path: Vec<String>,
    /// Line, counted from 1.
    pub line: usize,
    /// Set if the path begins with `::`, and so with the name of another crate.
    pub is_external: bool,
}

impl Mentions {
    /// Collects the paths of a module that consists of `items`.
    pub fn of(items: &[Item]) -> Self {
        let mut mentions = Self::default();
        for item in items {
            mentions.visit_item(item);
        }
        mentions
    }

    fn import(&mut self, tree: &UseTree, prefix: &mut Vec<String>, is_external: bool) {
        let depth = prefix.len();
        match tree {
            UseTree::Path(path) => {
                prefix.push(word(&path.ident));
                self.import(&path.tree, prefix, is_external);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, is_external);
                }
            }
            UseTree::Name(name) => {
                if name.ident != "self" || prefix.is_empty() {
                    prefix.push(word(&name.ident));
                }
                let last = prefix.last().cloned().unwrap_or_default();
                self.leaf(prefix, Name::One(last), &name.ident, is_external);
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" || prefix.is_empty() {
                    prefix.push(word(&rename.ident));
                }
                let new = word(&rename.rename);
                let name = if new == "_" { Name::Hidden } else { Name::One(new) };
                self.leaf(prefix, name, &rename.ident, is_external);
            }
            UseTree::Glob(glob) => {
                let line = line_of(glob.star_token.spans[0]);
                self.imports.push(Import { path: prefix.clone(), name: Name::Glob, line, is_external });
            }
        }
        prefix.truncate(depth);
    }

    fn leaf(&mut self, path: &[String], name: Name, at: &Ident, is_external: bool) {
        self.imports.push(Import { path: path.to_vec(), name, line: line_of(at.span()), is_external });
    }
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, &mut Vec::new(), item.leading_colon.is_some());
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.paths.push(Mention {
                path: path.segments.iter().map(|segment| word(&segment.ident)).collect(),
                line: line_of(first.ident.span()),
                is_external: path.leading_colon.is_some(),
            });
        }
        visit::visit_path(self, path);
    }

    /// Records a pattern of one capitalized word, which may be a constant.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = word(&pattern.ident);
        if name.starts_with(char::is_uppercase) {
            let line = line_of(pattern.ident.span());
            self.paths.push(Mention { path: vec![name], line, is_external: false });
        }
        visit::visit_pat_ident(self, pattern);
    }

    /// Visits the arguments of attributes such as `#[arg(value_parser = …)]`.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let Meta::List(list) = &attribute.meta
            && !["allow", "cfg", "deny", "doc", "expect", "forbid", "warn"]
                .iter()
                .any(|name| list.path.is_ident(name))
        {
            visit_arguments(&list.tokens, self);
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        visit_arguments(&call.tokens, self);
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        scan(tokens, &mut self.paths);
    }
}

/// Finds paths of several words in tokens that have no syntax of their own.
fn scan(tokens: &TokenStream, found: &mut Vec<Mention>) {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let colon = |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        match tree {
            TokenTree::Group(group) => scan(&group.stream(), found),
            TokenTree::Ident(first) => {
                let mut path = vec![word(first)];
                let line = line_of(first.span());
                while colon(at + 1)
                    && colon(at + 2)
                    && let Some(TokenTree::Ident(next)) = trees.get(at + 3)
                {
                    path.push(word(next));
                    at += 3;
                }
                if path.len() > 1 {
                    found.push(Mention { path, line, is_external: false });
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// An identifier without the `r#` that makes a keyword one.
fn word(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}
