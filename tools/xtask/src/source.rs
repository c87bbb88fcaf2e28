//! Rust sources, parsed once for all checks, with the parts that are compiled only for tests marked.
//!
//! Code that a macro generates is not read. The arguments of a macro are read if they look like Rust. Items in them
//! become part of the file if the macro is itself an item; [`macros`] reads the rest.

pub mod macros;
pub mod mentions;
mod split;

use anyhow::{Result, anyhow};
use proc_macro2::{Span, TokenStream, TokenTree};

use split::Split;
pub use split::{Declared, module_files, path_attribute};

/// A source file.
pub struct Source {
    /// Path from the root of the workspace, with `/`.
    pub path: String,
    /// The text, by lines.
    pub lines: Vec<String>,
    /// The syntax tree without items, members, fields and statements under `#[cfg(test)]`.
    pub product: syn::File,
    /// Files that this one declares with `mod name;`.
    pub declared: Vec<Declared>,
    tokens: TokenStream,
    test_regions: Vec<(usize, usize)>,
}

/// An identifier, keyword, literal or punctuation character.
#[derive(Debug)]
pub struct Token {
    /// Its text.
    pub text: String,
    /// Line, counted from 1.
    pub line: usize,
}

impl Source {
    /// Parses `text`.
    ///
    /// # Errors
    /// If the text is not Rust.
    pub fn parse(path: &str, text: &str) -> Result<Self> {
        let not_rust = |error: &dyn std::fmt::Display, span: Span| {
            let start = span.start();
            anyhow!("{error}").context(format!("{path}:{}:{}: not Rust", start.line, start.column + 1))
        };
        let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            let span = error.span();
            not_rust(&error, span)
        })?;
        let mut product: syn::File =
            syn::parse2(tokens.clone()).map_err(|error| not_rust(&error, error.span()))?;
        macros::expand_items(&mut product.items);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let split = Split::of(path, lines.len(), &mut product);
        let mut source = Self {
            path: path.to_owned(),
            lines,
            product,
            declared: split.declared,
            tokens,
            test_regions: split.test_regions,
        };
        if is_test_path(path) {
            source.mark_all_tests();
        }
        Ok(source)
    }

    /// Treats the whole file, and what it declares, as compiled for tests only.
    pub fn mark_all_tests(&mut self) {
        self.test_regions = vec![(1, self.lines.len())];
        self.product.attrs.clear();
        self.product.items.clear();
        for declared in &mut self.declared {
            declared.test = true;
        }
    }

    /// Number of lines outside tests.
    pub fn product_line_count(&self) -> usize {
        (1..=self.lines.len()).filter(|line| !self.is_test_line(*line)).count()
    }

    /// Returns true if the line, counted from 1, is compiled for tests only.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.test_regions.iter().any(|&(first, last)| (first..=last).contains(&line))
    }

    /// The tokens of the whole file, tests and arguments of macros included.
    pub fn tokens(&self) -> Vec<Token> {
        let mut flat = Vec::new();
        flatten(self.tokens.clone(), &mut flat);
        flat
    }

    /// The text of a line, counted from 1; empty beyond the end.
    pub fn line(&self, line: usize) -> &str {
        let index = line.checked_sub(1);
        index.and_then(|index| self.lines.get(index)).map_or("", String::as_str)
    }
}

/// The line on which a span starts, counted from 1.
pub fn line_of(span: Span) -> usize {
    span.start().line
}

/// Returns true if the path of a file makes it a test, a benchmark or an example.
fn is_test_path(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let in_folder = parts.iter().any(|part| matches!(*part, "tests" | "benches" | "examples"));
    in_folder || stem == "tests" || stem.ends_with("_tests")
}

fn flatten(tokens: TokenStream, flat: &mut Vec<Token>) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => flatten(group.stream(), flat),
            other => flat.push(Token { line: line_of(other.span()), text: other.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests;
