//! µTP over links of all kinds: how much gets through, how long the queue becomes, and who gets how much of it.
//!
//! Each row of the table is a small world of its own with real endpoints, one link and nothing else. Everything that
//! was written has to arrive as it was written, and what is promised of a row (a short queue, fair shares, room for
//! TCP) has to hold, whatever the seed. The numbers themselves are kept for seed 0 in
//! `tests/snapshots/utp_links.txt`, so that a change of the transport shows what it does to them.

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

/// By then all that was written has to be there. The slowest rows write some hundred kilobytes ahead.
const ARRIVES_WITHIN: Duration = Duration::from_secs(1000);
/// Between the beginnings of two connections.
const STAGGER: Duration = Duration::from_millis(700);
/// Node that receives, or the first of them.
const RECEIVER: usize = 1;

/// The rows of the snapshot.
pub(crate) fn table(rng: Rng, is_loud: bool) -> Outcome {
    play(&rows::table(), rng, is_loud)
}

/// Every combination of round trip, rate and loss, and for longer.
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
        // A row does not depend on those before it, so that one can be added without changing the others.
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

/// Nodes as the row wants them, all connected and writing.
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

/// What the rival gets of the line if nobody else is there.
fn rival_alone(row: &Row, content: &Content, seed: u64) -> u64 {
    let mut lab = Lab::new(row.line, content.clone(), Rng::with_seed(seed));
    lab.start_rival();
    lab.run(row.measured);
    lab.rival.map_or(0, |rival| rival.delivered)
}

/// Bytes that each connection brought, by the node that received them.
fn got(lab: &Lab) -> BTreeMap<(usize, ConnKey), u64> {
    let of_node = |(index, node): (usize, &node::Node)| -> Vec<_> {
        node.got.iter().map(|(key, bytes)| ((index, *key), *bytes)).collect()
    };
    lab.nodes.iter().enumerate().flat_map(of_node).collect()
}

fn sum_written(lab: &Lab) -> u64 {
    lab.nodes.iter().flat_map(|node| node.written.values()).sum()
}
