//! Foreign text and addresses with secrets, made safe to show.

use url::Url;

/// Maximum length of a tracker's text that is shown, in characters.
const MAX_TEXT: usize = 200;

/// Minimum length of a part of a URL that counts as a secret, in characters.
const MIN_SECRET: usize = 6;

/// Minimum length of a word that looks like a key, in bytes.
const MIN_KEY: usize = 16;

/// Converts foreign bytes to one line of text of at most 200 characters. Invalid UTF-8 is replaced. Control characters
/// become spaces; invisible and direction-changing ones are removed.
pub fn plain(bytes: &[u8]) -> String {
    // A character has at most four bytes, so nothing beyond this can be shown.
    let head = &bytes[..bytes.len().min(MAX_TEXT * 8)];
    let mut out = String::new();
    let mut count = 0;
    for c in String::from_utf8_lossy(head).chars() {
        let c = if c.is_whitespace() || c.is_control() { ' ' } else { c };
        if is_invisible(c) || (c == ' ' && (out.is_empty() || out.ends_with(' '))) {
            continue;
        }
        if count == MAX_TEXT {
            out.push('…');
            break;
        }
        out.push(c);
        count += 1;
    }
    out.truncate(out.trim_end().len());
    out
}

/// Returns the start of an unexpected body, for an error message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = plain(&body[..body.len().min(400)]);
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", text[..cut].trim_end()),
        None => text,
    }
}

/// Splits a URL whose port is a number out of range into the URL without a port, and the port.
fn without_port(url: &str) -> Option<(Url, String)> {
    let authority = url.find("://")? + 3;
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    let (host, port) = url[..end].rsplit_once(':')?;
    let is_number = (1..=10).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let parsed = Url::parse(&format!("{host}{}", &url[end..])).ok()?;
    is_number.then(|| (parsed, port.to_owned()))
}

/// Returns a tracker's address without possible secrets: user names, queries, and parts of the path and of the host's
/// name that look like a passkey. Of an invalid URL nothing is shown, unless only the port is out of range.
///
/// ```
/// use ztor_tracker::redact;
///
/// let url = "https://me:pw@t.example/0123456789abcdef/announce?passkey=0123456789abcdef";
/// assert_eq!(redact(url), "https://t.example/…/announce?…");
/// assert_eq!(redact("udp://t.example:6969/announce"), "udp://t.example:6969/announce");
/// assert_eq!(redact("no URL"), "(unreadable address)");
/// ```
pub fn redact(url: &str) -> String {
    redact_by(url, is_harmless)
}

/// Returns the URL of a web seed (BEP 19) without possible secrets, as [`redact`] does for a tracker. Names of files are shown,
/// but not parts of the path that look like a key.
///
/// ```
/// use ztor_tracker::redact_web_seed;
///
/// let url = "https://me:pw@h.example/0123456789abcdef/debian-12.iso?token=x";
/// assert_eq!(redact_web_seed(url), "https://h.example/…/debian-12.iso?…");
/// ```
pub fn redact_web_seed(url: &str) -> String {
    redact_by(url, |part| if part.contains('.') { !has_key(part) } else { !is_key_like(part) })
}

fn redact_by(url: &str, is_harmless: impl Fn(&str) -> bool) -> String {
    let (parsed, bad_port) = match Url::parse(url.trim()) {
        Ok(parsed) => (Some(parsed), None),
        Err(url::ParseError::InvalidPort) => without_port(url.trim()).unzip(),
        Err(_) => (None, None),
    };
    let Some(parsed) = parsed else { return "(unreadable address)".to_owned() };
    let Some(host) = parsed.host_str() else { return format!("{}:…", parsed.scheme()) };
    let host = redact_host(host);
    let mut out = format!("{}://{host}", parsed.scheme());
    if let Some(port) = parsed.port().map(|port| port.to_string()).or(bad_port) {
        out.push_str(&format!(":{port}"));
    }
    let path = parsed.path().trim_start_matches('/');
    if !path.is_empty() {
        for part in path.split('/') {
            out.push('/');
            out.push_str(if is_harmless(part) { part } else { "…" });
        }
    }
    if parsed.query().is_some_and(|q| !q.is_empty()) {
        out.push_str("?…");
    }
    out
}

/// Applies [`redact`] to every URL in a message. Network libraries often put URLs there.
pub fn redact_urls(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = ["http://", "https://", "udp://"].iter().filter_map(|s| rest.find(s)).min() {
        let (before, url) = rest.split_at(at);
        let end = url.find(|c: char| c.is_whitespace() || "()<>\"'`,".contains(c)).unwrap_or(url.len());
        out.push_str(before);
        out.push_str(&redact(&url[..end]));
        rest = &url[end..];
    }
    out.push_str(rest);
    out
}

/// Returns a text from or about the tracker at `url` without the secrets of that URL, and with every URL in it
/// [redacted](redact). Trackers often repeat secrets ("unknown passkey …"), so every warning and error must be redacted
/// before it is shown. Parts of fewer than 6 characters are no secrets.
pub fn redact_echo(text: &str, url: &str) -> String {
    let mut text = redact_urls(text);
    for secret in secrets(url) {
        text = hide(&text, &secret);
    }
    text
}

/// Returns the possible secrets in a URL, both as written and decoded, longer ones first.
fn secrets(url: &str) -> Vec<String> {
    let Ok(url) = Url::parse(url.trim()) else { return Vec::new() };
    let mut found: Vec<String> =
        vec![url.username().to_owned(), url.password().unwrap_or_default().to_owned()];
    found.extend(url.path().split('/').filter(|part| !is_harmless(part)).map(str::to_owned));
    for pair in url.query().unwrap_or_default().split('&') {
        found.push(pair.split_once('=').map_or(pair, |(_, value)| value).to_owned());
    }
    let labels = url.host_str().unwrap_or_default().split('.');
    found.extend(labels.filter(|label| is_key_like(label)).map(str::to_owned));
    let decoded: Vec<_> = found
        .iter()
        .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    found.extend(decoded);
    found.retain(|part| part.chars().count() >= MIN_SECRET);
    found.sort_by_key(|part| std::cmp::Reverse(part.len()));
    found.dedup();
    found
}

/// Replaces every occurrence of a word, in either case, and its start at the end of a text that was cut.
fn hide(text: &str, secret: &str) -> String {
    // Only ASCII changes, so lengths stay the same.
    let (small, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in small.match_indices(&secret) {
        out.push_str(&text[from..at]);
        out.push('…');
        from = at + found.len();
    }
    let rest = &text[from..];
    if let Some(cut) = small[from..].strip_suffix('…') {
        let starts = secret.char_indices().map(|(at, _)| &secret[..at]).skip(MIN_SECRET);
        if let Some(start) = starts.filter(|start| cut.ends_with(start)).last() {
            out.push_str(&rest[..cut.len() - start.len()]);
            out.push('…');
            return out;
        }
    }
    out.push_str(rest);
    out
}

/// Returns true for usual names, and for words too short for a secret.
fn is_harmless(part: &str) -> bool {
    const USUAL: [&str; 6] = ["announce", "announce.php", "scrape", "scrape.php", "tracker", "torrent"];
    USUAL.contains(&part) || part.chars().count() < MIN_SECRET
}

/// Returns the name of a host, which users must recognise, without parts that look like a key.
fn redact_host(host: &str) -> String {
    if host.starts_with('[') {
        return host.to_owned();
    }
    let labels: Vec<_> = host.split('.').map(|label| if is_key_like(label) { "…" } else { label }).collect();
    labels.join(".")
}

/// Returns true for a long label that mixes letters with many digits. Names in other scripts (`xn--`) look like that,
/// too, and are exempt.
fn is_key_like(label: &str) -> bool {
    let digits = label.bytes().filter(u8::is_ascii_digit).count();
    label.len() >= MIN_KEY && digits >= 3 && !label.starts_with("xn--")
}

/// Returns true for a name with a dot in which something looks like a key: a token whose parts are separated by dots, such as a
/// JSON Web Token (RFC 7519), and not the name of a file with its versions.
fn has_key(name: &str) -> bool {
    let is_key = |label: &str| {
        let letters = label.bytes().filter(u8::is_ascii_alphabetic).count();
        // Groups of hexadecimal digits, as in a UUID.
        let bare: String = label.chars().filter(|c| !matches!(c, '-' | '_')).collect();
        let is_hex = bare.len() >= MIN_KEY && letters > 0 && bare.bytes().all(|b| b.is_ascii_hexdigit());
        is_hex || label.starts_with("eyJ") || label.split(|c: char| !c.is_ascii_alphanumeric()).any(is_random)
    };
    name.split('.').any(is_key)
}

/// Returns true for a long word with many digits, or with capitals in the middle over and over, which no language has.
fn is_random(word: &str) -> bool {
    let bytes = word.as_bytes();
    let rises = bytes.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    is_key_like(word) || (bytes.len() >= MIN_KEY && rises.count() >= 4)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn redact_of_urls_with_secrets_hides_them() {
        for (url, shown) in [
            ("http://t.example:8080/announce", "http://t.example:8080/announce"),
            ("https://t.example/announce.php?passkey=0123456789abcdef", "https://t.example/announce.php?…"),
            ("https://t.example/0123456789abcdef0123/announce", "https://t.example/…/announce"),
            ("https://me:pw@t.example/announce", "https://t.example/announce"),
            ("https://t.example/abcde/ab12cd/announce", "https://t.example/abcde/…/announce"),
            ("http://0123456789abcdef.t.example/announce", "http://….t.example/announce"),
            (
                "http://a-name-with-many-words.t.example/announce",
                "http://a-name-with-many-words.t.example/announce",
            ),
            ("udp://[::1]:6969", "udp://[::1]:6969"),
            ("udp://[2001:db8:1234:5678:9abc::1]:6969", "udp://[2001:db8:1234:5678:9abc::1]:6969"),
            ("udp://t.example:80/", "udp://t.example:80"),
            ("not a url with a secret", "(unreadable address)"),
            ("http://me:pw@t.example:99999/announce?key=1", "http://t.example:99999/announce?…"),
            ("http://t.example:secret/announce", "(unreadable address)"),
        ] {
            assert_eq!(redact(url), shown);
        }
        assert!(is_key_like("abcdefghijklm123") && !is_key_like("xn--abcdefghi123456"));
        assert_eq!(
            redact_urls("error sending request for url (http://t.example/a?key=1): refused (udp://x:1/?k)"),
            "error sending request for url (http://t.example/a?…): refused (udp://x:1?…)"
        );
    }

    #[test]
    fn redact_web_seed_shows_names_of_files_and_hides_tokens_with_dots() {
        let shown = |part: &str| !redact_web_seed(&format!("http://h.example/{part}/b")).contains('…');
        for name in [
            "debian-12.5.0-amd64-netinst.iso",
            "Fedora-Workstation-Live-x86_64-40-1.14.iso",
            "ubuntu-24.04.1-desktop-amd64.iso",
            "archlinux-2024.05.01-x86_64.iso",
            "2024-05-01-12-34-56-789.mkv",
            "A%20Long%20Name%20With%20Words.tar.gz",
            "README.md",
        ] {
            assert!(shown(name), "{name}");
        }
        for token in [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
            "eyJhIjoxfQ.e30.x",
            "user.0123456789abcdef",
            "0123456789abcdef.iso",
            "550e8400-e29b-41d4-a716-446655440000.me",
            "v1.SflKxwRJSMeKKFQTfwpMeJfPOkyJV-adQssw.c",
        ] {
            assert!(!shown(token), "{token}");
        }
        // The name of the file itself may be a token, too.
        assert_eq!(redact_web_seed("http://h.example/a/user.0123456789abcdef"), "http://h.example/a/…");
    }

    #[test]
    fn redact_echo_of_repeated_secrets_hides_them() {
        let url =
            "https://user12:pw%201234@t.example/Abcdef0123/announce.php?passkey=0123%2f6789&x=short&bare12";
        for (text, shown) in [
            ("passkey ABCDEF0123 is unknown", "passkey … is unknown"),
            ("no 0123/6789, no 0123%2F6789", "no …, no …"),
            ("user12 with pw 1234 or bare12", "… with … or …"),
            ("announce.php is short of x=short", "announce.php is short of x=short"),
            ("see http://t.example/Abcdef0123/help", "see http://t.example/…/help"),
            ("cut off: abcdef0…", "cut off: …"),
            ("abcdef0123abcdef0123", "……"),
            ("", ""),
        ] {
            assert_eq!(redact_echo(text, url), shown);
        }
        assert_eq!(redact_echo("anything", "rubbish"), "anything");
        assert_eq!(
            redact_echo("the tracker says: no", "http://t.example/tracker/announce"),
            "the tracker says: no"
        );
        // Letters that change their length with their case are not split.
        assert_eq!(redact_echo("İİ ſecret1 secret1", "http://t.example/secret1"), "İİ ſecret1 …");
    }

    #[test]
    fn plain_of_foreign_text_is_one_clean_line() {
        assert_eq!(plain(b"  a\r\n\tb\x00\x1b[31mc  "), "a b [31mc");
        assert_eq!(plain("x\u{202e}y\u{200b}z".as_bytes()), "xyz");
        assert_eq!(plain(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(plain(&[b'a'; 5000]).chars().count(), 201);
    }

    proptest! {
        #[test]
        fn redaction_of_any_text_hides_secrets(bytes: Vec<u8>, text: String) {
            prop_assert!(plain(&bytes).chars().count() <= MAX_TEXT + 1);
            prop_assert!(!plain(&bytes).chars().any(char::is_control));
            let _ = (redact(&text), redact_urls(&text), excerpt(&bytes));
            let url = format!("http://t.example/{text}/x?k={text}");
            let echo = redact_echo(&text, &url);
            prop_assert!(text.chars().count() < 6 || secrets(&url).iter().all(|secret| !echo.contains(secret)));
        }
    }
}
