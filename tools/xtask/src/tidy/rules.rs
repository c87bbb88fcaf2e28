//! The rules about sources.

mod paths;

use super::Finding;
use super::layers::{Kind, Member, room};
use super::source::{Source, Token, TokenKind};

/// Lines a file may have, tests aside.
pub const MAX_LINES: usize = 800;

/// Checks all sources of a member.
pub fn check(member: &Member, sources: &[Source]) -> Vec<Finding> {
    let kind = room(&member.name).map_or(Kind::Open, |room| room.kind);
    let mut findings = Vec::new();
    for source in sources {
        check_length(source, &mut findings);
        check_unfinished(source, &mut findings);
        check_ignored(source, &mut findings);
        check_safety(source, &mut findings);
        if kind != Kind::Open {
            check_async(source, &mut findings);
            check_output(source, &mut findings);
            check_paths(kind, source, &mut findings);
        }
    }
    if kind == Kind::Pure {
        findings.extend(check_unsafe_code(member, sources));
    }
    findings
}

/// Machines that need `unsafe`, and the one file each may have it in.
const UNSAFE_IN: &[(&str, &str)] = &[("ztor-sha", "src/shani.rs")];

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

const SOCKETS: &str = "sockets live in ztor-session: take events in, give effects out";
const CLOCK: &str = "time comes in as a `ztor_time::Instant`";
const SYSTEM: &str = "machines know no threads, locks, processes or environment: the caller has those";
const FILE_IO: &str = "files live in ztor-storage: take bytes in, give bytes out";
const SEEDED: &str = "randomness comes in as a seed at construction";
const ORDER: &str = "its order is random and leaks into behaviour: use a BTreeMap or a slotmap, or, when it is \
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
    for named in paths::named(source) {
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
        findings.push(finding(
            source,
            named.line,
            ban.rule,
            format!("`{}`: {}", ban.path.join("::"), ban.remedy),
        ));
    }
}

/// The one generator that a machine may hold is fastrand's, and only with a seed that was given to it.
fn is_unseeded(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["fastrand", "Rng"] => false,
        ["fastrand", "Rng", method, ..] => matches!(method, "new" | "default"),
        _ => path.first() == Some(&"fastrand"),
    }
}

/// `key` and some words behind it stand in a comment on the line or the one above.
fn has_reason(source: &Source, line: usize, key: &str) -> bool {
    [line, line - 1].iter().filter_map(|line| source.comments.get(line)).any(|comment| {
        comment.split_once(key).is_some_and(|(_, reason)| reason.chars().any(char::is_alphabetic))
    })
}

fn check_async(source: &Source, findings: &mut Vec<Finding>) {
    for token in product(source).filter(|token| token.is_word("async") || token.is_word("await")) {
        let message = format!("`{}`: below the session everything is synchronous", token.text);
        findings.push(finding(source, token.line, "async", message));
    }
}

fn check_output(source: &Source, findings: &mut Vec<Finding>) {
    for pair in source.tokens.windows(2) {
        let prints = ["print", "println", "eprint", "eprintln"].iter().any(|name| pair[0].is_word(name));
        if prints && pair[1].is('!') && !pair[0].test {
            let message = format!("`{}!`: return what there is to say; the faces print", pair[0].text);
            findings.push(finding(source, pair[0].line, "output", message));
        }
    }
}

fn check_length(source: &Source, findings: &mut Vec<Finding>) {
    let count = source.product_line_count();
    if count > MAX_LINES {
        let message =
            format!("{count} lines without tests, {MAX_LINES} at most: split it by source of event or noun");
        findings.push(finding(source, MAX_LINES + 1, "length", message));
    }
}

fn check_unfinished(source: &Source, findings: &mut Vec<Finding>) {
    for pair in source.tokens.windows(2) {
        let unfinished = ["todo", "unimplemented", "dbg"].iter().any(|name| pair[0].is_word(name));
        if unfinished && pair[1].is('!') {
            let message = format!("`{}!`: finish it, or leave the feature out", pair[0].text);
            findings.push(finding(source, pair[0].line, "unfinished", message));
        }
    }
    for (&line, comment) in &source.comments {
        let mut words = comment.split(|c: char| !c.is_alphanumeric());
        if let Some(mark) = words.find(|word| MARKS.contains(word)) {
            let message = format!("the mark {mark}: do it now, or write it down where work is planned");
            findings.push(finding(source, line, "unfinished", message));
        }
    }
}

const MARKS: &[&str] = &["FIXME", "XXX", "TODO"];

fn check_ignored(source: &Source, findings: &mut Vec<Finding>) {
    let tokens = &source.tokens;
    for (index, pair) in tokens.windows(2).enumerate() {
        if !(pair[0].is('#') && pair[1].is('[')) {
            continue;
        }
        let attribute = &tokens[index + 2..source.skip_brackets(index + 1)];
        let ignore = match attribute.first() {
            Some(first) if first.is_word("ignore") => 0,
            Some(first) if first.is_word("cfg_attr") => {
                let Some(at) = attribute.iter().position(|token| token.is_word("ignore")) else { continue };
                at
            }
            _ => continue,
        };
        let says_why = attribute.get(ignore + 1).is_some_and(|token| token.is('='))
            && attribute
                .get(ignore + 2)
                .is_some_and(|token| token.kind == TokenKind::Literal && !token.text.trim().is_empty());
        if !says_why {
            let message = "say why and how to run it: `#[ignore = \"why\"]`".to_owned();
            findings.push(finding(source, pair[0].line, "ignore-reason", message));
        }
    }
}

fn check_safety(source: &Source, findings: &mut Vec<Finding>) {
    for token in source.tokens.iter().filter(|token| token.is_word("unsafe")) {
        if !is_justified(source, token.line) {
            let message =
                "write `// SAFETY: <why this holds>` above it (`# Safety` for a function's contract)";
            findings.push(finding(source, token.line, "safety", message.to_owned()));
        }
    }
}

/// A comment on the line, or above the statement that the line belongs to, speaks of safety.
fn is_justified(source: &Source, line: usize) -> bool {
    let speaks = |line: usize| {
        let comment = source.comments.get(&line);
        comment.is_some_and(|comment| comment.contains("SAFETY:") || comment.contains("# Safety"))
    };
    if speaks(line) {
        return true;
    }
    for above in (1..line).rev() {
        let last = source.tokens.iter().rev().find(|token| token.line == above);
        let same_statement = last.is_none_or(|token| {
            let attribute = source.tokens.iter().find(|token| token.line == above).is_some_and(|t| t.is('#'));
            attribute || !(token.is(';') || token.is('{') || token.is('}') || token.is(','))
        });
        let blank = last.is_none() && !source.comments.contains_key(&above);
        if blank || !same_statement {
            return false;
        }
        if speaks(above) {
            return true;
        }
    }
    false
}

fn check_unsafe_code(member: &Member, sources: &[Source]) -> Vec<Finding> {
    let folder = member.manifest.trim_end_matches("Cargo.toml");
    let root = format!("{folder}src/lib.rs");
    let excepted = UNSAFE_IN.iter().find(|(package, _)| *package == member.name);
    let (level, remedy) = match excepted {
        None => ("forbid", "the machines without IO have no use for it"),
        Some(_) => ("deny", "the module that needs it allows it, with its reason"),
    };
    let source = sources.iter().find(|source| source.path == root);
    let says_so = source.is_some_and(|source| {
        source.tokens.windows(7).any(|tokens| {
            let texts: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
            texts == ["#", "!", "[", level, "(", "unsafe_code", ")"]
        })
    });
    let mut findings = Vec::new();
    if !says_so {
        let message = format!("add `#![{level}(unsafe_code)]`: {remedy}");
        findings.push(Finding { file: root, line: 1, rule: "forbid-unsafe", message });
    }
    if let Some((_, file)) = excepted {
        let elsewhere = sources.iter().filter(|source| source.path != format!("{folder}{file}"));
        for source in elsewhere {
            for token in source.tokens.iter().filter(|token| token.is_word("unsafe")) {
                let message = format!("`unsafe` of this crate belongs into {file}");
                findings.push(finding(source, token.line, "forbid-unsafe", message));
            }
        }
    }
    findings
}

fn product(source: &Source) -> impl Iterator<Item = &Token> {
    source.tokens.iter().filter(|token| !token.test)
}

fn finding(source: &Source, line: usize, rule: &'static str, message: String) -> Finding {
    Finding { file: source.path.clone(), line, rule, message }
}

#[cfg(test)]
mod tests;
