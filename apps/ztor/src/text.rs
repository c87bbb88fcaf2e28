//! Escaping of foreign text for terminals and JSON.

use std::fmt;

/// A foreign string (a name in a torrent, a tracker's message), escaped for a terminal. Control characters, which
/// could move the cursor or retitle the window, and characters that reorder or hide text are printed as `\u{..}`.
pub(crate) struct Escaped<'a>(pub &'a str);

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
pub(crate) fn clean_lines(text: &str) -> String {
    text.split('\n').map(|line| Escaped(line).to_string()).collect::<Vec<_>>().join("\n")
}

/// Serialises to one line of JSON that is safe to print: serde_json escapes only the controls below U+0020,
/// and some terminals obey those of U+0080–U+009F as well.
pub(crate) fn json_line(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let line = serde_json::to_string(value)?;
    if !line.contains(is_harmful) {
        return Ok(line);
    }
    let mut safe = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        // Such characters occur only inside strings, where the escape has the same meaning. All are below U+10000.
        if is_harmful(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    Ok(safe)
}

/// Serialises a path as text. Bytes that are not UTF-8 become U+FFFD, because JSON cannot represent them.
pub(crate) fn lossy_path<S: serde::Serializer>(path: &std::path::Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
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
    fn json_line_of_harmful_characters_keeps_the_value() {
        let text = "x\u{9b}31m\u{7f}\u{202e}\n";
        let line = json_line(&text).unwrap();
        assert!(line.chars().all(|c| !is_harmful(c)));
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
