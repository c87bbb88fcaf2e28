//! The floor: the least work that moves a file from one machine to another and verifies it.
//!
//! The sender gives the file to `sendfile`, 1 MiB at a time. The receiver reads up to 256 KiB from its socket, hashes
//! them while they are in the cache and writes them. The check reads pieces and hashes them, on every core. There is no
//! protocol, no peer and no choice: all cost beyond this is the client's own.

use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use sha1::{Digest, Sha1};

const SEND_LEN: usize = 1 << 20;
const RECEIVE_LEN: usize = 1 << 18;
const PIECE_LEN: u64 = 1 << 20;

/// Line that the sender prints once it listens.
pub(super) const READY: &str = "READY";

/// One side of the floor. The benchmark starts these in namespaces.
#[derive(Subcommand, Clone, Debug)]
pub enum Floor {
    /// Send a file over every connection, until killed.
    Send {
        /// Address to listen on.
        listen: SocketAddr,
        /// File to send.
        file: PathBuf,
    },
    /// Receive a file.
    Receive {
        /// Address of the sender.
        from: SocketAddr,
        /// File to write.
        file: PathBuf,
        /// Number of bytes to receive.
        bytes: u64,
    },
    /// Hash the pieces of a file.
    Check {
        /// File to read.
        file: PathBuf,
    },
}

impl Floor {
    /// Runs this side.
    ///
    /// # Errors
    /// If a file or a socket fails, or the sender leaves early.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Send { listen, file } => send(*listen, file),
            Self::Receive { from, file, bytes } => receive(*from, file, *bytes),
            Self::Check { file } => check(file),
        }
    }
}

fn send(listen: SocketAddr, path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let len = file.metadata()?.len();
    let listener = TcpListener::bind(listen).with_context(|| format!("listening on {listen}"))?;
    println!("{READY}");
    loop {
        let (stream, _) = listener.accept()?;
        let mut offset = 0;
        while offset < len {
            let sent = rustix::fs::sendfile(&stream, &file, Some(&mut offset), SEND_LEN)?;
            ensure!(sent > 0, "{} became shorter", path.display());
        }
    }
}

fn receive(from: SocketAddr, path: &Path, len: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("making {}", path.display()))?;
    let mut stream = TcpStream::connect(from).with_context(|| format!("connecting to {from}"))?;
    let mut buffer = vec![0; RECEIVE_LEN];
    let mut hash = Sha1::new();
    let mut offset = 0;
    while offset < len {
        let got = stream.read(&mut buffer)?;
        ensure!(got > 0, "the sender left after {offset} of {len} bytes");
        hash.update(&buffer[..got]);
        file.write_all_at(&buffer[..got], offset)?;
        offset += got as u64;
    }
    println!("{:x?}", hash.finalize());
    Ok(())
}

fn check(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let len = file.metadata()?.len();
    let threads = std::thread::available_parallelism()?.get() as u64;
    std::thread::scope(|scope| {
        let check_every = |first: u64| {
            let file = &file;
            scope.spawn(move || -> Result<Sha1> {
                let mut buffer = vec![0; PIECE_LEN as usize];
                let mut all = Sha1::new();
                let mut offset = first * PIECE_LEN;
                while offset < len {
                    let piece = &mut buffer[..PIECE_LEN.min(len - offset) as usize];
                    file.read_exact_at(piece, offset)?;
                    all.update(Sha1::digest(&*piece));
                    offset += threads * PIECE_LEN;
                }
                Ok(all)
            })
        };
        let workers: Vec<_> = (0..threads).map(check_every).collect();
        for worker in workers {
            let all = worker.join().map_err(|_| anyhow::anyhow!("panicked"))??;
            // Printed, so that the compiler cannot remove the work.
            println!("{:x?}", all.finalize());
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn receive_from_send_writes_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("source"), dir.path().join("target"));
        let bytes: Vec<u8> = (0..3 * PIECE_LEN + 5).map(|index| ((index * 31) >> 3) as u8).collect();
        std::fs::write(&source, &bytes).unwrap();
        check(&source).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        // Runs until the process ends.
        std::thread::spawn(move || send(address, &source));
        // Refused until the sender listens.
        while receive(address, &target, bytes.len() as u64).is_err() {
            std::thread::yield_now();
        }
        assert!(std::fs::read(&target).unwrap() == bytes);
    }
}
