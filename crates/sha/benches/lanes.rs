//! Throughput of one core by the number of messages at once, compared with the `sha1` and `sha2` crates.

use divan::Bencher;
use divan::counter::BytesCount;
use ztor_sha::{Algorithm, Hasher, Sha1Algorithm, Sha256Algorithm, digest_many, update_many};

/// Length in bytes, small enough that all messages together stay in the second-level cache.
const MESSAGE_LEN: usize = 64 * 1024;
const LEAF_LEN: usize = 16 * 1024;

fn main() {
    divan::main();
}

fn messages(count: usize, len: usize) -> Vec<Vec<u8>> {
    (0..count).map(|seed| (0..len).map(|index| (index * 31 + seed) as u8).collect()).collect()
}

fn bytes(messages: &[Vec<u8>]) -> BytesCount {
    BytesCount::new(messages.iter().map(Vec::len).sum::<usize>())
}

#[divan::bench(types = [Sha1Algorithm, Sha256Algorithm], args = [1, 2, 3, 4, 8])]
fn lanes<A: Algorithm>(bencher: Bencher<'_, '_>, count: usize) {
    let messages = messages(count, MESSAGE_LEN);
    let mut hashers: Vec<Hasher<A>> = vec![Hasher::new(); count];
    bencher.counter(bytes(&messages)).bench_local(|| {
        update_many(hashers.iter_mut().zip(messages.iter().map(|message| [message.as_slice()])));
    });
}

#[divan::bench(args = [1, 4, 64])]
fn merkle_leaves(bencher: Bencher<'_, '_>, count: usize) {
    let leaves = messages(count, LEAF_LEN);
    let mut digests = vec![[0; 32]; count];
    bencher.counter(bytes(&leaves)).bench_local(|| digest_many::<Sha256Algorithm>(&leaves, &mut digests));
}

#[divan::bench(types = [sha1::Sha1, sha2::Sha256])]
fn crates<D: sha1::Digest>(bencher: Bencher<'_, '_>) {
    let messages = messages(1, MESSAGE_LEN);
    let mut hasher = D::new();
    bencher.counter(bytes(&messages)).bench_local(|| hasher.update(&messages[0]));
}
