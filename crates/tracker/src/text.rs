//! Foreign text and secret addresses, made fit to be shown.

use url::Url;

/// The longest text of a tracker that is shown, in characters.
const MAX_TEXT: usize = 200;

/// Foreign bytes as one line of text: UTF-8 read leniently, markup-free of control, invisible and
/// direction-changing characters, at most 200 characters.
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

/// The beginning of a body that is not what it should be, for an error message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = plain(&body[..body.len().min(400)]);
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", text[..cut].trim_end()),
        None => text,
    }
}

/// A tracker's address without what may be a secret in it: user names, queries, and parts of the path that look
/// like a passkey. What can't be read as a URL shows nothing of itself.
pub fn redact(url: &str) -> String {
    let Ok(parsed) = Url::parse(url.trim()) else { return "(unreadable address)".to_owned() };
    let Some(host) = parsed.host_str() else { return format!("{}:…", parsed.scheme()) };
    let mut out = format!("{}://{host}", parsed.scheme());
    if let Some(port) = parsed.port() {
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

/// Applies [`redact`] to every URL inside a message, as network libraries like to put them there.
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

/// Usual names, and words too short to keep a secret.
fn is_harmless(part: &str) -> bool {
    const USUAL: [&str; 4] = ["announce", "announce.php", "scrape", "scrape.php"];
    USUAL.contains(&part) || part.len() <= 6
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_not_shown() {
        for (url, shown) in [
            ("http://t.example:8080/announce", "http://t.example:8080/announce"),
            ("https://t.example/announce.php?passkey=0123456789abcdef", "https://t.example/announce.php?…"),
            ("https://t.example/0123456789abcdef0123/announce", "https://t.example/…/announce"),
            ("https://me:pw@t.example/announce", "https://t.example/announce"),
            ("udp://[::1]:6969", "udp://[::1]:6969"),
            ("udp://t.example:80/", "udp://t.example:80"),
            ("not a url with a secret", "(unreadable address)"),
        ] {
            assert_eq!(redact(url), shown);
        }
        assert_eq!(
            redact_urls("error sending request for url (http://t.example/a?key=1): refused (udp://x:1/?k)"),
            "error sending request for url (http://t.example/a?…): refused (udp://x:1?…)"
        );
    }

    #[test]
    fn foreign_text_becomes_one_clean_line() {
        assert_eq!(plain(b"  a\r\n\tb\x00\x1b[31mc  "), "a b [31mc");
        assert_eq!(plain("x\u{202e}y\u{200b}z".as_bytes()), "xyz");
        assert_eq!(plain(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(plain(&[b'a'; 5000]).chars().count(), 201);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(bytes: Vec<u8>, text: String) {
            prop_assert!(plain(&bytes).chars().count() <= MAX_TEXT + 1);
            prop_assert!(!plain(&bytes).chars().any(char::is_control));
            let _ = (redact(&text), redact_urls(&text), excerpt(&bytes));
        }
    }
}
