//! Store of the items of other nodes (BEP 44).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ztor_base::{Duration, Host, Instant};

use crate::krpc::{Fault, code};
use crate::{Item, ItemError, NodeId};

/// Time for which an item is kept after it was last stored (BEP 44).
const ITEM_LIFE: Duration = Duration::from_secs(2 * 60 * 60);
/// Maximum number of items of one host, so that it cannot fill the store.
const MAX_OF_HOST: usize = 100;
/// Maximum number of items; with values of at most 1000 bytes about a megabyte.
const MAX_ITEMS: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct ItemStore {
    items: BTreeMap<NodeId, Stored>,
}

#[derive(Debug)]
struct Stored {
    item: Item,
    /// Host that stored it first.
    host: Host,
    expires: Instant,
}

impl ItemStore {
    pub(crate) fn get(&self, now: Instant, target: NodeId) -> Option<&Item> {
        self.items.get(&target).filter(|stored| now < stored.expires).map(|stored| &stored.item)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Stores an item that follows the rules of BEP 44. Without room, it replaces the item farthest from `own`.
    ///
    /// # Errors
    /// The error for the node that sent it.
    pub(crate) fn put(
        &mut self,
        now: Instant,
        own: NodeId,
        from: IpAddr,
        item: Item,
        cas: Option<i64>,
    ) -> Result<(), Fault> {
        let target = item.target();
        let mut host = Host::of(from);
        if let Some(stored) = self.get(now, target) {
            // Before the signature, which is expensive to check.
            check_order(stored, &item, cas)?;
        }
        item.verify().map_err(fault)?;
        if let Some(stored) = self.items.get(&target) {
            host = stored.host;
        } else if self.items.values().filter(|stored| stored.host == host).count() >= MAX_OF_HOST {
            return Err(Fault::new(code::SERVER, "no room for more items of this host"));
        } else if self.items.len() >= MAX_ITEMS {
            let farthest = self.items.keys().copied().max_by_key(|id| own.distance(*id));
            match farthest.filter(|id| own.distance(*id) > own.distance(target)) {
                Some(farthest) => drop(self.items.remove(&farthest)),
                None => return Err(Fault::new(code::SERVER, "no room for more items")),
            }
        }
        self.items.insert(target, Stored { item, host, expires: now + ITEM_LIFE });
        Ok(())
    }

    /// Drops items that were not stored again in time.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.items.retain(|_, stored| now < stored.expires);
    }
}

/// Checks that `new` may replace `stored`.
pub(crate) fn check_order(stored: &Item, new: &Item, cas: Option<i64>) -> Result<(), Fault> {
    let (Some(stored_seq), Some(seq)) = (stored.seq(), new.seq()) else { return Ok(()) };
    if cas.is_some_and(|cas| cas != stored_seq) {
        return Err(Fault::new(code::CAS_MISMATCH, "the stored sequence number does not match"));
    }
    if seq < stored_seq || seq == stored_seq && new.value() != stored.value() {
        return Err(Fault::new(code::SEQ_TOO_LOW, "the stored sequence number is not lower"));
    }
    Ok(())
}

fn fault(error: ItemError) -> Fault {
    let code = match error {
        ItemError::ValueTooLong { .. } => code::TOO_BIG,
        ItemError::SaltTooLong { .. } => code::SALT_TOO_BIG,
        ItemError::BadSignature => code::BAD_SIGNATURE,
        ItemError::NotBencode(_) | ItemError::NegativeSeq(_) | ItemError::BadSeed => code::PROTOCOL,
    };
    Fault::new(code, &error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const OWN: NodeId = NodeId::new([0; 20]);

    fn item(seq: i64, value: &[u8]) -> Item {
        Item::sign(&[7; 32], b"s".to_vec(), seq, value.to_vec()).unwrap()
    }

    fn put(store: &mut ItemStore, item: Item, cas: Option<i64>) -> Result<(), i64> {
        put_from(store, 1, item, cas)
    }

    fn put_from(store: &mut ItemStore, host: u32, item: Item, cas: Option<i64>) -> Result<(), i64> {
        let host = IpAddr::from(host.to_be_bytes());
        store.put(Instant::ZERO, OWN, host, item, cas).map_err(|fault| fault.code)
    }

    #[test]
    fn put_of_an_older_version_is_refused() {
        let mut store = ItemStore::default();
        // Without a stored item, `cas` is ignored.
        assert_eq!(put(&mut store, item(3, b"i1e"), Some(9)), Ok(()));
        assert_eq!(put(&mut store, item(3, b"i1e"), None), Ok(()));
        assert_eq!(put(&mut store, item(3, b"i2e"), None), Err(302));
        assert_eq!(put(&mut store, item(2, b"i2e"), None), Err(302));
        assert_eq!(put(&mut store, item(4, b"i2e"), Some(2)), Err(301));
        assert_eq!(put(&mut store, item(4, b"i2e"), Some(3)), Ok(()));
        let target = item(4, b"i2e").target();
        assert_eq!(store.get(Instant::ZERO, target), Some(&item(4, b"i2e")));
        let end = Instant::ZERO + ITEM_LIFE;
        assert_eq!(store.get(end, target), None);
        store.expire(end);
        assert_eq!(store.len(), 0);
    }

    #[test]
    fn put_of_an_invalid_item_has_its_error_code() {
        let mut store = ItemStore::default();
        let long = Item::Immutable { value: vec![b'x'; 1001] };
        assert_eq!(put(&mut store, long, None), Err(205));
        assert_eq!(put(&mut store, Item::Immutable { value: b"x".to_vec() }, None), Err(203));
        let forged = Item::Mutable {
            key: [1; 32],
            salt: Vec::new(),
            seq: 1,
            signature: [0; 64],
            value: b"i1e".to_vec(),
        };
        assert_eq!(put(&mut store, forged, None), Err(206));
        let salted = Item::Mutable {
            key: [1; 32],
            salt: vec![0; 65],
            seq: 1,
            signature: [0; 64],
            value: b"i1e".to_vec(),
        };
        assert_eq!(put(&mut store, salted, None), Err(207));
        assert_eq!(store.len(), 0);
    }

    #[test]
    fn put_of_many_items_keeps_the_bounds() {
        let mut store = ItemStore::default();
        let number = |n: u32| Item::Immutable { value: format!("i{n}e").into_bytes() };
        let of_one = (0..500).filter(|n| put_from(&mut store, 1, number(*n), None).is_ok());
        assert_eq!(of_one.count(), MAX_OF_HOST);
        for n in 0..MAX_ITEMS as u32 * 2 {
            let _ = put_from(&mut store, n, number(n), None);
        }
        assert_eq!(store.len(), MAX_ITEMS);
    }
}
