//! Foreign text in JSON.

use ztor_view::text::is_harmful;

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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn json_line_of_harmful_characters_keeps_the_value() {
        let text = "x\u{9b}31m\u{7f}\u{202e}\n";
        let line = json_line(&text).unwrap();
        assert!(line.chars().all(|c| !is_harmful(c)));
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
