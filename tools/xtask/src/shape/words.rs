//! The language of doc comments: unwanted words, and the words that comments begin with.

use std::collections::BTreeMap;

use syn::visit::Visit;
use syn::{AttrStyle, Expr, ExprLit, Lit, Meta};

use super::table::Table;
use crate::source::Source;
use crate::workspace::{Package, Workspace};

/// The words and phrases that are counted, one a line, with `#` before comments.
const WORDS: &str = include_str!("../../words.txt");
/// Words that a doc comment should not begin with.
const OPENERS: &[&str] =
    &["how", "it", "of", "those", "what", "when", "where", "whether", "which", "who", "whom", "why"];

/// A doc comment: words in lower case, and nothing in the place of code.
type Doc = Vec<Option<String>>;

/// The doc comments of a package, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Language {
    words: usize,
    docs: usize,
    /// Number of occurrences of each listed word or phrase.
    found: BTreeMap<String, usize>,
    /// Number of comments that begin with each of the openers.
    openers: BTreeMap<String, usize>,
}

/// The report on listed words.
pub(super) fn report_words(workspace: &Workspace, limit: usize) -> String {
    let rows = measure_all(workspace);
    let mut table = Table::new(&["per 1000", "found", "words", "crate"]);
    for (package, language) in &rows {
        let found: usize = language.found.values().sum();
        let rate = 1000.0 * found as f64 / language.words.max(1) as f64;
        table.row([format!("{rate:.1}"), found.to_string(), language.words.to_string(), package.clone()]);
    }
    format!("{table}\n{}", counts("word", rows.last().map(|(_, all)| &all.found), limit))
}

/// The report on the first words of comments.
pub(super) fn report_openers(workspace: &Workspace, limit: usize) -> String {
    let rows = measure_all(workspace);
    let mut table = Table::new(&["percent", "found", "docs", "crate"]);
    for (package, language) in &rows {
        let found: usize = language.openers.values().sum();
        let percent = 100.0 * found as f64 / language.docs.max(1) as f64;
        table.row([format!("{percent:.1}"), found.to_string(), language.docs.to_string(), package.clone()]);
    }
    format!("{table}\n{}", counts("opener", rows.last().map(|(_, all)| &all.openers), limit))
}

fn counts(of: &str, found: Option<&BTreeMap<String, usize>>, limit: usize) -> Table {
    let mut found: Vec<(&String, &usize)> = found.into_iter().flatten().collect();
    found.sort_by_key(|&(_, count)| std::cmp::Reverse(*count));
    let mut table = Table::new(&["count", of]);
    for (word, count) in found.into_iter().take(limit) {
        table.row([count.to_string(), word.clone()]);
    }
    table
}

/// The figures of each package, and of all together under `all` at the end.
fn measure_all(workspace: &Workspace) -> Vec<(String, Language)> {
    let listed = listed(WORDS);
    let mut all = Language::default();
    let mut rows = Vec::new();
    for package in &workspace.packages {
        let language = measure(package, &listed);
        all.add(&language);
        rows.push((package.name.clone(), language));
    }
    rows.push(("all".to_owned(), all));
    rows
}

fn measure(package: &Package, listed: &[Vec<String>]) -> Language {
    let mut language = Language::default();
    for doc in package.sources.iter().flat_map(docs) {
        language.count(&doc, listed);
    }
    language
}

impl Language {
    fn count(&mut self, doc: &Doc, listed: &[Vec<String>]) {
        self.words += doc.iter().flatten().count();
        self.docs += usize::from(!doc.is_empty());
        for phrase in listed {
            let is_here =
                |window: &&[Option<String>]| window.iter().map(Option::as_ref).eq(phrase.iter().map(Some));
            let count = doc.windows(phrase.len()).filter(is_here).count();
            if count > 0 {
                *self.found.entry(phrase.join(" ")).or_default() += count;
            }
        }
        if let Some(Some(first)) = doc.first()
            && OPENERS.contains(&first.as_str())
        {
            *self.openers.entry(first.clone()).or_default() += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.words += other.words;
        self.docs += other.docs;
        for (sum, counts) in [(&mut self.found, &other.found), (&mut self.openers, &other.openers)] {
            for (word, count) in counts {
                *sum.entry(word.clone()).or_default() += count;
            }
        }
    }
}

/// The phrases of a list, as words in lower case.
fn listed(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let phrases = lines.map(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>());
    phrases.filter(|phrase| !phrase.is_empty()).collect()
}

/// The doc comments of the code outside tests.
fn docs(source: &Source) -> Vec<Doc> {
    let mut finder = Docs::default();
    finder.visit_file(&source.product);
    finder.blocks.into_iter().map(|block| words(&block.text)).filter(|doc| !doc.is_empty()).collect()
}

#[derive(Default)]
struct Docs {
    blocks: Vec<Block>,
}

/// Doc comments on consecutive lines.
struct Block {
    text: String,
    last_line: usize,
    is_inner: bool,
}

impl<'ast> Visit<'ast> for Docs {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let Meta::NameValue(pair) = &attribute.meta else { return };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return };
        if !pair.path.is_ident("doc") {
            return;
        }
        let span = attribute.pound_token.span;
        let (first_line, last_line) = (span.start().line, text.span().end().line);
        let is_inner = matches!(attribute.style, AttrStyle::Inner(_));
        match self.blocks.last_mut() {
            Some(block) if block.last_line + 1 == first_line && block.is_inner == is_inner => {
                block.text.push('\n');
                block.text.push_str(&text.value());
                block.last_line = last_line;
            }
            _ => self.blocks.push(Block { text: text.value(), last_line, is_inner }),
        }
    }
}

/// The words of Markdown text, with nothing in the place of each piece of code.
fn words(text: &str) -> Doc {
    let mut prose = String::new();
    let mut fence = None;
    for line in text.lines() {
        // Lines of a `/** */` comment begin with a star.
        let line = line.trim_start().trim_start_matches("* ");
        let marks = ["```", "~~~"].into_iter().find(|marks| line.starts_with(marks));
        match (fence, marks) {
            (None, Some(_)) => {
                fence = marks;
                prose.push_str(" `x` ");
            }
            (Some(open), Some(close)) if open == close => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    let mut doc = Doc::new();
    let mut rest = prose.as_str();
    while let Some(open) = rest.find('`') {
        doc.extend(plain_words(&rest[..open]));
        let marks = rest[open..].chars().take_while(|&c| c == '`').count();
        let inside = &rest[open + marks..];
        let close = inside.find(&rest[open..open + marks]);
        rest = close.map_or("", |close| &inside[close + marks..]);
        doc.push(None);
    }
    doc.extend(plain_words(rest));
    doc
}

fn plain_words(text: &str) -> impl Iterator<Item = Option<String>> {
    let pieces = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’' | '-' | '_')));
    let words = pieces.map(|piece| piece.trim_matches(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).map(|word| Some(word.to_lowercase()))
}

#[cfg(test)]
mod tests;
