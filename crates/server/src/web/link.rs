//! Links the modules of the first view into one, and its style sheets, so that a browser makes two requests in place of
//! many: each costs a round trip, and over HTTP/1.1 only six are under way at once.
//!
//! In the folder of the UI the modules stay apart, as developers and their tests use them. A linked module becomes a
//! function that returns its exports, so that the names of two modules never meet. The other modules get their exports
//! from the linked ones. The grammar is that of this project: imports and exports begin a line, and what is exported
//! is a constant, a function or a class. All else is an error of the build.

use std::collections::BTreeMap;
use std::io;

use super::bundle::{ENTRY, Files, PAGE, resolve};

/// Name of the linked style sheet.
const STYLES: &str = "first.css";
/// Name of a default export within its module.
const DEFAULT: &str = "$default";

/// Numbers of the linked modules by path.
type Places = BTreeMap<String, usize>;

/// Links what the page loads at first.
///
/// # Errors
/// A module is not UTF-8, not in the grammar, or imports itself through others.
pub(crate) fn link(files: &mut Files) -> io::Result<()> {
    link_styles(files)?;
    let mut order = Vec::new();
    visit(files, ENTRY, &mut Vec::new(), &mut order)?;
    let places: Places = order.iter().cloned().zip(0..).collect();
    let mut linked = String::new();
    for (place, path) in order.iter().enumerate() {
        let (body, exports) = rewritten(&module(files, path)?, path, &places)?;
        let name = name_of(place);
        linked.push_str(&format!("const {name} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"));
    }
    let names: Vec<String> = (0..order.len()).map(name_of).collect();
    linked.push_str(&format!("export {{ {} }};\n", names.join(", ")));
    for path in &order {
        files.remove(path);
    }
    let others: Vec<String> = files.keys().filter(|path| path.ends_with(".js")).cloned().collect();
    for path in others {
        let (body, _) = rewritten(&module(files, &path)?, &path, &places)?;
        files.insert(path, body.into_bytes());
    }
    files.insert(ENTRY.to_owned(), linked.into_bytes());
    Ok(())
}

/// Adds a module behind those that it imports.
fn visit(files: &Files, path: &str, open: &mut Vec<String>, order: &mut Vec<String>) -> io::Result<()> {
    if order.iter().any(|known| known == path) {
        return Ok(());
    }
    if open.iter().any(|known| known == path) {
        return Err(io::Error::other(format!("{path} imports itself, through {}", open.join(", "))));
    }
    open.push(path.to_owned());
    for piece in pieces(&module(files, path)?, path)? {
        if let Kind::Import { from, .. } | Kind::ExportFrom { from, .. } = piece.kind {
            visit(files, &target(path, &from)?, open, order)?;
        }
    }
    open.pop();
    order.push(path.to_owned());
    Ok(())
}

/// Returns the text of a module without comments.
fn module(files: &Files, path: &str) -> io::Result<String> {
    let bytes = files.get(path).ok_or_else(|| io::Error::other(format!("there is no {path}")))?;
    let text = std::str::from_utf8(bytes).map_err(|_| io::Error::other(format!("{path} is not UTF-8")))?;
    Ok(without_comments(text))
}

/// Removes the comments that fill their lines.
pub(crate) fn without_comments(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut is_open = false;
    for line in source.lines() {
        let begins = line.trim_start();
        let kept = if is_open || begins.starts_with("/*") {
            let (end, was_open) = (begins.split_once("*/").map(|(_, rest)| rest), is_open);
            is_open = end.is_none();
            // A cast is followed by what it casts.
            end.filter(|rest| !rest.trim().is_empty()).map(|rest| if was_open { rest } else { line })
        } else {
            Some(line).filter(|_| !begins.starts_with("//") && !begins.is_empty())
        };
        if let Some(kept) = kept {
            text.push_str(kept);
            text.push('\n');
        }
    }
    text
}

/// Pairs of the name that a module exports, and the one in the module at hand.
type Names = Vec<(String, String)>;

/// Part of a module: a line, or a statement of several lines in one.
struct Piece {
    text: String,
    kind: Kind,
}

enum Kind {
    Import {
        names: Names,
        from: String,
    },
    ExportFrom {
        names: Names,
        from: String,
    },
    ExportNames(Names),
    /// A declaration, which gives `name`.
    Export {
        declaration: String,
        name: String,
    },
    Line,
}

/// Reads a module without comments.
fn pieces(source: &str, path: &str) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let refusal = || io::Error::other(format!("cannot link {path}: {line}"));
        let mut text = line.to_owned();
        if line.starts_with("import ") || line.starts_with("export {") {
            while !text.ends_with(';') {
                text.push_str(lines.next().ok_or_else(refusal)?);
            }
        }
        let kind = kind_of(&text).ok_or_else(refusal)?;
        pieces.push(Piece { text, kind });
    }
    Ok(pieces)
}

/// Returns the kind of a statement, or of the first line of one; `None` if it is not in the grammar.
fn kind_of(text: &str) -> Option<Kind> {
    let statement = text.strip_suffix(';').unwrap_or(text);
    if let Some(statement) = statement.strip_prefix("import ") {
        let (names, from) = statement.split_once(" from ").unwrap_or(("{}", statement));
        return Some(Kind::Import { names: names_in(names)?, from: quoted(from)? });
    }
    let Some(exported) = statement.strip_prefix("export ") else { return Some(Kind::Line) };
    if !exported.starts_with('{') {
        let declaration = text.strip_prefix("export ")?;
        return Some(match declaration.strip_prefix("default ") {
            Some(value) => {
                Kind::Export { declaration: format!("const {DEFAULT} = {value}"), name: DEFAULT.to_owned() }
            }
            None => Kind::Export { declaration: declaration.to_owned(), name: declared(declaration)? },
        });
    }
    Some(match exported.split_once(" from ") {
        Some((names, from)) => Kind::ExportFrom { names: names_in(names)?, from: quoted(from)? },
        // Here the local names come first.
        None => {
            Kind::ExportNames(names_in(exported)?.into_iter().map(|(local, name)| (name, local)).collect())
        }
    })
}

/// Returns the text between quotation marks, if that is all.
fn quoted(text: &str) -> Option<String> {
    let text = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!text.contains('\'')).then(|| text.to_owned())
}

/// Returns the names of an import: one in braces may have another behind `as`, one without is that of the default.
fn names_in(text: &str) -> Option<Names> {
    let text = text.trim();
    let Some(list) = text.strip_prefix('{') else {
        return is_name(text).then(|| vec![("default".to_owned(), text.to_owned())]);
    };
    let names = list.strip_suffix('}')?.split(',').map(str::trim).filter(|name| !name.is_empty());
    let pairs = names.map(|name| {
        let (before, after) = name.split_once(" as ").unwrap_or((name, name));
        (is_name(before) && is_name(after)).then(|| (before.to_owned(), after.to_owned()))
    });
    pairs.collect()
}

/// Returns the name that a declaration gives.
fn declared(text: &str) -> Option<String> {
    let begins = ["const ", "function ", "async function ", "class "];
    let rest = begins.into_iter().find_map(|word| text.strip_prefix(word))?;
    let end = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
    (end > 0).then(|| rest[..end].to_owned())
}

const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_char)
}

/// Returns the path of an imported module.
fn target(path: &str, relative: &str) -> io::Result<String> {
    resolve(path, relative).ok_or_else(|| io::Error::other(format!("{path} imports {relative}")))
}

/// Returns the name of a linked module in the linked file.
fn name_of(place: usize) -> String {
    format!("$m{place}")
}

/// Returns a pattern that takes properties of an object as names of their own.
fn pattern(names: &Names) -> String {
    let parts = names
        .iter()
        .map(|(name, local)| if name == local { name.clone() } else { format!("{name}: {local}") });
    format!("{{ {} }}", parts.collect::<Vec<_>>().join(", "))
}

/// A module that is rewritten.
struct Writer<'a> {
    path: &'a str,
    places: &'a Places,
    is_linked: bool,
    /// Path of the linked file from this module.
    entry: String,
    /// Linked modules that are imported already.
    known: Vec<usize>,
    body: String,
    /// Properties of the object with the exports.
    exports: Vec<String>,
}

/// Returns a module with imports and exports in the form of its place, and the properties of its object of exports.
fn rewritten(source: &str, path: &str, places: &Places) -> io::Result<(String, String)> {
    let is_linked = places.contains_key(path);
    let depth = if is_linked { 0 } else { path.matches('/').count() };
    let entry = format!("{}{ENTRY}", if depth == 0 { "./".to_owned() } else { "../".repeat(depth) });
    let mut writer = Writer {
        path,
        places,
        is_linked,
        entry,
        known: Vec::new(),
        body: String::new(),
        exports: Vec::new(),
    };
    for piece in pieces(source, path)? {
        writer.write(piece)?;
    }
    Ok((writer.body, writer.exports.join(", ")))
}

impl Writer<'_> {
    fn write(&mut self, piece: Piece) -> io::Result<()> {
        let line = match piece.kind {
            Kind::Import { names, from } => match self.linked(&from)? {
                Some(_) if names.is_empty() => return Ok(()),
                Some(place) => format!("const {} = {};", pattern(&names), self.object(place)),
                None => piece.text,
            },
            Kind::ExportFrom { names, from } => match self.linked(&from)? {
                Some(place) if self.is_linked => {
                    let object = name_of(place);
                    self.exports
                        .extend(names.iter().map(|(name, alias)| format!("{alias}: {object}.{name}")));
                    return Ok(());
                }
                Some(place) => format!("export const {} = {};", pattern(&names), self.object(place)),
                None => piece.text,
            },
            Kind::ExportNames(names) if self.is_linked => {
                self.exports.extend(names.iter().map(|(name, local)| format!("{name}: {local}")));
                return Ok(());
            }
            Kind::Export { declaration, name } if self.is_linked => {
                let is_default = name == DEFAULT;
                self.exports.push(if is_default { format!("default: {DEFAULT}") } else { name });
                self.with_dynamic_imports(&declaration)?
            }
            _ => self.with_dynamic_imports(&piece.text)?,
        };
        self.body.push_str(&line);
        self.body.push('\n');
        Ok(())
    }

    /// Returns the place of an imported module if it is linked.
    fn linked(&self, relative: &str) -> io::Result<Option<usize>> {
        Ok(self.places.get(&target(self.path, relative)?).copied())
    }

    /// Returns the name of an object of exports, and imports it if that is necessary.
    fn object(&mut self, place: usize) -> String {
        let name = name_of(place);
        if !self.is_linked && !self.known.contains(&place) {
            self.known.push(place);
            self.body.push_str(&format!("import {{ {name} }} from '{}';\n", self.entry));
        }
        name
    }

    /// Directs the imports within a line to the new places of their modules.
    fn with_dynamic_imports(&self, line: &str) -> io::Result<String> {
        if self.is_linked && self.path.contains('/') && line.contains("import.meta") {
            return Err(io::Error::other(format!("cannot link {}: its URL changes: {line}", self.path)));
        }
        const BEGIN: &str = "import('";
        let mut parts = line.split(BEGIN);
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (relative, rest) = part
                .split_once("')")
                .ok_or_else(|| io::Error::other(format!("cannot link {}: {line}", self.path)))?;
            let path = target(self.path, relative)?;
            let import = match self.places.get(&path) {
                Some(place) => {
                    let name = name_of(*place);
                    format!("{BEGIN}{}').then(({{ {name} }}) => {name}){rest}", self.entry)
                }
                None if self.is_linked => format!("{BEGIN}./{path}'){rest}"),
                None => format!("{BEGIN}{part}"),
            };
            text.push_str(&import);
        }
        Ok(text)
    }
}

/// Joins the style sheets of the page in their order.
fn link_styles(files: &mut Files) -> io::Result<()> {
    const BEGIN: &str = "<link rel=\"stylesheet\" href=\"assets/";
    const END: &str = "\">";
    let page = files.get(PAGE).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    let page = page.ok_or_else(|| io::Error::other(format!("there is no {PAGE} in UTF-8")))?;
    let mut parts = page.split(BEGIN);
    let mut linked_page = parts.next().unwrap_or_default().to_owned();
    let mut styles = Vec::new();
    for part in parts {
        let (path, rest) =
            part.split_once(END).ok_or_else(|| io::Error::other(format!("cannot link {part}")))?;
        let sheet = files.remove(path).ok_or_else(|| io::Error::other(format!("there is no {path}")))?;
        // A relative URL would lead elsewhere.
        if sheet.windows(4).any(|word| word == b"url(") || sheet.windows(7).any(|word| word == b"@import") {
            return Err(io::Error::other(format!("cannot link {path}: it has URLs")));
        }
        if styles.is_empty() {
            linked_page.push_str(&format!("{BEGIN}{STYLES}{END}"));
        }
        styles.extend(sheet);
        linked_page.push_str(rest);
    }
    if !styles.is_empty() {
        files.insert(STYLES.to_owned(), styles);
    }
    files.insert(PAGE.to_owned(), linked_page.into_bytes());
    Ok(())
}
