//! Conversion of canonical values to the types of fields.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use ztor_api::SettingValue;
use ztor_policy::{Ratio, Schedule};
use ztor_session::{Bind, Proxy, Uses};

use super::schedule_text::parse_entry;
use super::shape::{is_url, parse_bind, parse_network, parse_use};
use crate::filter::FilterSource;

/// Type of a field.
pub(super) trait Typed: Sized {
    /// Converts a value; `None` if it has the wrong kind, or the home folder is needed and unknown.
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self>;
}

/// Type of an element of a list.
pub(super) trait Element: Sized {
    /// Converts an element.
    fn element(text: &str) -> Option<Self>;
}

impl<T: Typed> Typed for Option<T> {
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self> {
        if *value == SettingValue::None { Some(None) } else { T::typed(value, home).map(Some) }
    }
}

impl<T: Element> Typed for Vec<T> {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        let SettingValue::List(items) = value else { return None };
        items.iter().map(|item| T::element(item)).collect()
    }
}

impl Typed for bool {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        if let SettingValue::Bool(value) = value { Some(*value) } else { None }
    }
}

impl Typed for u64 {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        if let SettingValue::Count(value) = value { Some(*value) } else { None }
    }
}

impl Typed for u16 {
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self> {
        u64::typed(value, home)?.try_into().ok()
    }
}

impl Typed for usize {
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self> {
        u64::typed(value, home)?.try_into().ok()
    }
}

impl Typed for Duration {
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self> {
        u64::typed(value, home).map(Self::from_secs)
    }
}

impl Typed for Ratio {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        let SettingValue::Real(ratio) = value else { return None };
        // The conversion saturates.
        Some(Self::from_thousandths((ratio * 1000.0).round() as u32))
    }
}

impl Typed for String {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        text(value).map(str::to_owned)
    }
}

impl Typed for PathBuf {
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self> {
        let text = text(value)?;
        match text.strip_prefix('~') {
            None => Some(Self::from(text)),
            Some("") => home.map(Path::to_owned),
            Some(rest) => home.map(|home| home.join(rest.trim_start_matches('/'))),
        }
    }
}

impl Typed for FilterSource {
    fn typed(value: &SettingValue, home: Option<&Path>) -> Option<Self> {
        let source = text(value)?;
        if is_url(source) {
            return Some(Self::Url(source.to_owned()));
        }
        PathBuf::typed(value, home).map(Self::File)
    }
}

impl Typed for IpAddr {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        text(value)?.parse().ok()
    }
}

impl Typed for Bind {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        parse_bind(text(value)?)
    }
}

impl Typed for Proxy {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        text(value)?.parse().ok()
    }
}

impl Typed for Uses {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        let SettingValue::List(items) = value else { return None };
        items.iter().try_fold(Self::NONE, |uses, item| Some(uses.with(parse_use(item)?)))
    }
}

impl Typed for Schedule {
    fn typed(value: &SettingValue, _: Option<&Path>) -> Option<Self> {
        let SettingValue::List(items) = value else { return None };
        let entries: Option<Vec<_>> = items.iter().map(|item| parse_entry(item)).collect();
        Self::new(entries?).ok()
    }
}

impl Element for String {
    fn element(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Element for SocketAddr {
    fn element(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Element for IpAddr {
    fn element(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Element for IpNet {
    fn element(text: &str) -> Option<Self> {
        parse_network(text)
    }
}

fn text(value: &SettingValue) -> Option<&str> {
    if let SettingValue::Text(text) = value { Some(text) } else { None }
}
