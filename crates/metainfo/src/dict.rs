//! Typed access to the fields of a torrent, with errors that name them.

use ztor_bencode::{Kind, Value};

use crate::MetainfoError;
use crate::charset::Charset;
use crate::field_path::FieldPath;

/// A dictionary and its path in the torrent.
#[derive(Clone, Copy)]
pub(crate) struct Dict<'d, 'p> {
    pub(crate) value: Value<'d>,
    pub(crate) place: &'p FieldPath<'p>,
}

impl<'d, 'p> Dict<'d, 'p> {
    pub(crate) fn new(value: Value<'d>, place: &'p FieldPath<'p>) -> Result<Self, MetainfoError> {
        match value.kind() {
            Kind::Dict => Ok(Self { value, place }),
            found => Err(place.wrong_type(found, "a dictionary")),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value.get(key.as_bytes()).is_some()
    }

    /// Returns a non-negative number; `None` if the field is missing.
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

    /// Returns a list of strings; `None` if it is missing, or if it or an item has another type.
    pub(crate) fn strings(&self, key: &str) -> Option<Vec<&'d [u8]>> {
        let list = self.value.get(key.as_bytes()).filter(|list| list.kind() == Kind::List)?;
        list.items().map(|item| item.as_bytes()).collect()
    }

    /// Returns the text of `<key>.utf-8` if that is UTF-8, or else of `key`; `None` if it is missing or no string.
    pub(crate) fn text(&self, key: &str) -> Option<&'d [u8]> {
        let utf8 = self.value.get(format!("{key}.utf-8").as_bytes()).and_then(|value| value.as_str());
        match utf8 {
            Some(text) => Some(text.as_bytes()),
            None => self.value.get(key.as_bytes())?.as_bytes(),
        }
    }

    /// Returns decoded text for display; `None` if it is missing or empty.
    pub(crate) fn advisory(&self, key: &str, charset: Charset) -> Option<String> {
        let text = charset.decode(self.text(key)?);
        Some(text.into_owned()).filter(|text| !text.is_empty())
    }

    pub(crate) fn missing(&self, key: &str, expected: &'static str) -> MetainfoError {
        MetainfoError::Missing { field: self.place.key(key).to_string(), expected }
    }
}
