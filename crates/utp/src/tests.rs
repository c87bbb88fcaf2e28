//! Whole connections over a simulated network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod buffers;
mod congestion;
mod handshake;
mod hostile;
mod paths;
mod stalls;
mod transfer;

use crate::testing::{Link, Net};
use crate::{Config, ConnKey};

/// Opens a connection with a megabyte to send to a peer that reads nothing and has room for `max_receive_bytes`.
fn stuck_reader(max_receive_bytes: usize) -> (Net, ConnKey) {
    let link = Link::default();
    let mut net = Net::new(1, link.clone(), link);
    net.add(Config::default());
    net.add(Config { max_receive_bytes, ..Config::default() });
    net.nodes[1].reads = false;
    let key = net.connect(0, 1);
    net.send(0, key, 1_000_000);
    (net, key)
}
