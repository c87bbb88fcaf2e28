//! Addresses in place of names that only a proxy may resolve.
//!
//! The engine and the DHT deal in addresses. A name that must not be looked up here gets one of the range for benchmarks
//! (RFC 2544), which no host has. The relay replaces it by the name again; nothing else is ever sent to such an address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of names. The oldest is forgotten for a new one.
const MAX_NAMES: u32 = 4096;
/// First address of 198.18.0.0/15.
const BASE: u32 = 0xc612_0000;
const MASK: u32 = 0xfffe_0000;

/// The names and their addresses, which clones share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aliases(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    /// Position of each name in `names`.
    positions: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    /// Position of the oldest name.
    oldest: u32,
}

/// Returns true for an address that may be an alias.
pub(crate) fn is_alias(ip: IpAddr) -> bool {
    matches!(ip.to_canonical(), IpAddr::V4(ip) if u32::from(ip) & MASK == BASE)
}

impl Aliases {
    /// Returns the address in place of a name; the address itself if it is one.
    pub(crate) fn alias_of(&self, host: &str) -> IpAddr {
        if let Ok(ip) = host.parse() {
            return ip;
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = book.positions.get(host.as_str()) {
            return address(*position);
        }
        let name: Arc<str> = host.into();
        let position = if (book.names.len() as u32) < MAX_NAMES {
            book.names.push(Arc::clone(&name));
            book.names.len() as u32 - 1
        } else {
            let position = book.oldest;
            book.oldest = (position + 1) % MAX_NAMES;
            if let Some(old) =
                book.names.get_mut(position as usize).map(|old| std::mem::replace(old, Arc::clone(&name)))
            {
                book.positions.remove(&old);
            }
            position
        };
        book.positions.insert(name, position);
        address(position)
    }

    /// Returns the name that an address stands for; `None` if it is no alias, or is forgotten.
    pub(crate) fn name_of(&self, ip: IpAddr) -> Option<Arc<str>> {
        let IpAddr::V4(ip) = ip.to_canonical() else { return None };
        let position = u32::from(ip).checked_sub(BASE + 1)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).names.get(position as usize).cloned()
    }
}

fn address(position: u32) -> IpAddr {
    Ipv4Addr::from(BASE + 1 + position).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use ztor_base::addr::{is_dialable, is_local};

    #[test]
    fn alias_of_a_name_leads_back_to_it_and_is_usable_by_the_engine() {
        let aliases = Aliases::default();
        let one = aliases.alias_of("Tracker.Example.");
        assert!(is_alias(one) && !is_local(one) && is_dialable((one, 80).into()));
        assert_eq!(aliases.alias_of("tracker.example"), one);
        assert_eq!(aliases.name_of(one).as_deref(), Some("tracker.example"));
        assert_ne!(aliases.alias_of("other.example"), one);
        assert_eq!(aliases.alias_of("192.0.2.1"), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(aliases.name_of([192, 0, 2, 1].into()), None);
        assert_eq!(aliases.name_of([198, 19, 0, 1].into()), None);
    }

    #[test]
    fn alias_of_more_names_than_are_kept_forgets_the_oldest() {
        let aliases = Aliases::default();
        let first = aliases.alias_of("0.example");
        for n in 1..=MAX_NAMES {
            assert!(is_alias(aliases.alias_of(&format!("{n}.example"))));
        }
        assert_eq!(aliases.name_of(first).as_deref(), Some(&*format!("{MAX_NAMES}.example")));
        assert_ne!(aliases.alias_of("0.example"), first);
    }
}
