//! Measures throughput, queue delay and shares of µTP connections on links of all kinds.
//!
//! Each row of the table is a small world of its own with real endpoints and one link. All written bytes must arrive
//! unchanged. The requirements of a row (a short queue, fair shares, capacity for TCP) must hold for any seed. The
//! figures for seed 0 are kept in `tests/snapshots/utp_links.txt`, so that a change of the transport shows its effects.

mod figures;
mod lab;
mod node;
mod reno;
mod rows;
mod way;

use crate::outcome::Failure;
use crate::outcome::Outcome;
use crate::trace::{Subject, Trace};
use fastrand::Rng;
use figures::{Figures, heading};
use lab::Lab;
use node::Content;
use rows::{Row, Senders};
use std::collections::BTreeMap;
use ztor_base::{Duration, Instant};
use ztor_utp::ConnKey;

/// Time in which all written bytes must arrive. The slowest rows write some hundred kilobytes ahead.
const ARRIVES_WITHIN: Duration = Duration::from_secs(1000);
/// Interval between the starts of connections.
const STAGGER: Duration = Duration::from_millis(700);
/// Index of the first receiving node.
const RECEIVER: usize = 1;

/// Measures the rows of the snapshot.
pub(crate) fn table(rng: Rng, is_loud: bool) -> Outcome {
    play(&rows::table(), rng, is_loud)
}

/// Measures more combinations of round-trip time, rate and loss, and for longer.
pub(crate) fn grid(rng: Rng, is_loud: bool) -> Outcome {
    play(&rows::grid(), rng, is_loud)
}

fn play(rows: &[Row], mut rng: Rng, is_loud: bool) -> Outcome {
    let mut trace = Trace::new();
    trace.is_loud = is_loud;
    let content = Content::new();
    let seed = rng.u64(..);
    let mut notes = vec![heading()];
    let (mut took, mut failure) = (Duration::ZERO, None);
    for row in rows {
        // The seed of a row does not depend on earlier rows, so that a new row does not change the others.
        let seed =
            row.name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let (figures, now) = measure(row, &content, seed);
        took += now.since(Instant::ZERO);
        let line = figures.line(row);
        trace.note(now, format_args!("{line}"));
        trace.record(now, Subject::UtpRow, &figures.numbers());
        notes.push(line);
        if let Some(message) = figures.fault(row) {
            let message = format!("{}: {message}", row.name);
            failure.get_or_insert(Failure { at: now, message, about: Vec::new() });
        }
    }
    let story = if failure.is_some() { notes.clone() } else { Vec::new() };
    Outcome { hash: trace.hash(), took, notes, failure, story }
}

fn measure(row: &Row, content: &Content, seed: u64) -> (Figures, Instant) {
    let mut lab = begin(row, content, seed);
    lab.run(row.starts_up);
    let solo = row.has_rival.then(|| rival_alone(row, content, seed));
    if row.has_rival {
        lab.start_rival();
    }
    lab.ways[0].waits_us.clear();
    let before = got(&lab);
    lab.run(row.measured);
    let mut figures = Figures::new(row, std::mem::take(&mut lab.ways[0].waits_us));
    figures.shares =
        got(&lab).iter().map(|(conn, after)| after - before.get(conn).copied().unwrap_or(0)).collect();
    if let Some(solo) = solo {
        figures.rival = Some((lab.rival.take().map_or(0, |rival| rival.delivered), solo));
    }
    lab.nodes.iter_mut().for_each(|node| node.writes = false);
    let missing = |lab: &Lab| sum_written(lab) - got(lab).values().sum::<u64>();
    lab.run_until(lab.now + ARRIVES_WITHIN, |lab| missing(lab) == 0);
    figures.missing = missing(&lab);
    figures.broken = lab.nodes.iter().map(|node| node.broken).sum();
    for stats in lab.nodes.iter().flat_map(node::Node::stats) {
        figures.sent += stats.sent_packets;
        figures.again += stats.retransmitted_packets;
    }
    figures.fault = lab.nodes.iter_mut().find_map(|node| node.fault.take());
    (figures, lab.now)
}

/// Returns a lab with the nodes of a row, all connected and writing.
fn begin(row: &Row, content: &Content, seed: u64) -> Lab {
    let mut lab = Lab::new(row.line, content.clone(), Rng::with_seed(seed));
    let (sender, _) = (lab.add(0), lab.add(row.ppm));
    lab.connect(sender, RECEIVER);
    for _ in 1..row.flows {
        lab.run(STAGGER);
        match row.senders {
            Senders::One => lab.connect(sender, RECEIVER),
            Senders::Many => {
                let (sender, _) = (lab.add(0), lab.add(0));
                lab.connect(sender, RECEIVER);
            }
            Senders::Pairs => {
                let (sender, receiver) = (lab.add(0), lab.add(0));
                lab.connect(sender, receiver);
            }
        }
    }
    lab
}

/// Returns the number of packets that the rival delivers without competition.
fn rival_alone(row: &Row, content: &Content, seed: u64) -> u64 {
    let mut lab = Lab::new(row.line, content.clone(), Rng::with_seed(seed));
    lab.start_rival();
    lab.run(row.measured);
    lab.rival.map_or(0, |rival| rival.delivered)
}

/// Returns the received bytes of each connection, by receiving node.
fn got(lab: &Lab) -> BTreeMap<(usize, ConnKey), u64> {
    let of_node = |(index, node): (usize, &node::Node)| -> Vec<_> {
        node.got.iter().map(|(key, bytes)| ((index, *key), *bytes)).collect()
    };
    lab.nodes.iter().enumerate().flat_map(of_node).collect()
}

fn sum_written(lab: &Lab) -> u64 {
    lab.nodes.iter().flat_map(|node| node.written.values()).sum()
}
