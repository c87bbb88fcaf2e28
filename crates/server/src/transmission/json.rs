//! JSON that is written without a tree of values: a list of 10,000 torrents has 180,000 of them.

use std::io::Write as _;

/// Writes JSON. Commas are put where they belong.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Vec<u8>,
    /// True if a value at this place follows another one.
    is_next: bool,
}

impl Json {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), is_next: false }
    }

    /// Returns what was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn separate(&mut self) {
        if self.is_next {
            self.out.push(b',');
        }
        self.is_next = true;
    }

    pub(crate) fn begin_list(&mut self) {
        self.separate();
        self.out.push(b'[');
        self.is_next = false;
    }

    pub(crate) fn end_list(&mut self) {
        self.out.push(b']');
        self.is_next = true;
    }

    pub(crate) fn begin_object(&mut self) {
        self.separate();
        self.out.push(b'{');
        self.is_next = false;
    }

    pub(crate) fn end_object(&mut self) {
        self.out.push(b'}');
        self.is_next = true;
    }

    /// Writes the name of the next value.
    pub(crate) fn key(&mut self, name: &str) {
        self.text(name);
        self.out.push(b':');
        self.is_next = false;
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.separate();
        // A text can always be written to memory.
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    pub(crate) fn int(&mut self, number: i64) {
        self.separate();
        let _ = write!(self.out, "{number}");
    }

    pub(crate) fn count(&mut self, number: u64) {
        self.separate();
        let _ = write!(self.out, "{number}");
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.separate();
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// Writes a number. One without a fraction is written as a whole one; one that JSON does not have, as 0.
    pub(crate) fn real(&mut self, number: f64) {
        self.separate();
        let number = if number.is_finite() { number } else { 0.0 };
        let _ = write!(self.out, "{number}");
    }

    pub(crate) fn texts<T: AsRef<str>>(&mut self, texts: impl IntoIterator<Item = T>) {
        self.begin_list();
        texts.into_iter().for_each(|text| self.text(text.as_ref()));
        self.end_list();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn commas_are_between_the_values_of_lists_and_objects() {
        let mut json = Json::default();
        json.begin_object();
        json.key("list");
        json.begin_list();
        json.begin_list();
        json.end_list();
        json.int(-1);
        json.text("a\"\n\u{1}");
        json.end_list();
        json.key("none");
        json.begin_object();
        json.end_object();
        json.key("real");
        json.real(0.5);
        json.key("whole");
        json.real(2.0);
        json.key("nan");
        json.real(f64::NAN);
        json.key("flag");
        json.flag(true);
        json.key("texts");
        json.texts(["x", "y"]);
        json.end_object();
        let value: Value = serde_json::from_slice(&json.into_bytes()).unwrap();
        let expected = json!({
            "list": [[], -1, "a\"\n\u{1}"], "none": {}, "real": 0.5, "whole": 2, "nan": 0, "flag": true,
            "texts": ["x", "y"],
        });
        assert_eq!(value, expected);
    }
}
