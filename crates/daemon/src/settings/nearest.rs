//! Suggestions for misspelt names.

/// Maximum length of a name that gets a suggestion, in bytes. It bounds the work.
const MAX_LEN: usize = 40;

/// Returns the name that is most similar to a text; `None` if more than a third of it would have to change.
pub(super) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > MAX_LEN {
        return None;
    }
    let text = text.to_ascii_lowercase().replace('-', "_");
    let most = (text.chars().count() / 3).max(1);
    let near =
        names.map(|name| (strsim::osa_distance(&text, name), name)).filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_of_an_unrelated_text_is_none() {
        let names = ["max_downloads", "port", "dht"];
        assert_eq!(nearest("Max-Downlods", names.into_iter()), Some("max_downloads"));
        // Neighbours in the wrong order are one mistake.
        assert_eq!(nearest("prot", names.into_iter()), Some("port"));
        assert_eq!(nearest("pord", names.into_iter()), Some("port"));
        for text in ["token", "", &"x".repeat(50)] {
            assert_eq!(nearest(text, names.into_iter()), None, "{text}");
        }
    }
}
