//! Credentials in headers.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE};
use data_encoding::{BASE64, BASE64_NOPAD};

/// Name of the cookie of a session.
pub(crate) const COOKIE_NAME: &str = "ztor_session";
/// Maximum number of cookies with that name that are looked at: a browser may have one for each path.
const MAX_COOKIES: usize = 4;

/// Credentials in the header `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A token.
    Bearer(String),
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// Something else.
    Malformed,
}

/// Returns the credentials in the headers; `None` without the header. Several headers are malformed.
pub(crate) fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some(Credentials::Malformed);
    }
    Some(value.to_str().ok().and_then(parse).unwrap_or(Credentials::Malformed))
}

fn parse(value: &str) -> Option<Credentials> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = BASE64.decode(rest.as_bytes()).or_else(|_| BASE64_NOPAD.decode(rest.as_bytes()));
    let text = String::from_utf8(bytes.ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Credentials::Basic { username: username.to_owned(), password: password.to_owned() })
}

/// Returns the values of the session's cookie.
pub(crate) fn cookies(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let ours = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value.trim_matches('"'));
    ours.take(MAX_COOKIES).collect()
}

/// Returns the value of `Set-Cookie` that begins a session, or ends it without a secret.
///
/// The browser keeps the cookie as long as it can: the daemon decides when the session ends.
pub(crate) fn set_cookie(secret: Option<&str>, base_path: &str, is_secure: bool) -> String {
    let path = if base_path.is_empty() { "/" } else { base_path };
    let secure = if is_secure { "; Secure" } else { "" };
    let (secret, age) = match secret {
        Some(secret) => (secret, MAX_COOKIE_AGE_S),
        None => ("", 0),
    };
    format!("{COOKIE_NAME}={secret}; HttpOnly; SameSite=Strict; Path={path}; Max-Age={age}{secure}")
}

/// Longest time for which browsers keep a cookie: 400 days.
const MAX_COOKIE_AGE_S: u32 = 400 * 24 * 3600;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn of(values: &[&str]) -> Option<Credentials> {
        credentials(&headers(AUTHORIZATION, values))
    }

    #[test]
    fn credentials_are_bearer_or_basic() {
        let basic = |username: &str, password: &str| {
            Some(Credentials::Basic { username: username.into(), password: password.into() })
        };
        assert!(of(&[]).is_none());
        assert!(of(&["Bearer ztor_a"]) == Some(Credentials::Bearer("ztor_a".into())));
        assert!(of(&["basic YTpiOmM="]) == basic("a", "b:c"));
        assert!(of(&["Basic YTpiOmM"]) == basic("a", "b:c"));
        assert!(of(&["Basic Og=="]) == basic("", ""));
        for bad in ["", "Basic", "Basic YQ==", "Basic ***", "Basic /w==", "Digest a", "Bearer"] {
            assert!(of(&[bad]) == Some(Credentials::Malformed), "{bad}");
        }
        assert!(of(&["Bearer a", "Bearer a"]) == Some(Credentials::Malformed));
    }

    #[test]
    fn cookies_are_those_of_the_session() {
        let headers =
            headers(COOKIE, &["a=b; ztor_session=one;ztor_session=\"two\"", "ztor_session=three; x"]);
        assert_eq!(cookies(&headers), ["one", "two", "three"]);
        let many = "ztor_session=a;".repeat(100);
        assert_eq!(cookies(&self::headers(COOKIE, &[&many])).len(), MAX_COOKIES);
    }

    #[test]
    fn set_cookie_is_http_only_strict_and_secure_over_tls() {
        let cookie = set_cookie(Some("abc"), "", false);
        assert_eq!(cookie, "ztor_session=abc; HttpOnly; SameSite=Strict; Path=/; Max-Age=34560000");
        let cookie = set_cookie(None, "/ztor", true);
        assert_eq!(cookie, "ztor_session=; HttpOnly; SameSite=Strict; Path=/ztor; Max-Age=0; Secure");
    }

    proptest! {
        #[test]
        fn parse_of_any_text_does_not_panic(text in ".{0,80}", base64 in "[a-zA-Z0-9+/=]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("Basic {base64}"));
        }
    }
}
