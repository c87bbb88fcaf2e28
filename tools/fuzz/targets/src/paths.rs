use std::path::{Component, Path};

use ztor_metainfo::paths::{MAX_ELEMENT_LEN, Naming, safe_element};

/// Every element of a path made safe, in both namings.
pub fn paths(data: &[u8]) {
    for raw in data.split(|&byte| byte == 0).chain([data]) {
        for naming in [Naming::Portable, Naming::Native] {
            let safe = safe_element(raw, naming);
            assert_safe(&safe);
            assert_eq!(safe_element(safe.as_bytes(), naming), safe, "safe once is safe for good");
        }
    }
}

/// What may never be in an element of a path.
pub(crate) fn assert_safe(element: &str) {
    assert!(!element.is_empty() && element.len() <= MAX_ELEMENT_LEN, "{} bytes", element.len());
    let mut components = Path::new(element).components();
    assert!(
        matches!(components.next(), Some(Component::Normal(name)) if name == element)
            && components.next().is_none(),
        "{element:?} is not one plain element"
    );
    let forbidden = |c: char| {
        c.is_control()
            || matches!(c, '/' | '\\' | '\u{61c}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    assert!(!element.contains(forbidden), "{element:?}");
}
