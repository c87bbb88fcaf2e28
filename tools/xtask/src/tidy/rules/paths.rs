//! Which paths the product code of a file names: in `use` declarations, with their trees unfolded, and in
//! line, with what was imported put in for the first word.

use std::collections::BTreeMap;

use crate::tidy::source::{Source, Token, TokenKind};

/// A path that is named somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its words, from the crate on; `*` for a glob.
    pub(super) path: Vec<String>,
    /// Where.
    pub(super) line: usize,
    /// How many words at the start were put in for an imported name: that import is judged by itself.
    imported: usize,
}

impl Named {
    /// The path leads to `target` or below it, and does so here, not already where its start was imported.
    pub(super) fn reaches(&self, target: &[&str]) -> bool {
        if self.path.last().is_some_and(|last| last == "*") {
            let base = &self.path[..self.path.len() - 1];
            return starts_with(base, target)
                || target.len() > base.len() && base.iter().eq(&target[..base.len()]);
        }
        starts_with(&self.path, target) && self.imported < target.len()
    }
}

fn starts_with(path: &[String], target: &[&str]) -> bool {
    path.len() >= target.len() && target.iter().eq(&path[..target.len()])
}

/// All paths of two words or more outside tests.
pub(super) fn named(source: &Source) -> Vec<Named> {
    let tokens: Vec<&Token> = source.tokens.iter().filter(|token| !token.test).collect();
    let mut imports = Imports::default();
    let mut inline = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.is_word("use") && !tokens.get(at + 1).is_some_and(|next| next.is('<')) {
            at = imports.tree(&tokens, at + 1, &mut Vec::new());
        } else if token.kind == TokenKind::Word {
            let (path, next) = words(&tokens, at);
            inline.push(Named { path, line: token.line, imported: 0 });
            at = next;
        } else {
            at += 1;
        }
    }
    for named in &mut inline {
        let Some(full) = named.path.first().and_then(|first| imports.names.get(first)) else { continue };
        named.imported = full.len();
        named.path.splice(..1, full.iter().cloned());
    }
    imports.found.extend(inline.into_iter().filter(|named| named.path.len() > 1));
    imports.found
}

/// The words `a::b::c` from `at` on, and the index behind them.
fn words(tokens: &[&Token], mut at: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[at].text.clone()];
    at += 1;
    while is_separator(tokens, at) && tokens.get(at + 2).is_some_and(|token| token.kind == TokenKind::Word) {
        path.push(tokens[at + 2].text.clone());
        at += 3;
    }
    (path, at)
}

fn is_separator(tokens: &[&Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.is(':')) && tokens.get(at + 1).is_some_and(|token| token.is(':'))
}

#[derive(Default)]
struct Imports {
    /// The name in this file, and the path it stands for.
    names: BTreeMap<String, Vec<String>>,
    found: Vec<Named>,
}

impl Imports {
    /// Reads one branch of a `use` tree from `at` on; returns the index behind it.
    fn tree(&mut self, tokens: &[&Token], mut at: usize, prefix: &mut Vec<String>) -> usize {
        let depth = prefix.len();
        let line = tokens.get(at).map_or(1, |token| token.line);
        if is_separator(tokens, at) {
            at += 2;
        }
        while let Some(token) = tokens.get(at) {
            if token.is('{') {
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is('}') && !token.is(';')) {
                    at = self.tree(tokens, at, prefix);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.is(',')));
                }
                prefix.truncate(depth);
                return at + 1;
            }
            if !token.is('*') && token.kind != TokenKind::Word {
                break;
            }
            prefix.push(token.text.clone());
            at += 1;
            if !is_separator(tokens, at) {
                break;
            }
            at += 2;
        }
        at = self.leaf(tokens, at, prefix, line);
        prefix.truncate(depth);
        at
    }

    fn leaf(&mut self, tokens: &[&Token], mut at: usize, prefix: &[String], line: usize) -> usize {
        let mut path = prefix.to_vec();
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let mut name = path.last().cloned();
        if tokens.get(at).is_some_and(|token| token.is_word("as")) {
            name = tokens.get(at + 1).map(|token| token.text.clone());
            at += 2;
        }
        if let Some(name) = name.filter(|name| name != "*" && name != "_") {
            self.names.insert(name, path.clone());
        }
        if !path.is_empty() {
            self.found.push(Named { path, line, imported: 0 });
        }
        // A token that belongs to no tree must not stop the reader.
        let stuck = tokens.get(at).is_some_and(|token| !token.is(',') && !token.is('}') && !token.is(';'));
        at + usize::from(stuck)
    }
}
