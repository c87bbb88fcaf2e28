//! Values with a secret, as front ends get them and return them.

use super::shape::is_url;
use ztor_api::SettingValue;
use ztor_session::{Proxy, redact_web_seed};

/// Text in place of a password, as [`Proxy`] shows it.
const MASK: &str = "***";

/// Returns a proxy without its password. What is no proxy does not show at all.
pub(super) fn masked(value: &SettingValue) -> SettingValue {
    match value {
        SettingValue::Text(text) => SettingValue::Text(
            text.parse::<Proxy>().map_or_else(|_| MASK.to_owned(), |proxy| proxy.to_string()),
        ),
        other => other.clone(),
    }
}

/// Returns true for the URL of a proxy with the mask as its password.
pub(super) fn is_masked(text: &str) -> bool {
    let credentials = text.parse::<Proxy>().ok().and_then(|proxy| proxy.credentials().cloned());
    credentials.is_some_and(|credentials| credentials.password() == MASK)
}

/// Keys of queries whose values say which list is meant.
const HARMLESS_KEYS: [&str; 4] = ["list", "fileformat", "archiveformat", "format"];
/// Sign in place of secrets in a URL.
const GAP: char = '…';

/// Returns the source of a list without user, password, and whatever may be a key in its path or query.
pub(super) fn masked_source(value: &SettingValue) -> SettingValue {
    match value {
        SettingValue::Text(text) if is_url(text) => SettingValue::Text(masked_url(text)),
        other => other.clone(),
    }
}

/// Returns a URL without user, password, and whatever may be a key.
pub(crate) fn masked_url(url: &str) -> String {
    let (start, query) = url.split_once('?').map_or((url, None), |(start, query)| (start, Some(query)));
    let is_harmless = |pair: &str| HARMLESS_KEYS.contains(&pair.split_once('=').map_or(pair, |(key, _)| key));
    let shown = match query {
        Some(query) if query.split('&').all(is_harmless) => format!("{}?{query}", redact_web_seed(start)),
        _ => redact_web_seed(url),
    };
    let authority = start.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(rest));
    match shown.split_once("://").filter(|_| authority.contains('@')) {
        Some((scheme, rest)) => format!("{scheme}://{MASK}@{rest}"),
        None => shown,
    }
}

/// Returns true for a URL in which something is masked.
pub(super) fn is_masked_source(text: &str) -> bool {
    is_url(text) && (text.contains(GAP) || text.contains(&format!("://{MASK}@")))
}

/// Returns the value in effect if a front end returns it as it got it. A masked password is not combined with anything
/// else: another host would get it.
pub(super) fn unmasked(given: &SettingValue, current: &SettingValue) -> Option<SettingValue> {
    let SettingValue::Text(text) = given else { return None };
    let is_same = is_masked(text) && masked(current) == masked(given);
    is_same.then(|| current.clone())
}

/// Does the same for the source of a list.
pub(super) fn unmasked_source(given: &SettingValue, current: &SettingValue) -> Option<SettingValue> {
    let SettingValue::Text(text) = given else { return None };
    let is_same = is_masked_source(text) && masked_source(current) == *given;
    is_same.then(|| current.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> SettingValue {
        SettingValue::Text(text.to_owned())
    }

    #[test]
    fn unmasked_of_a_masked_value_is_the_current_one_only_if_nothing_else_differs() {
        let current = text("socks5://me:secret@h:1080");
        assert_eq!(masked(&current), text("socks5://me:***@h:1080"));
        assert_eq!(unmasked(&masked(&current), &current), Some(current.clone()));
        for other in ["socks5://me:***@evil:1080", "socks5://you:***@h:1080", "socks5://me:new@h:1080", "x"] {
            assert_eq!(unmasked(&text(other), &current), None, "{other}");
        }
        assert_eq!(masked(&text("rubbish:secret")), text("***"));
    }

    #[test]
    fn source_of_a_list_shows_no_credentials_and_comes_back_unchanged() {
        for (source, shown) in [
            ("https://me:secret@h.example/list.gz", "https://***@h.example/list.gz"),
            ("https://h.example/0123456789abcdef01/list.gz", "https://h.example/…/list.gz"),
            ("https://h.example/?list=bt&username=me&pin=1", "https://h.example?…"),
            (
                "https://h.example/l?list=bt_level1&fileformat=p2p",
                "https://h.example/l?list=bt_level1&fileformat=p2p",
            ),
            ("https://h.example/list.gz", "https://h.example/list.gz"),
            ("/etc/list…gz", "/etc/list…gz"),
        ] {
            let current = text(source);
            let masked = masked_source(&current);
            assert_eq!(masked, text(shown));
            let back = unmasked_source(&masked, &current).unwrap_or(masked);
            assert_eq!(back, current, "{source}");
        }
        for other in ["https://***@evil.example/list.gz", "https://h.example/…", "https://h.example?…"] {
            let current = text("https://me:secret@h.example/list.gz");
            assert_eq!(unmasked_source(&text(other), &current), None);
            assert!(is_masked_source(other), "{other}");
        }
    }
}
