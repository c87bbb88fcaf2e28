//! Runs of every target over its kept corpus, and over changed copies of it.

use std::path::{Path, PathBuf};

use crate::TARGETS;

/// Approximate number of changed copies of a whole corpus; each file gets its share.
const COPIES: usize = 1000;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Changes an input as a simple fuzzer would: changes, doubles or drops bytes, or takes some from another file.
fn change(rng: &mut fastrand::Rng, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..=input.len());
        let end = rng.usize(at..=input.len().min(at + 20));
        match rng.u8(0..6) {
            0 => input.insert(at, rng.u8(..)),
            1 => drop(input.drain(at..end)),
            2 => input.extend_from_within(at..end),
            3 => input.truncate(at),
            4 => {
                let from = rng.usize(..=other.len());
                let to = rng.usize(from..=other.len().min(from + 40));
                drop(input.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = [*byte ^ (1 << rng.u8(0..8)), rng.u8(..), b'e', b'0', 0xff][rng.usize(0..5)];
                }
            }
        }
    }
}

fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let files = corpus(name);
    for (path, input) in &files {
        tell(&format!("{}", path.display()), || target(input));
    }
    let mut rng = fastrand::Rng::with_seed(0x5eed);
    for (path, input) in &files {
        for copy in 0..COPIES.div_ceil(files.len()) {
            let mut changed = input.clone();
            let other = &files[rng.usize(0..files.len())].1;
            change(&mut rng, &mut changed, other);
            tell(&format!("copy {copy} of {}: {changed:?}", path.display()), || target(&changed));
        }
    }
    target(&[]);
}

/// Runs `f`, and prints the input if it panics.
fn tell(input: &str, f: impl FnOnce() + std::panic::UnwindSafe) {
    if let Err(cause) = std::panic::catch_unwind(f) {
        eprintln!("the input was {input}");
        std::panic::resume_unwind(cause);
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn every_target_has_its_test_and_its_binary() {
            let tested = [$(stringify!($name)),*];
            assert!(TARGETS.iter().map(|(name, _)| *name).eq(tested));
            let binaries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
            for name in tested {
                assert!(binaries.join(format!("{name}.rs")).is_file(), "{name}");
            }
        }
    };
}

targets! {
    api bencode certificate choker dht dht_saved dns_answer engine gateway_datagrams gateway_upnp handshake ip_filter
    krpc local_announce magnet messages metainfo mse paths picker proxy_url qbittorrent_form qbittorrent_updates resume
    rows settings short_extensions socks token_bucket tracker_http tracker_query tracker_udp transmission udp_client
    ut_holepunch ut_metadata ut_pex utp_endpoint utp_packet web_seed
}
