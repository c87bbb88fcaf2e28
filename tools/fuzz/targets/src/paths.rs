use std::path::{Component, Path};

use ztor_metainfo::paths::{MAX_ELEMENT_LEN, Naming, safe_element};

/// Checks that every element of a path is made safe, in every naming.
pub fn paths(data: &[u8]) {
    for raw in data.split(|&byte| byte == 0).chain([data]) {
        for naming in [Naming::Portable, Naming::Native, Naming::Exact, Naming::Former] {
            let safe = safe_element(raw, naming);
            assert_safe(&safe, naming);
            assert_eq!(safe_element(safe.as_bytes(), naming), safe, "a safe element was changed");
        }
    }
}

/// Panics on anything that may never be in an element of a path.
pub(crate) fn assert_safe(element: &str, naming: Naming) {
    assert!(!element.is_empty() && element.len() <= MAX_ELEMENT_LEN, "{} bytes", element.len());
    let mut components = Path::new(element).components();
    assert!(
        matches!(components.next(), Some(Component::Normal(name)) if name == element)
            && components.next().is_none(),
        "{element:?} is not one plain element"
    );
    let is_harmful =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_invisible = |c: char| matches!(c, '\\' | '\u{61c}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}');
    let (may_harm, may_hide) = match naming {
        Naming::Exact => (true, true),
        Naming::Native => (false, true),
        Naming::Portable | Naming::Former => (false, false),
    };
    assert!(!element.contains(['/', '\0']), "{element:?}");
    assert!(may_harm || !element.contains(is_harmful), "{element:?}");
    assert!(may_hide || !element.contains(is_invisible), "{element:?}");
}
