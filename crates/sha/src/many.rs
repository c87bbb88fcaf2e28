use std::iter;

use crate::LANES;
use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::block::Block;
use crate::hasher::{Hasher, Tail};

/// Adds to several messages at once: each job is a hasher and the buffers to add, in order.
///
/// The first [`LANES`] jobs run side by side; when one ends, the next takes its place. Jobs may have any lengths, but
/// long ones should not be last, for speed. Allocates nothing.
pub fn update_many<'h, 'd, A, D>(jobs: impl IntoIterator<Item = (&'h mut Hasher<A>, D)>)
where
    A: Algorithm + 'h,
    D: IntoIterator<Item = &'d [u8]>,
{
    update_many_with(Backend::detect(), jobs);
}

/// Writes the digests of several complete messages to `outputs` and resets the hashers.
///
/// # Panics
/// If there are not as many `outputs` as `hashers`.
pub fn finish_many<A: Algorithm>(hashers: &mut [Hasher<A>], outputs: &mut [A::Output]) {
    finish_many_with(Backend::detect(), hashers, outputs);
}

/// Writes the digests of several messages, each in one buffer, to `outputs`. Made for messages of equal length: groups
/// of [`LANES`] messages start and end together.
///
/// # Panics
/// If there are not as many `outputs` as `messages`.
pub fn digest_many<A: Algorithm>(messages: &[impl AsRef<[u8]>], outputs: &mut [A::Output]) {
    digest_many_with::<A>(Backend::detect(), messages, outputs);
}

pub(crate) fn update_many_with<'h, 'd, A, D>(
    backend: Backend,
    jobs: impl IntoIterator<Item = (&'h mut Hasher<A>, D)>,
) where
    A: Algorithm + 'h,
    D: IntoIterator<Item = &'d [u8]>,
{
    let lanes = jobs.into_iter().map(|(hasher, data)| Lane { hasher, rest: data.into_iter(), blocks: &[] });
    run(backend, lanes);
}

pub(crate) fn finish_many_with<A: Algorithm>(
    backend: Backend,
    hashers: &mut [Hasher<A>],
    outputs: &mut [A::Output],
) {
    assert_eq!(hashers.len(), outputs.len(), "as many digests as messages");
    for (hashers, outputs) in hashers.chunks_mut(LANES).zip(outputs.chunks_mut(LANES)) {
        let mut tails = [Tail::NONE; LANES];
        for (tail, hasher) in tails.iter_mut().zip(&*hashers) {
            *tail = hasher.tail();
        }
        let lanes = hashers.iter_mut().zip(&tails);
        run(backend, lanes.map(|(hasher, tail)| Lane { hasher, rest: iter::empty(), blocks: tail.blocks() }));
        for (output, hasher) in outputs.iter_mut().zip(hashers) {
            *output = hasher.take_output();
        }
    }
}

pub(crate) fn digest_many_with<A: Algorithm>(
    backend: Backend,
    messages: &[impl AsRef<[u8]>],
    outputs: &mut [A::Output],
) {
    assert_eq!(messages.len(), outputs.len(), "as many digests as messages");
    let mut hashers: [Hasher<A>; LANES] = Default::default();
    for (messages, outputs) in messages.chunks(LANES).zip(outputs.chunks_mut(LANES)) {
        let hashers = &mut hashers[..messages.len()];
        update_many_with(backend, hashers.iter_mut().zip(messages.iter().map(|data| [data.as_ref()])));
        finish_many_with(backend, hashers, outputs);
    }
}

/// A message in progress.
struct Lane<'h, 'd, A: Algorithm, D> {
    hasher: &'h mut Hasher<A>,
    /// Buffers after the one that holds `blocks`.
    rest: D,
    /// Blocks to compress next.
    blocks: &'d [Block],
}

/// Runs every lane to its end, up to [`LANES`] at a time.
fn run<'h, 'd, A, D>(backend: Backend, waiting: impl IntoIterator<Item = Lane<'h, 'd, A, D>>)
where
    A: Algorithm + 'h,
    D: Iterator<Item = &'d [u8]>,
{
    let mut waiting =
        waiting.into_iter().filter_map(|mut lane| lane.find_blocks(backend).then_some(lane)).fuse();
    // Lanes in progress come first.
    let mut lanes: [Option<Lane<'_, '_, A, D>>; LANES] = [const { None }; LANES];
    loop {
        for place in &mut lanes {
            if let Some(lane) = place
                && !lane.find_blocks(backend)
            {
                *place = None;
            }
            if place.is_none() {
                *place = waiting.next();
            }
        }
        lanes.sort_by_key(Option::is_none);
        match &mut lanes {
            [Some(a), Some(b), Some(c), Some(d)] => step(backend, [a, b, c, d]),
            [Some(a), Some(b), Some(c), None] => step(backend, [a, b, c]),
            [Some(a), Some(b), ..] => step(backend, [a, b]),
            [Some(a), ..] => step(backend, [a]),
            [None, ..] => return,
        }
    }
}

/// Compresses as many blocks of each lane as the shortest one has.
fn step<A, D, const N: usize>(backend: Backend, lanes: [&mut Lane<'_, '_, A, D>; N])
where
    A: Algorithm,
{
    let count = lanes.iter().map(|lane| lane.blocks.len()).min().unwrap_or(0);
    let mut blocks: [&[Block]; N] = [&[]; N];
    for (blocks, lane) in blocks.iter_mut().zip(&lanes) {
        *blocks = &lane.blocks[..count];
    }
    let states = lanes.map(|lane| {
        lane.blocks = &lane.blocks[count..];
        &mut lane.hasher.state
    });
    A::compress(backend, states, blocks);
}

impl<'d, A: Algorithm, D: Iterator<Item = &'d [u8]>> Lane<'_, 'd, A, D> {
    /// Ensures that there are blocks to compress. Returns false at the end of the message.
    fn find_blocks(&mut self, backend: Backend) -> bool {
        while self.blocks.is_empty() {
            let Some(bytes) = self.rest.next() else { return false };
            self.blocks = self.hasher.absorb(backend, bytes);
        }
        true
    }
}
