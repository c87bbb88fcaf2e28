//! Typed access to the fields of a torrent, with errors that name them.

use std::fmt;

use ztor_bencode::{Kind, Value};

use crate::MetainfoError;
use crate::charset::Charset;

/// Where in the torrent something stands. A list linked to its parent, so that nothing is allocated unless an
/// error has to name it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Key(&'p [u8]),
    Index(usize),
}

impl<'p> Place<'p> {
    /// A key of the outermost dictionary.
    pub(crate) fn top(key: &'p str) -> Self {
        Self { parent: None, step: Step::Key(key.as_bytes()) }
    }

    /// A key of the dictionary here.
    pub(crate) fn key(&'p self, key: &'p str) -> Self {
        self.raw_key(key.as_bytes())
    }

    /// A key of the dictionary here that came from outside.
    pub(crate) fn raw_key(&'p self, key: &'p [u8]) -> Self {
        Self { parent: Some(self), step: Step::Key(key) }
    }

    /// An item of the list here.
    pub(crate) fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// The value here cannot be.
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> MetainfoError {
        MetainfoError::Invalid { field: self.to_string(), problem: problem.into() }
    }

    fn wrong_type(&self, found: Kind, expected: &'static str) -> MetainfoError {
        MetainfoError::WrongType { field: self.to_string(), found, expected }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => {
                let dot = if self.parent.is_some() { "." } else { "" };
                // Long enough for every key of the format; a name from a file tree must not fill the screen.
                let shown = &key[..key.len().min(64)];
                write!(f, "{dot}{}", String::from_utf8_lossy(shown).escape_debug())
            }
        }
    }
}

/// A dictionary, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Dict<'d, 'p> {
    pub(crate) value: Value<'d>,
    pub(crate) place: &'p Place<'p>,
}

impl<'d, 'p> Dict<'d, 'p> {
    pub(crate) fn new(value: Value<'d>, place: &'p Place<'p>) -> Result<Self, MetainfoError> {
        match value.kind() {
            Kind::Dict => Ok(Self { value, place }),
            found => Err(place.wrong_type(found, "a dictionary")),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value.get(key.as_bytes()).is_some()
    }

    /// A number that is not negative.
    pub(crate) fn opt_uint(&self, key: &str) -> Result<Option<u64>, MetainfoError> {
        let Some(value) = self.value.get(key.as_bytes()) else { return Ok(None) };
        if value.kind() != Kind::Int {
            return Err(self.place.key(key).wrong_type(value.kind(), "an integer"));
        }
        match value.as_uint() {
            Some(number) => Ok(Some(number)),
            None => {
                let problem = if value.raw().starts_with(b"i-") { "negative" } else { "too large" };
                Err(self.place.key(key).invalid(format!("a number that is {problem}")))
            }
        }
    }

    pub(crate) fn uint(&self, key: &str) -> Result<u64, MetainfoError> {
        self.opt_uint(key)?.ok_or_else(|| self.missing(key, "an integer"))
    }

    pub(crate) fn opt_bytes(&self, key: &str) -> Result<Option<&'d [u8]>, MetainfoError> {
        let Some(value) = self.value.get(key.as_bytes()) else { return Ok(None) };
        match value.as_bytes() {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(self.place.key(key).wrong_type(value.kind(), "a string")),
        }
    }

    pub(crate) fn bytes(&self, key: &str) -> Result<&'d [u8], MetainfoError> {
        self.opt_bytes(key)?.ok_or_else(|| self.missing(key, "a string"))
    }

    pub(crate) fn opt_list(&self, key: &str) -> Result<Option<Value<'d>>, MetainfoError> {
        match self.value.get(key.as_bytes()) {
            Some(value) if value.kind() != Kind::List => {
                Err(self.place.key(key).wrong_type(value.kind(), "a list"))
            }
            value => Ok(value),
        }
    }

    /// A list of strings. One of another type, or with items of another type, is as good as absent.
    pub(crate) fn strings(&self, key: &str) -> Option<Vec<&'d [u8]>> {
        let list = self.value.get(key.as_bytes()).filter(|list| list.kind() == Kind::List)?;
        list.items().map(|item| item.as_bytes()).collect()
    }

    /// Text in `<key>.utf-8` if that is UTF-8, or else in `key`. Of the wrong type it is as good as absent.
    pub(crate) fn text(&self, key: &str) -> Option<&'d [u8]> {
        let utf8 = self.value.get(format!("{key}.utf-8").as_bytes()).and_then(|value| value.as_str());
        match utf8 {
            Some(text) => Some(text.as_bytes()),
            None => self.value.get(key.as_bytes())?.as_bytes(),
        }
    }

    /// Text for people.
    pub(crate) fn advisory(&self, key: &str, charset: Charset) -> Option<String> {
        let text = charset.decode(self.text(key)?);
        Some(text.into_owned()).filter(|text| !text.is_empty())
    }

    pub(crate) fn missing(&self, key: &str, expected: &'static str) -> MetainfoError {
        MetainfoError::Missing { field: self.place.key(key).to_string(), expected }
    }
}
