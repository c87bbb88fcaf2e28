//! Hot operations of the IP filter.

use fastrand::Rng;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use ztor_engine::{IpRange, IpTable};

/// Number of look-ups of one run.
const LOOK_UPS: usize = 1000;

/// Looks up addresses in a list of `count` ranges, of which about a third are in it.
pub(crate) fn look_up(count: u32) -> Box<dyn FnMut()> {
    let mut rng = Rng::with_seed(1);
    let table: IpTable = ranges(&mut rng, count).collect();
    let mut addrs: Vec<IpAddr> = Vec::with_capacity(1 << 20);
    addrs.resize_with(1 << 20, || Ipv4Addr::from(rng.u32(..)).into());
    let mut at = 0;
    Box::new(move || {
        // Other addresses in each run, so that the processor has not cached their places.
        at = if at + LOOK_UPS > addrs.len() { 0 } else { at };
        let hits = addrs[at..at + LOOK_UPS].iter().filter(|ip| table.has(**ip)).count();
        at += LOOK_UPS;
        black_box(hits);
    })
}

/// Reads a list of `count` ranges in P2P format.
pub(crate) fn read(count: u32) -> Box<dyn FnMut()> {
    let mut rng = Rng::with_seed(1);
    let mut list = String::new();
    for range in ranges(&mut rng, count) {
        list += &format!("Some network:{}-{}\n", range.first(), range.last());
    }
    Box::new(move || {
        black_box(ztor_session::ip_filter::read(list.as_bytes()).is_ok());
    })
}

/// Returns ranges of up to 8192 addresses, spread over all.
fn ranges(rng: &mut Rng, count: u32) -> impl Iterator<Item = IpRange> + '_ {
    let step = u32::MAX / count;
    (0..count).filter_map(move |n| {
        let first = n * step;
        let last = first + rng.u32(..step.min(8192));
        IpRange::new(Ipv4Addr::from(first).into(), Ipv4Addr::from(last).into())
    })
}
