//! Just enough of Rust's lexical grammar to tell code from comments and strings, and tests from the rest.
//!
//! A full parser would drop the comments, and some rules are about those. What this does not see: code that
//! a macro makes, and conditions other than `cfg(test)`.

use std::collections::BTreeMap;

/// A source file, cut into tokens and comments.
#[derive(Debug)]
pub struct Source {
    /// Path from the root of the workspace, with `/`.
    pub path: String,
    /// Everything that is not white space or a comment.
    pub tokens: Vec<Token>,
    /// Text of the comments by line, counted from 1; a comment of several lines has an entry for each.
    pub comments: BTreeMap<usize, String>,
    /// How many lines the file has.
    pub line_count: usize,
    test_regions: Vec<(usize, usize)>,
    test_modules: Vec<String>,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What sort of token it is.
    pub kind: TokenKind,
    /// The word, the punctuation character, or the contents of the string.
    pub text: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Belongs to an item under `#[cfg(test)]` or to a file of tests.
    pub test: bool,
}

/// The sorts of token the rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Identifier, keyword or number.
    Word,
    /// One character of punctuation.
    Punct,
    /// String or character literal.
    Literal,
    /// Lifetime or loop label.
    Lifetime,
}

impl Token {
    /// Whether this is the identifier, keyword or number `word`.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text == word
    }

    /// Whether this is the punctuation character `punct`.
    pub fn is(&self, punct: char) -> bool {
        self.kind == TokenKind::Punct && self.text.starts_with(punct)
    }
}

impl Source {
    /// Lexes `text`. Any input gives a result, also what the compiler would refuse.
    pub fn parse(path: &str, text: &str) -> Self {
        let (tokens, comments) = Lexer::new(text).run();
        let mut source = Self {
            path: path.to_owned(),
            tokens,
            comments,
            line_count: text.lines().count(),
            test_regions: Vec::new(),
            test_modules: Vec::new(),
        };
        source.find_tests();
        source
    }

    /// Files that this one declares as `#[cfg(test)] mod name;`, at every place where they may be.
    pub fn test_modules(&self) -> Vec<String> {
        self.test_modules.clone()
    }

    /// The whole file is compiled for tests only.
    pub fn mark_all_tests(&mut self) {
        self.test_regions = vec![(1, self.line_count)];
        for token in &mut self.tokens {
            token.test = true;
        }
    }

    /// Lines that are not part of tests.
    pub fn product_line_count(&self) -> usize {
        (1..=self.line_count).filter(|line| !self.is_test_line(*line)).count()
    }

    /// The line is inside an item under `#[cfg(test)]`, or the whole file is.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.test_regions.iter().any(|&(first, last)| (first..=last).contains(&line))
    }

    /// The index behind the bracket that closes the one at `open`.
    pub fn skip_brackets(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            if token.is('(') || token.is('[') || token.is('{') {
                depth += 1;
            } else if token.is(')') || token.is(']') || token.is('}') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
        }
        self.tokens.len()
    }

    fn find_tests(&mut self) {
        if is_test_path(&self.path) {
            return self.mark_all_tests();
        }
        let mut index = 0;
        while let Some(token) = self.tokens.get(index) {
            let inner = self.tokens.get(index + 1).is_some_and(|next| next.is('!'));
            let open = index + 1 + usize::from(inner);
            if !token.is('#') || !self.tokens.get(open).is_some_and(|next| next.is('[')) {
                index += 1;
                continue;
            }
            let behind = self.skip_brackets(open);
            if !self.is_cfg_test(open, behind) {
                index = behind;
            } else if inner {
                return self.mark_all_tests();
            } else {
                index = self.mark_item(index, behind);
            }
        }
    }

    /// `[cfg(…test…)]`, but not `not(test)`.
    fn is_cfg_test(&self, open: usize, behind: usize) -> bool {
        let attribute = &self.tokens[open..behind];
        attribute.get(1).is_some_and(|first| first.is_word("cfg"))
            && attribute
                .iter()
                .enumerate()
                .any(|(at, token)| token.is_word("test") && !(at >= 2 && attribute[at - 2].is_word("not")))
    }

    /// Marks the item whose test attribute begins at `start`; `next` is the index behind that attribute.
    fn mark_item(&mut self, start: usize, mut next: usize) -> usize {
        let mut path = None;
        while self.tokens.get(next).is_some_and(|token| token.is('#')) {
            let behind = self.skip_brackets(next + 1);
            let attribute = &self.tokens[next..behind];
            if attribute.get(2).is_some_and(|word| word.is_word("path")) {
                path =
                    attribute.iter().find(|token| token.kind == TokenKind::Literal).map(|t| t.text.clone());
            }
            next = behind;
        }
        let end = self.item_end(next);
        let item = &self.tokens[next..end];
        if let Some(at) = item.iter().take(6).position(|token| token.is_word("mod"))
            && let Some(name) = item.get(at + 1)
            && item.get(at + 2).is_some_and(|token| token.is(';'))
        {
            self.test_modules.extend(module_files(&self.path, &name.text, path.as_deref()));
        }
        let last_line = self.tokens[..end].last().map_or(1, |token| token.line);
        self.test_regions.push((self.tokens[start].line, last_line));
        for token in &mut self.tokens[start..end] {
            token.test = true;
        }
        end
    }

    /// The index behind the item that begins at `start`: its `;`, or the brace that closes its body.
    fn item_end(&self, start: usize) -> usize {
        let ends_with_semicolon = self.tokens[start..].iter().take(6).any(|token| token.is_word("use"));
        let mut index = start;
        while let Some(token) = self.tokens.get(index) {
            if token.is(';') {
                return index + 1;
            }
            if token.is('}') {
                return index;
            }
            if token.is('(') || token.is('[') || token.is('{') {
                let behind = self.skip_brackets(index);
                if token.is('{') && !ends_with_semicolon {
                    return behind;
                }
                index = behind;
            } else {
                index += 1;
            }
        }
        index
    }
}

/// By its place alone the file is not part of the product: tests, benchmarks, examples.
fn is_test_path(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let in_folder = parts.iter().any(|part| matches!(*part, "tests" | "benches" | "examples"));
    in_folder || stem == "tests" || stem.ends_with("_tests")
}

fn module_files(declared_in: &str, name: &str, path: Option<&str>) -> Vec<String> {
    let (folder, file) = declared_in.rsplit_once('/').unwrap_or(("", declared_in));
    if let Some(path) = path {
        return vec![format!("{folder}/{path}")];
    }
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let folder =
        if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
    vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: BTreeMap<usize, String>,
}

impl Lexer {
    fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new(), comments: BTreeMap::new() }
    }

    fn run(mut self) -> (Vec<Token>, BTreeMap<usize, String>) {
        while let Some(c) = self.peek(0) {
            match c {
                _ if c.is_whitespace() => {
                    self.bump();
                }
                '/' if self.peek(1) == Some('/') => self.line_comment(),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                _ if c.is_alphanumeric() || c == '_' => self.word(),
                _ => {
                    let line = self.line;
                    self.bump();
                    self.push(TokenKind::Punct, c.to_string(), line);
                }
            }
        }
        (self.tokens, self.comments)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn push(&mut self, kind: TokenKind, text: String, line: usize) {
        self.tokens.push(Token { kind, text, line, test: false });
    }

    fn line_comment(&mut self) {
        while let Some(c) = self.peek(0).filter(|&c| c != '\n') {
            self.comments.entry(self.line).or_default().push(c);
            self.bump();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek(0) {
            let pair = (c, self.peek(1));
            let width = if matches!(pair, ('/', Some('*')) | ('*', Some('/'))) { 2 } else { 1 };
            depth += usize::from(pair == ('/', Some('*')));
            depth -= usize::from(pair == ('*', Some('/')));
            for _ in 0..width {
                let line = self.line;
                if let Some(c) = self.bump().filter(|&c| c != '\n') {
                    self.comments.entry(line).or_default().push(c);
                }
            }
            if depth == 0 {
                break;
            }
        }
    }

    /// A string with escapes; the prefix, if any, has been read.
    fn string(&mut self) {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        while let Some(c) = self.bump() {
            match c {
                '"' => break,
                '\\' => text.extend(self.bump()),
                _ => text.push(c),
            }
        }
        self.push(TokenKind::Literal, text, line);
    }

    /// A raw string; `hashes` of them stand before the quote, at which the lexer is.
    fn raw_string(&mut self, hashes: usize) {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        while let Some(c) = self.bump() {
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
            text.push(c);
        }
        self.push(TokenKind::Literal, text, line);
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        if self.peek(0) == Some('\\') {
            self.bump();
            text.extend(self.bump());
            while let Some(c) = self.bump().filter(|&c| c != '\'') {
                text.push(c);
            }
            self.push(TokenKind::Literal, text, line);
        } else if self.peek(1) == Some('\'') {
            text.extend(self.bump());
            self.bump();
            self.push(TokenKind::Literal, text, line);
        } else {
            while let Some(c) = self.peek(0).filter(|&c| c.is_alphanumeric() || c == '_') {
                text.push(c);
                self.bump();
            }
            self.push(TokenKind::Lifetime, text, line);
        }
    }

    /// An identifier or number, or the prefix of a string.
    fn word(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while let Some(c) = self.peek(0).filter(|&c| c.is_alphanumeric() || c == '_') {
            text.push(c);
            self.bump();
        }
        let hashes = (0..).take_while(|&ahead| self.peek(ahead) == Some('#')).count();
        match (text.as_str(), self.peek(0), self.peek(hashes)) {
            ("r" | "br" | "cr", _, Some('"')) => {
                self.at += hashes;
                self.raw_string(hashes);
            }
            ("b" | "c", Some('"'), _) => self.string(),
            ("b", Some('\''), _) => self.quote(),
            ("r", Some('#'), _) if hashes == 1 => {
                self.bump();
                self.word();
            }
            _ => self.push(TokenKind::Word, text, line),
        }
    }
}

#[cfg(test)]
mod tests;
