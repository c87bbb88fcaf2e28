#![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

use proptest::prelude::*;
use sha1::Digest;

use crate::algorithm::Algorithm;
use crate::backend::Backend;
use crate::many::{digest_many_with, finish_many_with, update_many_with};
use crate::{Hasher, LANES, Sha1, Sha1Algorithm, Sha256, Sha256Algorithm};

/// Returns the portable backend, and the one of this processor if it differs.
fn backends() -> Vec<Backend> {
    let mut backends = vec![Backend::Portable];
    if !matches!(Backend::detect(), Backend::Portable) {
        backends.push(Backend::detect());
    }
    backends
}

/// A reference implementation from another crate.
trait Oracle: Algorithm {
    fn expected(message: &[u8]) -> Self::Output;
}

impl Oracle for Sha1Algorithm {
    fn expected(message: &[u8]) -> [u8; 20] {
        sha1::Sha1::digest(message).into()
    }
}

impl Oracle for Sha256Algorithm {
    fn expected(message: &[u8]) -> [u8; 32] {
        sha2::Sha256::digest(message).into()
    }
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns pseudo-random bytes that depend on the seed.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// NIST's examples for FIPS 180-4.
#[test]
fn digest_of_a_nist_example_is_as_published() {
    let two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let long = "a".repeat(1_000_000);
    let examples = [
        (
            "",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "abc",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            two_blocks,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &long,
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
    ];
    for (message, sha1, sha256) in examples {
        assert_eq!(hex(Sha1::digest(message)), sha1);
        assert_eq!(hex(Sha256::digest(message)), sha256);
    }
    for backend in backends() {
        let messages = examples.map(|(message, ..)| message);
        let mut digests = [[0; 20]; 4];
        digest_many_with::<Sha1Algorithm>(backend, &messages, &mut digests);
        assert_eq!(digests.map(hex), examples.map(|(_, sha1, _)| sha1), "{backend:?}");
        let mut digests = [[0; 32]; 4];
        digest_many_with::<Sha256Algorithm>(backend, &messages, &mut digests);
        assert_eq!(digests.map(hex), examples.map(|(.., sha256)| sha256), "{backend:?}");
    }
}

/// Every length around the borders of blocks and of the padding.
#[test]
fn digest_of_any_length_equals_the_reference() {
    fn check<A: Oracle>() {
        let bytes = noise(400, 1);
        for backend in backends() {
            for len in 0..bytes.len() {
                let mut hasher = Hasher::<A>::new();
                hasher.update_with(backend, &bytes[..len]);
                assert_eq!(
                    hasher.finish_with(backend),
                    A::expected(&bytes[..len]),
                    "{backend:?}, {len} bytes"
                );
            }
        }
    }
    check::<Sha1Algorithm>();
    check::<Sha256Algorithm>();
}

#[test]
fn finished_hasher_is_new_and_its_clone_is_independent() {
    let mut hasher = Sha256::default();
    hasher.update(b"spam");
    let mut other = hasher.clone();
    other.update(b"eggs");
    assert_eq!(hasher.finish_reset(), Sha256::digest("spam"));
    assert_eq!(other.finish_reset(), Sha256::digest("spameggs"));
    assert_eq!(hasher.finish_reset(), Sha256::digest(""));
    assert_eq!(format!("{hasher:?}"), "Hasher { len: 0, .. }");
}

#[test]
fn batch_without_messages_does_nothing() {
    crate::update_many::<Sha1Algorithm, [&[u8]; 0]>([]);
    crate::finish_many::<Sha1Algorithm>(&mut [], &mut []);
    crate::digest_many::<Sha1Algorithm>(&[[0; 0]; 0], &mut []);
}

/// A message and the lengths of its buffers.
type Message = (Vec<u8>, Vec<usize>);

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => Just(0usize),
        4 => 1usize..55,
        4 => 55usize..=65,
        4 => 119usize..=129,
        4 => 0usize..2000,
        2 => (0usize..40).prop_map(|blocks| blocks * 64),
        1 => 10_000usize..100_000,
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let cut = prop_oneof![Just(0usize), 1usize..200, Just(64), Just(4096), 0usize..40_000];
    (length(), any::<u64>(), prop::collection::vec(cut, 0..8))
        .prop_map(|(len, seed, cuts)| (noise(len, seed), cuts))
}

/// Returns the buffers of a message: parts of the lengths in `cuts`, then the rest.
fn buffers((bytes, cuts): &Message) -> Vec<&[u8]> {
    let mut rest = bytes.as_slice();
    let mut buffers = Vec::new();
    for cut in cuts {
        let (buffer, after) = rest.split_at((*cut).min(rest.len()));
        buffers.push(buffer);
        rest = after;
    }
    buffers.push(rest);
    buffers
}

fn many_equal_one<A: Oracle>(messages: &[Message]) -> Result<(), TestCaseError> {
    let whole: Vec<&[u8]> = messages.iter().map(|message| message.0.as_slice()).collect();
    let expected: Vec<A::Output> = whole.iter().map(|message| A::expected(message)).collect();
    for backend in backends() {
        let mut hashers = vec![Hasher::<A>::new(); messages.len()];
        update_many_with(backend, hashers.iter_mut().zip(messages.iter().map(buffers)));
        let mut found = vec![A::Output::default(); messages.len()];
        finish_many_with(backend, &mut hashers, &mut found);
        prop_assert_eq!(&found, &expected, "{:?}", backend);

        let mut found = vec![A::Output::default(); messages.len()];
        digest_many_with::<A>(backend, &whole, &mut found);
        prop_assert_eq!(&found, &expected, "{:?}", backend);
    }
    Ok(())
}

/// One step of a schedule for several messages.
#[derive(Debug, Clone)]
enum Action {
    /// Adds bytes to several messages at once.
    Many(Vec<(usize, Message)>),
    /// Adds bytes to one message.
    One(usize, Message),
    /// Finishes one message and starts its successor.
    Finish(usize),
    FinishAll,
}

const MESSAGES: usize = 12;

fn action() -> impl Strategy<Value = Action> {
    let many = prop::collection::btree_map(0..MESSAGES, message(), 0..=MESSAGES);
    prop_oneof![
        6 => many.prop_map(|jobs| Action::Many(jobs.into_iter().collect())),
        3 => (0..MESSAGES, message()).prop_map(|(at, message)| Action::One(at, message)),
        2 => (0..MESSAGES).prop_map(Action::Finish),
        1 => Just(Action::FinishAll),
    ]
}

fn follows_a_schedule<A: Oracle>(backend: Backend, actions: &[Action]) -> Result<(), TestCaseError> {
    let mut hashers = vec![Hasher::<A>::new(); MESSAGES];
    let mut messages = vec![Vec::new(); MESSAGES];
    for action in actions {
        match action {
            Action::Many(jobs) => {
                let mut left: Vec<Option<&mut Hasher<A>>> = hashers.iter_mut().map(Some).collect();
                let jobs = jobs.iter().map(|(at, message)| {
                    messages[*at].extend_from_slice(&message.0);
                    (left[*at].take().unwrap(), buffers(message))
                });
                update_many_with(backend, jobs);
            }
            Action::One(at, message) => {
                messages[*at].extend_from_slice(&message.0);
                buffers(message).into_iter().for_each(|buffer| hashers[*at].update_with(backend, buffer));
            }
            Action::Finish(at) => {
                let message = std::mem::take(&mut messages[*at]);
                prop_assert_eq!(hashers[*at].finish_with(backend), A::expected(&message));
            }
            Action::FinishAll => {
                let mut found = vec![A::Output::default(); MESSAGES];
                finish_many_with(backend, &mut hashers, &mut found);
                for (found, message) in found.iter().zip(&mut messages) {
                    prop_assert_eq!(*found, A::expected(&std::mem::take(message)));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn batch_of_messages_equals_single_hashes(messages in prop::collection::vec(message(), 0..=3 * LANES)) {
        many_equal_one::<Sha1Algorithm>(&messages)?;
        many_equal_one::<Sha256Algorithm>(&messages)?;
    }

    /// Messages are continued together and alone, and start and end at any time.
    #[test]
    fn any_schedule_of_updates_equals_the_reference(actions in prop::collection::vec(action(), 0..12)) {
        for backend in backends() {
            follows_a_schedule::<Sha1Algorithm>(backend, &actions)?;
            follows_a_schedule::<Sha256Algorithm>(backend, &actions)?;
        }
    }
}
