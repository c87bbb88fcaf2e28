//! Foreign text, such as names of torrents and messages of trackers, made harmless.

use std::borrow::Cow;
use std::fmt;
use ztor_api::{Proxy, ProxyState};

/// A foreign string (a name in a torrent, a tracker's message), escaped for a terminal. Control characters, which
/// could move the cursor or retitle the window, and characters that reorder or hide text are printed as `\u{..}`.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains(is_harmful) {
            return f.pad(self.0);
        }
        let mut clean = String::with_capacity(self.0.len() + 16);
        for c in self.0.chars() {
            if is_harmful(c) {
                clean.extend(c.escape_unicode());
            } else {
                clean.push(c);
            }
        }
        f.pad(&clean)
    }
}

/// Escapes every harmful character except line breaks, which the program's own messages have.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(|line| Escaped(line).to_string()).collect::<Vec<_>>().join("\n")
}

/// Returns a text for a window or a cell, in which each harmful character is the replacement character. It has as many
/// characters as before.
pub fn cleaned(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect())
}

/// Returns the state of the proxy in words.
pub fn proxy_text(proxy: &Proxy) -> String {
    match (proxy.state, &proxy.problem, &proxy.no_datagrams) {
        (ProxyState::Down, problem, _) => {
            format!("down, nothing is sent: {}", cleaned(problem.as_deref().unwrap_or("no answer")))
        }
        (ProxyState::Up, _, None) => "up".to_owned(),
        (ProxyState::Up, _, Some(why)) => format!("up, without µTP, DHT and UDP trackers: {}", cleaned(why)),
        _ => "connecting".to_owned(),
    }
}

/// Returns true for control characters, and those that reorder or hide text.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_of_harmful_characters_escapes_them() {
        assert_eq!(Escaped("a\x1b[2Jb").to_string(), "a\\u{1b}[2Jb");
        assert_eq!(Escaped("exe.\u{202e}fdp").to_string(), "exe.\\u{202e}fdp");
        assert_eq!(Escaped("naïve – 日本").to_string(), "naïve – 日本");
        assert_eq!(clean_lines("a\nb\r"), "a\nb\\u{d}");
    }

    #[test]
    fn cleaned_replaces_what_would_move_or_hide_text() {
        assert_eq!(cleaned("exe.\u{202e}fdp\n"), "exe.\u{fffd}fdp\u{fffd}");
        assert!(matches!(cleaned("naïve – 日本 🙂"), Cow::Borrowed(_)));
    }
}
