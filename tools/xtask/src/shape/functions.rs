//! Lengths of functions and files, and early returns after a failed look-up.

use std::collections::BTreeMap;
use std::fmt::Write;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Signature, Stmt};

use super::table::Table;
use crate::source::{Source, line_of};
use crate::workspace::{Package, Workspace};

/// Functions with more lines than this are counted.
const LONG: usize = 90;

/// A function and its place.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    /// Lines from `fn` to the closing brace.
    lines: usize,
    file: String,
    line: usize,
}

/// The report on the longest functions.
pub(super) fn report(workspace: &Workspace, limit: usize) -> String {
    let of = |packages: &mut dyn Iterator<Item = &Package>| {
        let mut functions: Vec<Function> =
            packages.flat_map(|package| &package.sources).flat_map(functions).collect();
        functions.sort_by_key(|function| std::cmp::Reverse(function.lines));
        functions
    };
    let all = of(&mut workspace.packages.iter());
    let libraries = of(&mut workspace.packages.iter().filter(|package| package.is_library()));
    let mut longest = Table::new(&["lines", "function", "place"]);
    for function in all.iter().take(limit) {
        let place = format!("{}:{}", function.file, function.line);
        longest.row([function.lines.to_string(), function.name.clone(), place]);
    }
    let over = format!("over {LONG}");
    let mut lengths = Table::new(&["functions", "median", "p99", over.as_str(), "in"]);
    for (functions, name) in [(libraries, "crates/"), (all, "all")] {
        let at = |percent: usize| {
            let rank = functions.len() * (100 - percent) / 100;
            functions.get(rank).map_or(0, |function| function.lines)
        };
        let long = functions.iter().filter(|function| function.lines > LONG).count();
        let figures = [functions.len(), at(50), at(99), long].map(|figure| figure.to_string());
        lengths.row(figures.into_iter().chain([name.to_owned()]));
    }
    format!("{longest}\n{lengths}")
}

/// The report on the longest files, by lines outside tests.
pub(super) fn report_files(workspace: &Workspace, limit: usize) -> String {
    let mut files: Vec<(usize, &str)> =
        sources(workspace).map(|source| (source.product_line_count(), source.path.as_str())).collect();
    files.sort_by_key(|&(lines, _)| std::cmp::Reverse(lines));
    let mut table = Table::new(&["lines", "file"]);
    for (lines, path) in files.into_iter().take(limit) {
        table.row([lines.to_string(), path.to_owned()]);
    }
    table.to_string()
}

/// The report on early returns after a failed look-up: counts by crate.
pub(super) fn report_relookups(workspace: &Workspace) -> String {
    let count = |package: &Package| package.sources.iter().map(|source| relookups(source).len()).sum();
    let counts: BTreeMap<&str, usize> =
        workspace.packages.iter().map(|package| (package.name.as_str(), count(package))).collect();
    let mut table = Table::new(&["count", "crate"]);
    for (package, count) in counts.iter().filter(|&(_, &count)| count > 0) {
        table.row([count.to_string(), (*package).to_owned()]);
    }
    table.row([counts.values().sum::<usize>().to_string(), "all".to_owned()]);
    table.to_string()
}

/// The places of all early returns after a failed look-up.
pub(super) fn list_relookups(workspace: &Workspace) -> String {
    let mut text = String::new();
    for source in sources(workspace) {
        for line in relookups(source) {
            let _ = writeln!(text, "  {}:{line}: {}", source.path, source.line(line).trim());
        }
    }
    text
}

fn sources(workspace: &Workspace) -> impl Iterator<Item = &Source> {
    workspace.packages.iter().flat_map(|package| &package.sources)
}

fn functions(source: &Source) -> Vec<Function> {
    let mut finder = Functions { file: &source.path, found: Vec::new() };
    finder.visit_file(&source.product);
    finder.found
}

struct Functions<'a> {
    file: &'a str,
    found: Vec<Function>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &Signature, body: &syn::Block) {
        let line = line_of(signature.fn_token.span);
        let lines = body.span().end().line - line + 1;
        let name = signature.ident.to_string();
        self.found.push(Function { name, lines, file: self.file.to_owned(), line });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// The lines of `let … else` whose block only leaves the function or the iteration.
fn relookups(source: &Source) -> Vec<usize> {
    #[derive(Default)]
    struct Finder(Vec<usize>);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_local(&mut self, local: &'ast syn::Local) {
            if let Some(init) = &local.init
                && let Some((_, otherwise)) = &init.diverge
                && leaves(otherwise)
            {
                self.0.push(line_of(local.let_token.span));
            }
            visit::visit_local(self, local);
        }
    }
    let mut finder = Finder::default();
    finder.visit_file(&source.product);
    finder.0
}

fn leaves(otherwise: &Expr) -> bool {
    let Expr::Block(block) = otherwise else { return false };
    match block.block.stmts.as_slice() {
        [Stmt::Expr(only, _)] => matches!(only, Expr::Return(_) | Expr::Continue(_) | Expr::Break(_)),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Source {
        Source::parse("src/a.rs", text).unwrap()
    }

    #[test]
    fn length_of_a_function_counts_from_fn_to_the_brace() {
        let source = parse("/// Doc.\n#[inline]\npub fn a(\n    x: u8,\n) {\n    fn b() {}\n}\n");
        let found: Vec<(String, usize, usize)> = functions(&source)
            .into_iter()
            .map(|function| (function.name, function.line, function.lines))
            .collect();
        assert_eq!(found, [("a".to_owned(), 3, 5), ("b".to_owned(), 6, 1)]);
        let methods = "trait T { fn a() {} fn b(); }\nimpl X { fn c() {} }\n#[cfg(test)]\nfn d() {}";
        assert_eq!(functions(&parse(methods)).len(), 2);
    }

    #[test]
    fn relookups_are_let_else_that_only_leave() {
        let text = "fn f() {\n    let Some(a) = b else { return };\n    loop {\n        \
                    let Some(c) = a else { continue };\n        let Some(d) = c else { break d };\n    }\n    \
                    let Some(e) = b else { panic!() };\n    let Some(g) = b else { h(); return };\n}";
        assert_eq!(relookups(&parse(text)), [2, 4, 5]);
        assert!(relookups(&parse(&format!("#[cfg(test)]\nmod tests {{ {text} }}"))).is_empty());
    }
}
