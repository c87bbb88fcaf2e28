//! The two dialects of the RPC: names, and arguments under their names.

use serde_json::{Map, Value};

/// Spelling of names, and form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The one of all versions: `torrent-get`, `hashString`, `download-dir`.
    Legacy,
    /// JSON-RPC 2.0, since version 4.1: snake case everywhere.
    JsonRpc,
}

/// A name in both dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) snake: &'static str,
    pub(crate) legacy: &'static str,
}

impl Key {
    pub(crate) const fn new(snake: &'static str, legacy: &'static str) -> Self {
        Self { snake, legacy }
    }

    /// Returns the name in a dialect.
    pub(crate) fn name(self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Legacy => self.legacy,
            Dialect::JsonRpc => self.snake,
        }
    }

    /// Returns true if a request in a dialect may use this name. The legacy one takes both spellings.
    pub(crate) fn is_named(self, name: &str, dialect: Dialect) -> bool {
        name == self.snake || (dialect == Dialect::Legacy && name == self.legacy)
    }
}

/// Returns a name of a request in snake case.
fn to_snake(name: &str) -> String {
    match name {
        "cache-size-mb" => return "cache_size_mib".to_owned(),
        "isUTP" => return "is_utp".to_owned(),
        _ => {}
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        match char {
            '-' => snake.push('_'),
            'A'..='Z' => {
                snake.push('_');
                snake.push(char.to_ascii_lowercase());
            }
            char => snake.push(char),
        }
    }
    snake
}

/// Arguments of a call, by their names in snake case. A value of a wrong type counts as absent, as the genuine server does it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Args(Map<String, Value>);

impl Args {
    pub(crate) fn new(arguments: Map<String, Value>, dialect: Dialect) -> Self {
        Self(match dialect {
            Dialect::Legacy => arguments.into_iter().map(|(name, value)| (to_snake(&name), value)).collect(),
            Dialect::JsonRpc => arguments,
        })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Returns a whole number. One with a fraction is rounded.
    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        int_of(self.get(key)?)
    }

    /// Returns a number that is not negative.
    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        u64::try_from(self.int(key)?.max(0)).ok()
    }

    pub(crate) fn real(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// Returns a flag. Some clients send 0 and 1.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            value => int_of(value).map(|number| number != 0),
        }
    }

    pub(crate) fn list(&self, key: &str) -> Option<&[Value]> {
        self.get(key)?.as_array().map(Vec::as_slice)
    }

    /// Returns the texts of a list; a single text is a list of one.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<&str>> {
        match self.get(key)? {
            Value::String(text) => Some(vec![text]),
            Value::Array(values) => Some(values.iter().filter_map(Value::as_str).collect()),
            _ => None,
        }
    }
}

/// Returns a number as a whole one, within the numbers that a JSON number represents exactly.
pub(crate) fn int_of(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let real = value.as_f64()?;
        real.is_finite().then(|| real.round().clamp(-EXACT, EXACT) as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_spellings_become_snake_case() {
        for (name, snake) in [
            ("peer-limit", "peer_limit"),
            ("seedRatioLimit", "seed_ratio_limit"),
            ("download_dir", "download_dir"),
            ("cache-size-mb", "cache_size_mib"),
            ("isUTP", "is_utp"),
            ("sequential_download", "sequential_download"),
            ("", ""),
        ] {
            assert_eq!(to_snake(name), snake, "{name}");
        }
    }

    #[test]
    fn json_rpc_takes_names_as_they_are() {
        let args: Map<String, Value> = Map::from_iter([("peer-limit".to_owned(), Value::from(3))]);
        assert_eq!(Args::new(args.clone(), Dialect::Legacy).int("peer_limit"), Some(3));
        assert_eq!(Args::new(args, Dialect::JsonRpc).int("peer_limit"), None);
    }

    #[test]
    fn values_of_wrong_types_are_absent_and_numbers_are_bounded() {
        let args = Args(Map::from_iter([
            ("text".to_owned(), Value::from("x")),
            ("huge".to_owned(), Value::from(1e300)),
            ("half".to_owned(), Value::from(2.5)),
            ("one".to_owned(), Value::from(1)),
            ("below".to_owned(), Value::from(-5)),
        ]));
        assert_eq!((args.int("text"), args.flag("text"), args.text("one")), (None, None, None));
        assert_eq!((args.int("huge"), args.int("half")), (Some(1 << 53), Some(3)));
        assert_eq!((args.flag("one"), args.count("below")), (Some(true), Some(0)));
        assert_eq!(args.texts("text"), Some(vec!["x"]));
    }
}
