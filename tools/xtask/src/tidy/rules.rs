//! The rules about sources.

mod paths;

use super::finding::Finding;
use super::layers::{Kind, entry_of};
use crate::source::{Source, Token};
use crate::workspace::Package;

/// Maximum number of lines outside tests in a file.
const MAX_LINES: usize = 800;

/// Pure crates that need `unsafe`, and the one file of each that may have it.
const UNSAFE_IN: &[(&str, &str)] = &[("ztor-sha", "src/shani.rs")];

/// Words that mark unfinished work in comments.
const MARKS: &[&str] = &["FIXME", "HACK", "TODO", "XXX"];

/// Checks all sources of a package.
pub(super) fn check(package: &Package) -> Vec<Finding> {
    let kind = entry_of(&package.name).map_or(Kind::Open, |entry| entry.kind);
    let mut findings = Vec::new();
    for source in &package.sources {
        check_length(source, &mut findings);
        check_marks(source, &mut findings);
        if kind != Kind::Open {
            check_tokens(source, &mut findings);
            check_paths(kind, source, &mut findings);
        }
    }
    if kind == Kind::Pure {
        findings.extend(check_unsafe(package));
    }
    findings
}

/// A path that a kind of crate must not name.
struct Ban {
    path: &'static [&'static str],
    kinds: &'static [Kind],
    rule: &'static str,
    remedy: &'static str,
}

const BOTH: &[Kind] = &[Kind::Pure, Kind::Files];
const PURE: &[Kind] = &[Kind::Pure];
const FILES: &[Kind] = &[Kind::Files];

const SOCKETS: &str = "sockets belong to ztor-session: accept events and return effects";
const CLOCK: &str = "time is passed in as a `ztor_base::Instant`";
const SYSTEM: &str = "threads, locks, processes and environment belong to the caller";
const FILE_IO: &str = "files belong to ztor-storage: accept bytes and return bytes";
const SEEDED: &str = "randomness is passed in as a seed at construction";
const ORDER: &str = "its order is random and can leak into behaviour: use a BTreeMap or a slotmap, or, when it is \
                     never iterated, say so with `// order-free: <why>` on this line or the one above";

const BANS: &[Ban] = &[
    Ban { path: &["std", "net", "TcpStream"], kinds: BOTH, rule: "sockets", remedy: SOCKETS },
    Ban { path: &["std", "net", "TcpListener"], kinds: BOTH, rule: "sockets", remedy: SOCKETS },
    Ban { path: &["std", "net", "UdpSocket"], kinds: BOTH, rule: "sockets", remedy: SOCKETS },
    Ban { path: &["std", "net", "ToSocketAddrs"], kinds: BOTH, rule: "sockets", remedy: SOCKETS },
    Ban { path: &["std", "os", "unix", "net"], kinds: BOTH, rule: "sockets", remedy: SOCKETS },
    Ban { path: &["rustix", "net"], kinds: BOTH, rule: "sockets", remedy: SOCKETS },
    Ban { path: &["std", "time", "Instant"], kinds: BOTH, rule: "clock", remedy: CLOCK },
    Ban { path: &["std", "time", "SystemTime"], kinds: PURE, rule: "clock", remedy: CLOCK },
    Ban { path: &["std", "time", "UNIX_EPOCH"], kinds: PURE, rule: "clock", remedy: CLOCK },
    // The times in a file's metadata are data.
    Ban { path: &["std", "time", "SystemTime", "now"], kinds: FILES, rule: "clock", remedy: CLOCK },
    Ban { path: &["rustix", "time"], kinds: BOTH, rule: "clock", remedy: CLOCK },
    Ban { path: &["std", "thread"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "process"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "env"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "sync", "Mutex"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "sync", "RwLock"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "sync", "Condvar"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "sync", "mpsc"], kinds: PURE, rule: "system", remedy: SYSTEM },
    Ban { path: &["std", "fs"], kinds: PURE, rule: "files", remedy: FILE_IO },
    Ban { path: &["std", "os", "unix", "fs"], kinds: PURE, rule: "files", remedy: FILE_IO },
    Ban { path: &["std", "os", "windows", "fs"], kinds: PURE, rule: "files", remedy: FILE_IO },
    Ban { path: &["std", "io", "stdin"], kinds: BOTH, rule: "files", remedy: FILE_IO },
    Ban { path: &["std", "io", "stdout"], kinds: BOTH, rule: "files", remedy: FILE_IO },
    Ban { path: &["std", "io", "stderr"], kinds: BOTH, rule: "files", remedy: FILE_IO },
    Ban { path: &["ring", "rand"], kinds: BOTH, rule: "randomness", remedy: SEEDED },
    Ban { path: &["std", "hash", "RandomState"], kinds: BOTH, rule: "order", remedy: SEEDED },
    Ban {
        path: &["std", "collections", "hash_map", "RandomState"],
        kinds: BOTH,
        rule: "order",
        remedy: SEEDED,
    },
    Ban { path: &["std", "collections", "HashMap"], kinds: PURE, rule: "order", remedy: ORDER },
    Ban { path: &["std", "collections", "HashSet"], kinds: PURE, rule: "order", remedy: ORDER },
    Ban { path: &["std", "collections", "hash_map", "HashMap"], kinds: PURE, rule: "order", remedy: ORDER },
    Ban { path: &["std", "collections", "hash_set", "HashSet"], kinds: PURE, rule: "order", remedy: ORDER },
];

fn check_paths(kind: Kind, source: &Source, findings: &mut Vec<Finding>) {
    for named in paths::named(&source.product.items) {
        if is_unseeded(&named.path) {
            let message = format!("`{}`: {SEEDED}, as `fastrand::Rng::with_seed`", named.path.join("::"));
            findings.push(finding(source, named.line, "randomness", message));
        }
        let Some(ban) = BANS.iter().find(|ban| ban.kinds.contains(&kind) && named.reaches(ban.path)) else {
            continue;
        };
        if ban.rule == "order" && has_reason(source, named.line, "order-free:") {
            continue;
        }
        let message = format!("`{}`: {}", ban.path.join("::"), ban.remedy);
        findings.push(finding(source, named.line, ban.rule, message));
    }
}

/// Returns true if a path leads to randomness without a seed. The one generator that a pure crate may have is
/// fastrand's, with a seed that is passed in as an argument.
fn is_unseeded(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["fastrand", "Rng"] => false,
        ["fastrand", "Rng", method, ..] => matches!(method, "new" | "default"),
        _ => path.first() == Some(&"fastrand"),
    }
}

/// Returns true if a comment on the line or the one above has `key` and a reason after it.
fn has_reason(source: &Source, line: usize, key: &str) -> bool {
    [line, line.saturating_sub(1)].into_iter().any(|line| {
        let reason = comment(source.line(line)).and_then(|comment| comment.split_once(key));
        reason.is_some_and(|(_, reason)| reason.chars().any(char::is_alphabetic))
    })
}

/// Checks for keywords and macros that only crates with access to the world outside may use.
fn check_tokens(source: &Source, findings: &mut Vec<Finding>) {
    let tokens = source.tokens();
    let mut product = tokens.iter().filter(|token| !source.is_test_line(token.line)).peekable();
    while let Some(Token { text, line }) = product.next() {
        match text.as_str() {
            "async" | "await" => {
                let message = format!("`{text}`: everything below the session is synchronous");
                findings.push(finding(source, *line, "async", message));
            }
            "print" | "println" | "eprint" | "eprintln"
                if product.peek().is_some_and(|next| next.text == "!") =>
            {
                let message = format!("`{text}!`: return the data; front ends print");
                findings.push(finding(source, *line, "output", message));
            }
            _ => {}
        }
    }
}

fn check_length(source: &Source, findings: &mut Vec<Finding>) {
    let count = source.product_line_count();
    if count > MAX_LINES {
        let message = format!("{count} lines without tests, expected at most {MAX_LINES}: split the file");
        findings.push(finding(source, MAX_LINES + 1, "length", message));
    }
}

fn check_marks(source: &Source, findings: &mut Vec<Finding>) {
    for (index, line) in source.lines.iter().enumerate() {
        let Some(comment) = comment(line) else { continue };
        let mut words = comment.split(|c: char| !c.is_alphanumeric());
        if let Some(mark) = words.find(|word| MARKS.contains(word)) {
            let message = format!("{mark} comment: do it now, or file it where work is planned");
            findings.push(finding(source, index + 1, "unfinished", message));
        }
    }
}

/// Returns the comment on a line of text: after `//` or `/*`, or after the star that begins a line of a longer one.
fn comment(line: &str) -> Option<&str> {
    let start = line.find("//").into_iter().chain(line.find("/*")).min();
    start.map(|start| &line[start..]).or_else(|| line.trim_start().strip_prefix('*'))
}

fn check_unsafe(package: &Package) -> Vec<Finding> {
    let folder = package.folder();
    let root = format!("{folder}src/lib.rs");
    let excepted = UNSAFE_IN.iter().find(|(name, _)| *name == package.name);
    let (level, remedy) = match excepted {
        None => ("forbid", "crates without I/O have no use for it"),
        Some(_) => ("deny", "the module that needs it allows it, with its reason"),
    };
    let mut findings = Vec::new();
    let source = package.sources.iter().find(|source| source.path == root);
    if !source.is_some_and(|source| sets_unsafe_code(&source.product, level)) {
        let message = format!("add `#![{level}(unsafe_code)]`: {remedy}");
        findings.push(Finding { file: root, line: 1, rule: "forbid-unsafe", message });
    }
    if let Some((_, file)) = excepted {
        let named = format!("{folder}{file}");
        for source in package.sources.iter().filter(|source| source.path != named) {
            for token in source.tokens().iter().filter(|token| token.text == "unsafe") {
                let message = format!("`unsafe` of this crate belongs in {file}");
                findings.push(finding(source, token.line, "forbid-unsafe", message));
            }
        }
    }
    findings
}

/// Returns true if a file begins with `#![level(unsafe_code)]`.
fn sets_unsafe_code(file: &syn::File, level: &str) -> bool {
    file.attrs.iter().any(|attribute| {
        let lint = attribute.parse_args::<syn::Path>();
        attribute.path().is_ident(level) && lint.is_ok_and(|lint| lint.is_ident("unsafe_code"))
    })
}

fn finding(source: &Source, line: usize, rule: &'static str, message: String) -> Finding {
    Finding { file: source.path.clone(), line, rule, message }
}

#[cfg(test)]
mod tests;
