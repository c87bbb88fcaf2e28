//! Two hundred peers that download as fast as a session can send, and discard the data. Ends within a minute.

use super::files::{torrent, wait_for};
use super::session;
use crate::figure::Report;
use crate::usage;
use anyhow::{Context, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use ztor_base::PeerId;
use ztor_metainfo::{BLOCK_LEN, Metainfo};
use ztor_session::{AddTorrent, SessionEvent, TorrentEvent};
use ztor_wire::{Block, HANDSHAKE_LEN, Handshake, Message, Reserved};

const LEECHERS: u32 = 200;
const DATA_BYTES: usize = 256 << 20;
/// Number of outstanding requests of each leecher.
const PIPELINE: u32 = 64;
/// Two rounds of the choker, so that all upload slots are in use.
const WARM_UP: Duration = Duration::from_secs(21);
const WATCHED: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run(dir: &Path, report: &mut Report) -> anyhow::Result<()> {
    let meta = torrent(&dir.join("data"), DATA_BYTES, 1)?;
    let seed = session(|config| {
        config.settings.max_peers = LEECHERS as usize + 10;
        config.settings.max_peers_per_torrent = LEECHERS as usize + 10;
    })?;
    let mut events = seed.subscribe();
    let torrent = seed.add(AddTorrent::new(Arc::clone(&meta), dir).read_only(true)).wait()?;
    if !wait_for(&mut events, LIMIT, 1, |event| {
        matches!(event, SessionEvent::Torrent(TorrentEvent::Started { .. }))
    })? {
        bail!("the seed is not ready within {LIMIT:?}");
    }
    let (stop, received) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let crowd = || Crowd::new(seed.local_addr(), &meta).and_then(|mut c| c.run(&stop, &received));
        let crowd = std::thread::Builder::new().name("leechers".into()).spawn_scoped(scope, crowd)?;
        std::thread::sleep(WARM_UP);
        let (cpu, threads, bytes) = (usage::cpu_time(), usage::threads(), received.load(Ordering::Relaxed));
        std::thread::sleep(WATCHED);
        let bytes = (received.load(Ordering::Relaxed) - bytes) as f64;
        let all = (usage::cpu_time() - cpu).as_secs_f64();
        let gib = bytes / f64::from(1 << 30);
        report.add("speed", bytes / 1e6 / WATCHED.as_secs_f64(), "MB/s", format!("over {WATCHED:?}"));
        for name in ["net", "disk", "leechers"] {
            let thread = usage::thread_since(&threads, name);
            report.add(&format!("{name} cpu"), thread.cpu.as_secs_f64() / gib, "CPU-s/GiB", "");
        }
        report.add("cpu", all / gib, "CPU-s/GiB", "all threads");
        let peers = torrent.peers().wait()?;
        report.add("peers", peers.len() as f64, "", "");
        report.add(
            "served",
            peers.iter().filter(|p| !p.we_choke).count() as f64,
            "peers",
            "unchoked at the end",
        );
        stop.store(true, Ordering::Relaxed);
        crowd.join().map_err(|_| anyhow::anyhow!("the leechers' thread panicked"))?
    })?;
    seed.shutdown(LIMIT);
    Ok(())
}

/// All leechers, on one thread.
struct Crowd {
    poll: Poll,
    leechers: Vec<Leecher>,
    pieces: u32,
    blocks_per_piece: u32,
}

struct Leecher {
    stream: TcpStream,
    /// Bytes yet to be written.
    out: Vec<u8>,
    /// Number of bytes of the handshake or of a message that are yet to be skipped.
    skip: usize,
    /// Start of a message: its length and its id.
    head: Vec<u8>,
    next_block: u32,
    /// Number of outstanding requests; a choke drops them.
    outstanding: u32,
    is_choked: bool,
}

impl Crowd {
    fn new(addr: SocketAddr, meta: &Metainfo) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut leechers = Vec::new();
        for number in 0..LEECHERS {
            // One after another: the queue of the listener is short.
            let stream = std::net::TcpStream::connect(addr).context("connecting to the seed")?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let token = Token(number as usize);
            poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            let mut random = [0; 12];
            random[..4].copy_from_slice(&number.to_be_bytes());
            let hello = Handshake {
                reserved: Reserved::NONE,
                info_hash: meta.info_hashes.swarm_id(),
                peer_id: PeerId::from_random(random),
            };
            let mut out = hello.encode().to_vec();
            Message::Interested.encode(&mut out);
            leechers.push(Leecher {
                stream,
                out,
                skip: HANDSHAKE_LEN,
                head: Vec::new(),
                // Each starts at another block.
                next_block: number * 37,
                outstanding: 0,
                is_choked: true,
            });
        }
        let blocks_per_piece = meta.layout.piece_length() / BLOCK_LEN;
        Ok(Self { poll, leechers, pieces: meta.layout.piece_count(), blocks_per_piece })
    }

    fn run(&mut self, stop: &AtomicBool, received: &AtomicU64) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(LEECHERS as usize);
        let mut buffer = vec![0; 1 << 20];
        while !stop.load(Ordering::Relaxed) {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                let leecher = &mut self.leechers[event.token().0];
                loop {
                    match leecher.stream.read(&mut buffer) {
                        Ok(0) => bail!("the seed closed a connection"),
                        Ok(got) => {
                            let blocks = leecher.take(&buffer[..got]);
                            received.fetch_add(u64::from(blocks) * u64::from(BLOCK_LEN), Ordering::Relaxed);
                            leecher.ask(self.pieces, self.blocks_per_piece);
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error).context("reading from the seed"),
                    }
                }
                leecher.flush()?;
            }
        }
        Ok(())
    }
}

impl Leecher {
    /// Goes through received bytes. Returns the number of blocks in them.
    fn take(&mut self, mut bytes: &[u8]) -> u32 {
        let mut blocks = 0;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
            if self.skip > 0 || bytes.is_empty() {
                break;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            let Some(&prefix) = self.head.first_chunk::<4>() else { continue };
            let len = u32::from_be_bytes(prefix) as usize;
            let Some(id) = self.head.get(4).copied().filter(|_| len > 0) else {
                if len == 0 {
                    self.head.clear();
                }
                continue;
            };
            self.head.clear();
            self.skip = len - 1;
            match id {
                0 => self.is_choked = true,
                1 => (self.is_choked, self.outstanding) = (false, 0),
                7 => {
                    blocks += 1;
                    self.outstanding = self.outstanding.saturating_sub(1);
                }
                _ => {}
            }
        }
        blocks
    }

    fn ask(&mut self, pieces: u32, blocks_per_piece: u32) {
        while !self.is_choked && self.outstanding < PIPELINE {
            self.outstanding += 1;
            let at = self.next_block % (pieces * blocks_per_piece);
            self.next_block = at + 1;
            let begin = at % blocks_per_piece * BLOCK_LEN;
            Message::Request(Block { piece: at / blocks_per_piece, begin, len: BLOCK_LEN })
                .encode(&mut self.out);
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("writing to the seed"),
            }
        }
        Ok(())
    }
}
