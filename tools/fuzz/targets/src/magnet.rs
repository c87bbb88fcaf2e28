use ztor_metainfo::{MAX_MAGNET_LEN, MAX_SALT_LEN, Magnet, Publisher, announced_hash, announced_value};

use crate::paths::assert_safe;
use ztor_metainfo::paths::Naming;

/// Checks a magnet link: it is the same after it is written and read again.
pub fn magnet(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<Publisher>() {
        Ok(publisher) => {
            assert!(publisher.salt.len() <= MAX_SALT_LEN);
            assert_eq!(publisher.to_string().parse(), Ok(publisher));
        }
        Err(error) => crate::assert_plain(&error.to_string()),
    }
    if let Some(hash) = announced_hash(data) {
        assert_eq!(announced_hash(&announced_value(hash)), Some(hash));
    }
    let magnet = match text.parse::<Magnet>() {
        Ok(magnet) => magnet,
        Err(error) => return crate::assert_plain(&error.to_string()),
    };
    if let Some(name) = &magnet.name {
        assert_safe(name, Naming::Portable);
    }
    let _ = magnet.selects(0) || magnet.selects(usize::MAX);
    let written = magnet.to_string();
    assert!(written.is_ascii() && !written.contains(|c: char| c.is_whitespace() || c.is_control()));
    if written.len() <= MAX_MAGNET_LEN {
        assert_eq!(written.parse(), Ok(magnet));
    }
}
