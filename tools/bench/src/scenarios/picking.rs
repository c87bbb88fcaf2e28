//! An engine with a torrent of 100,000 pieces and 500 peers that have half of them each. Ends within a minute.

use crate::figure::Report;
use crate::usage;
use bytes::Bytes;
use std::path::Path;
use std::time::{Duration, Instant};
use ztor_bench::swarm::Swarm;
use ztor_bench::torrents;
use ztor_engine::{Bitfield, PeerKey};
use ztor_wire::Message;

const PIECES: u32 = 100_000;
const PEERS: usize = 500;
const PIECE_LENGTH: u32 = 256 * 1024;
const HAVES: usize = 200_000;
/// Number of haves in one read.
const HAVES_PER_READ: usize = 20;
const BLOCKS: usize = 200_000;
const BLOCKS_PER_READ: usize = 15;
const LIMIT: Duration = Duration::from_secs(15);

pub(crate) fn run(_: &Path, report: &mut Report) -> anyhow::Result<()> {
    let meta = torrents::made_up("large", PIECES, PIECE_LENGTH);
    let resident = usage::resident_bytes();
    let mut swarm = Swarm::new(&meta, Bitfield::new(PIECES), PEERS);
    swarm.take_spent();
    let halves: Vec<Bytes> = (0..PEERS).map(|_| Bytes::from(swarm.random_half().to_wire())).collect();
    for half in halves {
        swarm.join(&[Message::Bitfield(half)])?;
        swarm.settle();
    }
    report.add("join", us(swarm.take_spent()) / PEERS as f64, "us", "a peer with a bitfield, and a turn");

    let mut rng = fastrand::Rng::with_seed(9);
    for _ in 0..HAVES / HAVES_PER_READ {
        let haves: Vec<Message> =
            (0..HAVES_PER_READ).map(|_| Message::Have { piece: rng.u32(..PIECES) }).collect();
        swarm.say(swarm.peers[rng.usize(..PEERS)], &haves);
        swarm.settle();
    }
    report.add(
        "have",
        us(swarm.take_spent()) * 1000.0 / HAVES as f64,
        "ns",
        "in reads of 20, with their turns",
    );

    for at in 0..PEERS {
        swarm.say(swarm.peers[at], &[Message::Unchoke]);
        swarm.settle();
    }
    report.add("unchoke", us(swarm.take_spent()) / PEERS as f64, "us", "and the first requests");
    let (begun, mut given, mut turn) = (Instant::now(), 0, 0);
    while given < BLOCKS && begun.elapsed() < LIMIT {
        swarm.wait(Duration::from_micros(200));
        given += swarm.give(swarm.peers[turn % PEERS], BLOCKS_PER_READ);
        swarm.settle();
        turn += 1;
    }
    let note = "a block in, another requested; pieces verified and announced to all peers";
    report.add("block", us(swarm.take_spent()) * 1000.0 / given.max(1) as f64, "ns", note);
    report.add("blocks", given as f64, "", "");
    let resident = usage::resident_bytes().saturating_sub(resident);
    report.add("resident", resident as f64 / 1048576.0, "MiB", "peers' side of the benchmark included");

    let leaving: Vec<PeerKey> = swarm.peers.iter().copied().take(100).collect();
    for key in &leaving {
        swarm.leave(*key);
        swarm.settle();
    }
    report.add("leave", us(swarm.take_spent()) / leaving.len() as f64, "us", "a connection ends, and a turn");
    Ok(())
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
