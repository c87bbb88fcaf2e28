//! A peer that follows the protocol and sends bad data for every block.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::process::Running;
use crate::scratch::{Scratch, assert_same_tree};
use crate::swarm::{get, seed};

const UNCHOKE: u8 = 1;
const BITFIELD: u8 = 5;
const REQUEST: u8 = 6;
const PIECE: u8 = 7;

/// Serves bad data of a torrent of `pieces` pieces to every peer until the test's process ends. Returns an address that
/// no other peer has, because bans are by address; `None` if loopback has only one.
fn liar(pieces: usize) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.2:0").ok()?;
    let addr = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An error is expected: the peer is disconnected.
            std::thread::spawn(move || serve(stream, pieces));
        }
    });
    Some(addr)
}

fn serve(mut stream: TcpStream, pieces: usize) -> std::io::Result<()> {
    let mut handshake = [0; 68];
    stream.read_exact(&mut handshake)?;
    // No extensions; the info-hash is that of the received handshake.
    handshake[20..28].fill(0);
    handshake[48..].copy_from_slice(b"-LI0001-abcdefghijkl");
    stream.write_all(&handshake)?;
    let mut bitfield = vec![0xff; pieces.div_ceil(8)];
    if !pieces.is_multiple_of(8) {
        *bitfield.last_mut().unwrap() = 0xff << (8 - pieces % 8);
    }
    send(&mut stream, BITFIELD, &bitfield)?;
    send(&mut stream, UNCHOKE, &[])?;
    loop {
        let mut len = [0; 4];
        stream.read_exact(&mut len)?;
        let mut message = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut message)?;
        if let [REQUEST, request @ ..] = message.as_slice() {
            let len = u32::from_be_bytes(request[8..12].try_into().unwrap()) as usize;
            let mut piece = request[..8].to_vec();
            piece.resize(8 + len, 0xbd);
            send(&mut stream, PIECE, &piece)?;
        }
    }
}

fn send(stream: &mut TcpStream, id: u8, payload: &[u8]) -> std::io::Result<()> {
    let mut message = u32::try_from(payload.len() + 1).unwrap().to_be_bytes().to_vec();
    message.push(id);
    message.extend_from_slice(payload);
    stream.write_all(&message)
}

#[test]
fn get_from_a_peer_that_sends_bad_data_bans_it_and_completes() {
    for format in ["v1", "v2"] {
        let scratch = Scratch::new();
        let file = scratch.data("in/blob.bin", 4 << 20, 1);
        let torrent = scratch.create(&file, &["--piece-length", "32KiB", "--format", format]);
        // The honest seed is slow, so that there is enough left for the liar to spoil.
        let seed = seed(&scratch, &[&torrent, &file, &"--limit-up", &"1MiB/s"]);
        let Some(liar) = liar(128) else {
            println!("skipped: loopback has one address only");
            return;
        };
        let mut run = Running::start(get(&scratch, &[&torrent, &"--peer", &liar, &"--peer", &seed.addr]));
        let banned = run.stderr_with("banned");
        let ip = liar.rsplit_once(':').map_or("", |(ip, _)| ip);
        assert!(banned.contains(ip), "{banned}");
        run.finish().expect(0);
        assert_same_tree(&file, &scratch.path("out/blob.bin"));
    }
}
