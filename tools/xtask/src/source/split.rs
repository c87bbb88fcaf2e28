//! Separates what is compiled only for tests from the rest of a syntax tree.

use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ImplItem, Item, Meta, Stmt, Token, TraitItem};

/// A module in a file of its own, as another file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The places where the file may be.
    pub files: Vec<String>,
    /// Set if it is compiled for tests only.
    pub test: bool,
}

/// Removes the test code from a syntax tree and records its lines.
pub(super) struct Split<'a> {
    /// First and last lines, counted from 1.
    pub(super) test_regions: Vec<(usize, usize)>,
    pub(super) declared: Vec<Declared>,
    path: &'a str,
    /// Names of the inline modules around the current node.
    inline: Vec<String>,
}

impl<'a> Split<'a> {
    pub(super) fn of(path: &'a str, line_count: usize, file: &mut syn::File) -> Self {
        let mut split = Self { test_regions: Vec::new(), declared: Vec::new(), path, inline: Vec::new() };
        let whole = is_for_tests(&file.attrs);
        split.visit_file_mut(file);
        if whole {
            split.test_regions = vec![(1, line_count)];
            file.attrs.clear();
            file.items.clear();
            split.declared.iter_mut().for_each(|declared| declared.test = true);
        }
        split
    }

    /// Returns true if a node with these attributes stays. Records the lines of one that does not.
    fn keep(&mut self, attributes: &[Attribute], node: &dyn Spanned) -> bool {
        let test = is_for_tests(attributes);
        if test {
            let span = node.span();
            self.test_regions.push((span.start().line, span.end().line));
        }
        !test
    }

    fn keep_item(&mut self, item: &Item) -> bool {
        let attributes = item_attributes(item);
        if let Item::Mod(module) = item
            && module.content.is_none()
        {
            let place = path_attribute(attributes);
            self.declared.push(Declared {
                files: module_files(self.path, &self.inline, &module.ident.to_string(), place.as_deref()),
                test: is_for_tests(attributes),
            });
        }
        self.keep(attributes, item)
    }
}

impl VisitMut for Split<'_> {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| self.keep_item(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            self.inline.push(module.ident.to_string());
            items.retain(|item| self.keep_item(item));
            visit_mut::visit_item_mod_mut(self, module);
            self.inline.pop();
        }
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| self.keep(impl_item_attributes(item), item));
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, item: &mut syn::ItemTrait) {
        item.items.retain(|item| self.keep(trait_item_attributes(item), item));
        visit_mut::visit_item_trait_mut(self, item);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        let named = std::mem::take(&mut fields.named);
        fields.named = named.into_iter().filter(|field| self.keep(&field.attrs, field)).collect();
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_item_enum_mut(&mut self, item: &mut syn::ItemEnum) {
        let variants = std::mem::take(&mut item.variants);
        item.variants = variants.into_iter().filter(|variant| self.keep(&variant.attrs, variant)).collect();
        visit_mut::visit_item_enum_mut(self, item);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| match statement {
            Stmt::Local(local) => self.keep(&local.attrs, statement),
            Stmt::Item(item) => self.keep_item(item),
            Stmt::Macro(call) => self.keep(&call.attrs, statement),
            Stmt::Expr(expression, _) => self.keep(expression_attributes(expression), statement),
        });
        visit_mut::visit_block_mut(self, block);
    }
}

/// The places where the file of `mod name;` may be. `inline` names the inline modules around the declaration,
/// `place` is the value of a `#[path]` attribute.
pub fn module_files(declared_in: &str, inline: &[String], name: &str, place: Option<&str>) -> Vec<String> {
    let (folder, file) = declared_in.rsplit_once('/').unwrap_or(("", declared_in));
    if let Some(place) = place {
        return vec![format!("{folder}/{place}")];
    }
    let mut folder = folder.to_owned();
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    if !matches!(stem, "lib" | "main" | "mod") {
        folder = format!("{folder}/{stem}");
    }
    for module in inline {
        folder = format!("{folder}/{module}");
    }
    vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
}

/// The value of a `#[path = "…"]` attribute.
pub fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Returns true if a node with these attributes is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.is_ident("test")
            || path.is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta))
    })
}

/// Returns true if a condition holds in tests only.
fn needs_test(condition: &Meta) -> bool {
    let parts = |list: &syn::MetaList| {
        let parsed = list.parse_args_with(syn::punctuated::Punctuated::<Meta, Token![,]>::parse_terminated);
        parsed.unwrap_or_default()
    };
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(needs_test),
        Meta::List(list) if list.path.is_ident("any") => {
            let parts = parts(list);
            !parts.is_empty() && parts.iter().all(needs_test)
        }
        _ => false,
    }
}

fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn impl_item_attributes(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

fn trait_item_attributes(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

/// The attributes of the expressions that are used as statements of their own.
fn expression_attributes(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Assign(expression) => &expression.attrs,
        Expr::Block(expression) => &expression.attrs,
        Expr::Call(expression) => &expression.attrs,
        Expr::If(expression) => &expression.attrs,
        Expr::Macro(expression) => &expression.attrs,
        Expr::Match(expression) => &expression.attrs,
        Expr::MethodCall(expression) => &expression.attrs,
        _ => &[],
    }
}
