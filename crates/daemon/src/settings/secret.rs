//! Values with a secret, as front ends get them and return them.

use ztor_api::SettingValue;
use ztor_session::Proxy;

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

/// Returns the value in effect if a front end returns it as it got it. A masked password is not combined with anything
/// else: another host would get it.
pub(super) fn unmasked(given: &SettingValue, current: &SettingValue) -> Option<SettingValue> {
    let SettingValue::Text(text) = given else { return None };
    let is_same = is_masked(text) && masked(current) == masked(given);
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
}
