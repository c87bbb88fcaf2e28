//! Kinds of settings: validation of values, and their canonical forms.

use ztor_api::{SettingKind, SettingValue};
use ztor_session::Proxy;

use super::error::{Problem, quoted, shown};
use super::secret::{is_masked, is_masked_source, masked, masked_source, unmasked, unmasked_source};
use super::shape::{LIST_SOURCE, MAX_TEXT, Shape};
use crate::units::{duration_text, parse_duration, parse_limit, size_text};

/// Maximum rate in bytes per second.
const MAX_RATE: u64 = 1 << 40;
/// Maximum number of elements of a list.
const MAX_ITEMS: usize = 1000;
/// Maximum ratio.
const MAX_RATIO: f64 = 10_000.0;

/// Kind of a setting's value, and its range.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// True or false.
    Bool,
    /// A number.
    Count {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// True if there may be no value.
        is_optional: bool,
    },
    /// A rate in bytes per second, at least 1.
    Rate {
        /// True if there may be no limit.
        is_optional: bool,
    },
    /// A time in seconds.
    Time {
        /// Smallest value in seconds.
        min_s: u64,
        /// Largest value in seconds.
        max_s: u64,
        /// True if there may be no value.
        is_optional: bool,
    },
    /// A ratio in steps of 0.001, or none.
    Ratio,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A path, absolute or below the home folder.
    Path {
        /// True if there may be none.
        is_optional: bool,
    },
    /// URL of a proxy, or none. It may have a password, which front ends do not get.
    Proxy,
    /// A URL or path of a list, or none. A URL may have credentials, which front ends do not get.
    ListSource,
    /// A text.
    Text {
        /// True if there may be none.
        is_optional: bool,
        /// Form of the text.
        shape: Shape,
    },
    /// A list of texts.
    List {
        /// Character between the elements where the list is given as one text.
        separator: char,
        /// Form of each element.
        shape: Shape,
    },
}

/// Reason for which a value is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Element of a list that is wrong; `None` if the value as a whole is.
    pub(super) item: Option<String>,
    /// Expected form.
    pub(super) why: String,
}

impl Refusal {
    /// Returns the problem for a setting and a value, as in a TOML file.
    pub(super) fn into_problem(self, key: &str, value: String) -> Problem {
        let (key, why) = (key.to_owned(), self.why);
        match self.item {
            Some(item) => Problem::Item { key, item, why },
            None => Problem::Value { key, value, why },
        }
    }
}

impl Kind {
    /// Validates a value, and returns it in canonical form. Texts are parsed.
    pub(super) fn check(&self, value: &SettingValue) -> Result<SettingValue, Refusal> {
        use SettingValue as V;
        let refused = || Refusal { item: None, why: format!("expected {}", self.values()) };
        if let V::Text(text) = value {
            return self.parse(text);
        }
        let is_right = match (self, value) {
            (_, V::None) => self.is_optional(),
            (Self::Bool, V::Bool(_)) => true,
            (Self::Count { min, max, .. }, V::Count(n)) => (min..=max).contains(&n),
            (Self::Rate { .. }, V::Count(0)) => return self.parse("0"),
            (Self::Rate { .. }, V::Count(n)) => *n <= MAX_RATE,
            (Self::Time { min_s, max_s, .. }, V::Count(n)) => (min_s..=max_s).contains(&n),
            (Self::Ratio, V::Count(n)) => return self.check(&V::Real(*n as f64)),
            (Self::Ratio, V::Real(ratio)) => {
                return canonical_ratio(*ratio).map(V::Real).ok_or_else(refused);
            }
            (Self::List { shape, .. }, V::List(items)) => {
                return canonical_list(shape, items.iter().map(String::as_str));
            }
            _ => false,
        };
        if is_right { Ok(value.clone()) } else { Err(refused()) }
    }

    fn parse(&self, text: &str) -> Result<SettingValue, Refusal> {
        use SettingValue as V;
        let refusal = |why| Refusal { item: None, why };
        let refused = || refusal(format!("expected {}", self.values()));
        let text = text.trim();
        if !matches!(self, Self::List { .. }) && text.len() > MAX_TEXT {
            return Err(refusal(format!("expected at most {MAX_TEXT} bytes")));
        }
        let is_empty_none =
            matches!(self, Self::Path { .. } | Self::Text { .. } | Self::Proxy | Self::ListSource)
                && text.is_empty();
        if self.is_optional() && (text == self.none_word() || text == "none" || is_empty_none) {
            return Ok(V::None);
        }
        let plain = match self {
            Self::Bool => parse_bool(text).map(V::Bool),
            Self::Count { .. } => text.parse().ok().map(V::Count),
            Self::Rate { .. } => match parse_limit(text) {
                Ok(limit) => limit.0.map(V::Count),
                Err(why) => return Err(refusal(why)),
            },
            Self::Time { .. } => parse_duration(text).ok().map(|time| V::Count(time.as_secs())),
            Self::Ratio => text.parse().ok().map(V::Real),
            Self::Choice(words) => {
                let word = text.to_ascii_lowercase().replace('-', "_");
                return if words.contains(&word.as_str()) { Ok(V::Text(word)) } else { Err(refused()) };
            }
            Self::Path { .. } => {
                return if is_path(text) { Ok(V::Text(text.to_owned())) } else { Err(refused()) };
            }
            Self::Proxy => {
                return match text.parse::<Proxy>() {
                    Ok(_) if is_masked(text) => {
                        Err(refusal("its password is masked; give the password itself".into()))
                    }
                    Ok(proxy) => Ok(V::Text(proxy.secret_url())),
                    Err(error) => Err(refusal(error.to_string())),
                };
            }
            Self::ListSource if is_masked_source(text) => {
                return Err(refusal("its credentials are masked; give the URL itself".into()));
            }
            Self::ListSource => {
                return (LIST_SOURCE.canonical)(text).map(V::Text).ok_or_else(refused);
            }
            Self::Text { shape, .. } => {
                return (shape.canonical)(text).map(V::Text).ok_or_else(refused);
            }
            Self::List { shape, .. } if text.is_empty() => return canonical_list(shape, [].into_iter()),
            Self::List { separator, shape } => return canonical_list(shape, text.split(*separator)),
        };
        self.check(&plain.ok_or_else(refused)?)
    }

    /// Returns a canonical value as text. [`check`](Self::check) of the text returns the value.
    pub(super) fn text(&self, value: &SettingValue) -> String {
        match value {
            SettingValue::None => self.none_word().to_owned(),
            SettingValue::Bool(value) => value.to_string(),
            SettingValue::Count(value) => match self {
                Self::Rate { .. } => format!("{}/s", size_text(*value)),
                Self::Time { .. } => duration_text(*value),
                _ => value.to_string(),
            },
            SettingValue::Real(value) => value.to_string(),
            SettingValue::Text(value) => value.clone(),
            SettingValue::List(items) => {
                let separator = if let Self::List { separator, .. } = self { *separator } else { ',' };
                items.join(&format!("{separator} "))
            }
        }
    }

    /// Returns a canonical value as in a TOML file.
    pub(super) fn toml(&self, value: &SettingValue) -> String {
        match value {
            SettingValue::Bool(_) | SettingValue::Real(_) => self.text(value),
            SettingValue::Count(_) if matches!(self, Self::Count { .. }) => self.text(value),
            SettingValue::List(items) => {
                let items: Vec<String> = items.iter().map(|item| toml_string(item)).collect();
                format!("[{}]", items.join(", "))
            }
            _ => toml_string(&self.text(value)),
        }
    }

    /// Returns true if a value may have a secret in it.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Proxy | Self::ListSource)
    }

    /// Returns a value as front ends get it: without a secret.
    pub(super) fn shown(&self, value: &SettingValue) -> SettingValue {
        match self {
            Self::Proxy => masked(value),
            Self::ListSource => masked_source(value),
            _ => value.clone(),
        }
    }

    /// Returns the value in effect if a front end returns it as it got it; `None` for another value.
    pub(super) fn unmasked(&self, given: &SettingValue, current: &SettingValue) -> Option<SettingValue> {
        match self {
            Self::Proxy => unmasked(given, current),
            Self::ListSource => unmasked_source(given, current),
            _ => None,
        }
    }

    /// Returns a text that was given as a value, for a message.
    pub(super) fn quoted(&self, text: &str) -> String {
        match self {
            Self::Proxy => "the given URL".to_owned(),
            Self::ListSource => "the given source".to_owned(),
            _ => shown(text),
        }
    }

    /// Returns a description of the values, which follows `expected`.
    pub(super) fn values(&self) -> String {
        let values = match self {
            Self::Bool => "true or false".to_owned(),
            Self::Count { min, max, .. } => format!("a number from {min} to {max}"),
            Self::Rate { .. } => "a rate such as \"5MiB/s\", at most \"1TiB/s\"".to_owned(),
            Self::Time { min_s, max_s, .. } => {
                format!("a time from \"{}\" to \"{}\"", duration_text(*min_s), duration_text(*max_s))
            }
            Self::Ratio => format!("a ratio from 0 to {MAX_RATIO}, such as 1.5"),
            Self::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                let (last, others) = words.split_last().map_or(("", &[][..]), |(last, all)| (last, all));
                format!("{} or {last}", others.join(", "))
            }
            Self::Path { .. } => {
                "an absolute path, or one below the home folder such as \"~/Downloads\"".to_owned()
            }
            Self::Proxy => {
                "a URL such as \"socks5://user:password@host:1080\", with socks5, socks5h, socks4a \
                            or http"
                    .to_owned()
            }
            Self::ListSource => LIST_SOURCE.values.to_owned(),
            Self::Text { shape, .. } => shape.values.to_owned(),
            Self::List { shape, .. } => format!("a list of texts, each {}", shape.values),
        };
        if !self.is_optional() {
            return values;
        }
        let comma = if values.contains([',', '"']) { "," } else { "" };
        format!("{values}{comma} or \"{}\"", self.none_word())
    }

    /// Returns the unit of numbers; `None` without one.
    pub fn unit(&self) -> Option<&'static str> {
        match self {
            Self::Rate { .. } => Some("bytes/s"),
            Self::Time { .. } => Some("s"),
            _ => None,
        }
    }

    /// Returns true if there may be no value: none, no limit, or never.
    pub fn is_optional(&self) -> bool {
        match self {
            Self::Count { is_optional, .. }
            | Self::Rate { is_optional }
            | Self::Time { is_optional, .. }
            | Self::Path { is_optional }
            | Self::Text { is_optional, .. } => *is_optional,
            Self::Ratio | Self::Proxy | Self::ListSource => true,
            Self::Bool | Self::Choice(_) | Self::List { .. } => false,
        }
    }

    fn none_word(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "unlimited",
            Self::Time { .. } => "never",
            _ => "none",
        }
    }

    /// Returns the kind for front ends.
    pub fn to_api(self) -> SettingKind {
        match self {
            Self::Bool => SettingKind::Bool,
            Self::Count { min, max, is_optional } => SettingKind::Count { min, max, is_optional },
            Self::Rate { .. } => SettingKind::Rate,
            Self::Time { min_s, max_s, is_optional } => SettingKind::Time { min_s, max_s, is_optional },
            Self::Ratio => SettingKind::Ratio,
            Self::Choice(words) => {
                SettingKind::Choice { choices: words.iter().map(|word| (*word).to_owned()).collect() }
            }
            Self::Path { is_optional } => SettingKind::Path { is_optional },
            Self::Proxy | Self::ListSource => SettingKind::Text { is_optional: true },
            Self::Text { is_optional, .. } => SettingKind::Text { is_optional },
            Self::List { .. } => SettingKind::List,
        }
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Rounds a ratio up to thousandths, so that at least the ratio is uploaded.
fn canonical_ratio(ratio: f64) -> Option<f64> {
    let is_ratio = (0.0..=MAX_RATIO).contains(&ratio);
    // The product of a whole number of thousandths may be slightly above it.
    let thousandths = (ratio * 1000.0 - 1e-6).ceil() + 0.0;
    is_ratio.then_some(thousandths / 1000.0)
}

fn canonical_list<'a>(shape: &Shape, items: impl Iterator<Item = &'a str>) -> Result<SettingValue, Refusal> {
    let mut canonical = Vec::new();
    for item in items {
        if canonical.len() == MAX_ITEMS {
            return Err(Refusal { item: None, why: format!("expected at most {MAX_ITEMS} elements") });
        }
        let short = Some(item.trim()).filter(|item| item.len() <= MAX_TEXT);
        match short.and_then(|item| (shape.canonical)(item)) {
            Some(item) => canonical.push(item),
            None => {
                return Err(Refusal { item: Some(quoted(item)), why: format!("expected {}", shape.values) });
            }
        }
    }
    Ok(SettingValue::List(canonical))
}

fn is_path(text: &str) -> bool {
    let is_below_home = text == "~" || text.starts_with("~/");
    (is_below_home || std::path::Path::new(text).is_absolute()) && !text.contains(char::is_control)
}

/// Returns a text as a TOML string.
fn toml_string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Returns any value for a message, as in a TOML file.
pub(super) fn value_shown(value: &SettingValue) -> String {
    match value {
        SettingValue::None => "null".to_owned(),
        SettingValue::Bool(value) => value.to_string(),
        SettingValue::Count(value) => value.to_string(),
        SettingValue::Real(value) => shown(&value.to_string()),
        SettingValue::Text(text) => quoted(text),
        SettingValue::List(items) => {
            let items: Vec<String> = items.iter().take(10).map(|item| quoted(item)).collect();
            shown(&format!("[{}]", items.join(", ")))
        }
    }
}
