//! Public signatures of libraries that name `[u8; 20]` where a type of its own would tell which id is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use syn::visit::{self, Visit};
use syn::{Expr, ExprLit, Fields, ImplItem, Item, Lit, Signature, Type, TypeArray, Visibility};

use crate::source::line_of;
use crate::workspace::{Package, Workspace};

/// Methods of a newtype around the array that convert from and to it.
const CONVERSIONS: &[&str] =
    &["as_bytes", "as_mut", "as_ref", "from", "from_bytes", "into_bytes", "new", "to_bytes"];

/// A public item that names the bare array.
#[derive(Debug, PartialEq, Eq)]
pub struct BareId {
    /// Path from the root of the workspace.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Kind and name of the item.
    pub item: String,
}

/// The report on a workspace.
pub(super) fn report(workspace: &Workspace, limit: usize) -> String {
    let ids: Vec<BareId> = workspace.packages.iter().flat_map(bare_ids).collect();
    let mut text = String::new();
    for id in ids.iter().take(limit) {
        let _ = writeln!(text, "  {}:{}: {}", id.file, id.line, id.item);
    }
    let _ = writeln!(text, "  {} public items name a bare [u8; 20]", ids.len());
    text
}

/// Returns the public items of a library that name a bare `[u8; 20]`. Empty for packages that are no libraries.
pub fn bare_ids(package: &Package) -> Vec<BareId> {
    let mut ids = Vec::new();
    if !package.is_library() {
        return ids;
    }
    let mut types = Types::default();
    for source in &package.sources {
        types.visit_file(&source.product);
    }
    for source in &package.sources {
        let mut finder = Finder { file: &source.path, types: &types, found: &mut ids };
        finder.visit_file(&source.product);
    }
    ids
}

/// The types that a package defines.
#[derive(Default)]
struct Types {
    /// Names of types, true for public ones.
    public: BTreeMap<String, bool>,
    /// Structs that hold nothing but the array.
    newtypes: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item(&mut self, item: &'ast Item) {
        let (name, visibility) = match item {
            Item::Enum(item) => (&item.ident, &item.vis),
            Item::Struct(item) => (&item.ident, &item.vis),
            Item::Union(item) => (&item.ident, &item.vis),
            _ => return visit::visit_item(self, item),
        };
        *self.public.entry(name.to_string()).or_default() |= is_public(visibility);
        if let Item::Struct(item) = item
            && let Fields::Unnamed(fields) = &item.fields
            && fields.unnamed.len() == 1
            && fields.unnamed.iter().all(|field| matches!(&field.ty, Type::Array(array) if is_id(array)))
        {
            self.newtypes.insert(name.to_string());
        }
    }
}

struct Finder<'a> {
    file: &'a str,
    types: &'a Types,
    found: &'a mut Vec<BareId>,
}

impl Finder<'_> {
    fn add(&mut self, line: usize, item: String) {
        self.found.push(BareId { file: self.file.to_owned(), line, item });
    }

    fn signature(&mut self, signature: &Signature, of: Option<&str>) {
        let mut ids = Ids(false);
        ids.visit_signature(signature);
        if ids.0 {
            let of = of.map(|of| format!("{of}::")).unwrap_or_default();
            self.add(line_of(signature.fn_token.span), format!("fn {of}{}", signature.ident));
        }
    }

    /// A type that belongs to the item called `name`.
    fn type_of(&mut self, kind: &str, name: &str, line: usize, of: &Type) {
        if names_id(of) {
            self.add(line, format!("{kind} {name}"));
        }
    }

    fn fields(&mut self, kind: &str, owner: &str, fields: &Fields, are_public: bool) {
        for (index, field) in fields.iter().enumerate() {
            if are_public || is_public(&field.vis) {
                let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                let line = line_of(syn::spanned::Spanned::span(&field.ty));
                self.type_of(kind, &format!("{owner}.{name}"), line, &field.ty);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if is_public(&function.vis) {
            self.signature(&function.sig, None);
        }
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let Type::Path(path) = &*block.self_ty else { return };
        let Some(last) = path.path.segments.last() else { return };
        let name = last.ident.to_string();
        let is_hidden = self.types.public.get(&name) == Some(&false);
        if block.trait_.is_some() || is_hidden {
            return;
        }
        for item in &block.items {
            match item {
                ImplItem::Fn(method) if is_public(&method.vis) => {
                    let method_name = method.sig.ident.to_string();
                    let converts = CONVERSIONS.contains(&method_name.as_str());
                    if !(converts && self.types.newtypes.contains(&name)) {
                        self.signature(&method.sig, Some(&name));
                    }
                }
                ImplItem::Const(item) if is_public(&item.vis) => {
                    let full = format!("{name}::{}", item.ident);
                    self.type_of("const", &full, line_of(item.ident.span()), &item.ty);
                }
                _ => {}
            }
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let of = item.ident.to_string();
        for member in item.items.iter().filter(|_| is_public(&item.vis)) {
            if let syn::TraitItem::Fn(method) = member {
                self.signature(&method.sig, Some(&of));
            }
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if is_public(&item.vis) {
            self.fields("field", &item.ident.to_string(), &item.fields, false);
        }
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        for variant in item.variants.iter().filter(|_| is_public(&item.vis)) {
            let owner = format!("{}::{}", item.ident, variant.ident);
            self.fields("variant field", &owner, &variant.fields, true);
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if is_public(&item.vis) {
            self.type_of("const", &item.ident.to_string(), line_of(item.ident.span()), &item.ty);
        }
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if is_public(&item.vis) {
            self.type_of("static", &item.ident.to_string(), line_of(item.ident.span()), &item.ty);
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if is_public(&item.vis) {
            self.type_of("type", &item.ident.to_string(), line_of(item.ident.span()), &item.ty);
        }
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns true if a type names the array anywhere in it.
fn names_id(of: &Type) -> bool {
    let mut ids = Ids(false);
    ids.visit_type(of);
    ids.0
}

/// Finds the array in types and signatures.
struct Ids(bool);

impl<'ast> Visit<'ast> for Ids {
    fn visit_type_array(&mut self, array: &'ast TypeArray) {
        self.0 |= is_id(array);
        visit::visit_type_array(self, array);
    }
}

fn is_id(array: &TypeArray) -> bool {
    let of_bytes = matches!(&*array.elem, Type::Path(path) if path.path.is_ident("u8"));
    let length = match &array.len {
        Expr::Lit(ExprLit { lit: Lit::Int(length), .. }) => length.base10_parse::<usize>().ok(),
        _ => None,
    };
    of_bytes && length == Some(20)
}

#[cfg(test)]
mod tests;
