//! The configuration file: TOML with a table per section.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error as TomlError};
use ztor_api::{SettingSource, SettingValue};

use super::error::{Errors, Place, Problem, SettingError, shown};
use super::kind::Refusal;
use super::nearest::nearest;
use super::pin::Pin;
use super::table::{SECTIONS, TABLE, index_of};

/// Maximum size of the configuration file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// Reads the settings of a file into `pins`, which has a place for each setting.
pub(super) fn read(path: &str, bytes: &[u8], pins: &mut [Option<Pin>], errors: &mut Errors) {
    if bytes.len() > MAX_FILE {
        let problem = Problem::TooLarge { bytes: bytes.len(), max: MAX_FILE };
        errors.add(|| SettingError { place: Place::File { path: path.to_owned() }, problem });
        return;
    }
    let (text, is_text) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => (std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(), false),
    };
    let mut file = File { path, text, lines: line_ends(text), pins, errors };
    if !is_text {
        file.add(text.len(), || Problem::Encoding);
        return;
    }
    let (table, faults) = DeTable::parse_recoverable(text);
    if faults.is_empty() {
        file.document(table.get_ref());
    } else {
        file.faults(&faults);
    }
}

fn line_ends(text: &str) -> Vec<usize> {
    text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset).collect()
}

struct File<'a> {
    path: &'a str,
    text: &'a str,
    /// Offsets of the line ends.
    lines: Vec<usize>,
    pins: &'a mut [Option<Pin>],
    errors: &'a mut Errors,
}

/// An entry of the file outside of tables.
struct Entry<'a> {
    section: Option<&'a str>,
    key: &'a str,
    /// Offset of the key, in bytes.
    offset: usize,
    value: &'a Spanned<DeValue<'a>>,
}

impl File<'_> {
    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|end| *end < offset) + 1
    }

    fn add(&mut self, offset: usize, problem: impl FnOnce() -> Problem) {
        let line = self.line(offset);
        let path = self.path;
        self.errors
            .add(|| SettingError { place: Place::Line { path: path.to_owned(), line }, problem: problem() });
    }

    /// Reports errors of the parser, one per line: the others of a line follow from it.
    fn faults(&mut self, faults: &[TomlError]) {
        let mut last = 0;
        for fault in faults {
            let span = fault.span().unwrap_or_default();
            let line = self.line(span.start);
            if line == last {
                continue;
            }
            last = line;
            let name = self.text.get(span.clone()).unwrap_or_default();
            self.add(span.start, || match fault.message() {
                "duplicate key" if !name.is_empty() => Problem::Duplicate { key: shown(name) },
                message => Problem::Syntax { message: shown(message) },
            });
        }
    }

    fn document(&mut self, table: &DeTable<'_>) {
        let mut entries = Vec::new();
        for (name, value) in table {
            let (name, offset) = (name.get_ref().as_ref(), name.span().start);
            match value.get_ref() {
                DeValue::Table(table) if SECTIONS.contains(&name) => {
                    entries.extend(table.iter().map(|(key, value)| Entry {
                        section: Some(name),
                        key: key.get_ref(),
                        offset: key.span().start,
                        value,
                    }));
                }
                _ => entries.push(Entry { section: None, key: name, offset, value }),
            }
        }
        entries.sort_by_key(|entry| entry.offset);
        for entry in &entries {
            self.entry(entry);
        }
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        let Entry { section, key, offset, value } = *entry;
        let Some(index) = index_of(key) else {
            let is_table = value.get_ref().is_table();
            let text = shown(self.text.get(value.span()).unwrap_or_default());
            return self.add(offset, || unknown(section, key, is_table, text));
        };
        let declaration = &TABLE[index];
        if let Some(section) = section.filter(|section| *section != declaration.section) {
            let right = declaration.section.to_owned();
            return self.add(offset, || Problem::WrongSection {
                key: key.to_owned(),
                section: section.to_owned(),
                right,
            });
        }
        if self.pins[index].is_some() {
            return self.add(offset, || Problem::Duplicate { key: key.to_owned() });
        }
        let source = SettingSource::File { path: self.path.to_owned(), line: self.line(offset) };
        let refused = || Refusal { item: None, why: format!("expected {}", declaration.kind.values()) };
        let checked = match value_of(value.get_ref()) {
            Some(value) => declaration.kind.check(&value),
            None => Err(refused()),
        };
        match checked {
            Ok(value) => self.pins[index] = Some(Pin { value, source }),
            Err(refusal) => {
                let text = if value.get_ref().is_table() { None } else { self.text.get(value.span()) };
                let value = text.map_or_else(|| "a table".to_owned(), |text| declaration.kind.quoted(text));
                self.add(offset, || refusal.into_problem(key, value));
            }
        }
    }
}

/// Returns the problem of a key that is no setting, with its value in short.
fn unknown(section: Option<&str>, key: &str, is_table: bool, value: String) -> Problem {
    if section.is_none() && is_table {
        let nearest = nearest(key, SECTIONS.iter().copied()).map(str::to_owned);
        return Problem::UnknownSection { section: shown(key), nearest };
    }
    if section.is_none() && SECTIONS.contains(&key) {
        let why = format!("it is a section; write [{key}] on a line of its own, and its settings below");
        return Problem::Value { key: key.to_owned(), value, why };
    }
    let keys = TABLE.iter().map(|declaration| declaration.key);
    Problem::UnknownKey { key: shown(key), nearest: nearest(key, keys).map(str::to_owned) }
}

/// Converts a value; `None` if no setting has a value of this type.
fn value_of(value: &DeValue<'_>) -> Option<SettingValue> {
    match value {
        DeValue::Boolean(value) => Some(SettingValue::Bool(*value)),
        DeValue::Integer(value) => {
            u64::from_str_radix(value.as_str(), value.radix()).ok().map(SettingValue::Count)
        }
        DeValue::Float(value) => value.as_str().parse().ok().map(SettingValue::Real),
        DeValue::String(text) => Some(SettingValue::Text(text.to_string())),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(SettingValue::List)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}
