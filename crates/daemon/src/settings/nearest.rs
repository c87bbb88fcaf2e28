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
    let near = names.map(|name| (distance(&text, name), name)).filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Returns the number of characters to insert, remove, replace or swap with their neighbour between two texts.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_each_kind_of_change_once() {
        for (a, b, count) in [
            ("port", "port", 0),
            ("prot", "port", 1),
            ("por", "port", 1),
            ("", "dht", 3),
            ("bind", "find", 1),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (count, count), "{a} {b}");
        }
    }

    #[test]
    fn nearest_of_an_unrelated_text_is_none() {
        let names = ["max_downloads", "port", "dht"];
        assert_eq!(nearest("Max-Downlods", names.into_iter()), Some("max_downloads"));
        assert_eq!(nearest("pord", names.into_iter()), Some("port"));
        for text in ["token", "", &"x".repeat(50)] {
            assert_eq!(nearest(text, names.into_iter()), None, "{text}");
        }
    }
}
