#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use super::*;
use ::rc4::{KeyInit, StreamCipher};
use bytes::BytesMut;
use proptest::prelude::*;
use ztor_base::{Sha1Digest, SwarmId};

const SWARM: SwarmId = SwarmId::new([7; 20]);

/// One side of a handshake and its received bytes.
struct Side {
    mse: Mse,
    input: BytesMut,
    done: Option<Box<Established>>,
}

impl Side {
    fn new(mse: Mse) -> Self {
        Self { mse, input: BytesMut::new(), done: None }
    }

    /// Advances as far as possible. Returns the bytes to send.
    fn go(&mut self, known: &[SwarmId]) -> Result<Vec<u8>, MseError> {
        while self.done.is_none() {
            let find =
                |named: Sha1Digest| known.iter().find(|hash| obfuscated_swarm(**hash) == named).copied();
            match self.mse.handle(&mut self.input, find)? {
                Step::More => break,
                Step::Work(work) => self.mse.handle_key(work.run())?,
                Step::Done(done) => self.done = Some(done),
            }
        }
        Ok(self.mse.poll_transmit())
    }
}

/// Runs a handshake with bytes that arrive in parts of `step`.
fn meet(caller: Mse, called: Mse, known: &[SwarmId], step: usize) -> Result<(Side, Side), MseError> {
    let (mut caller, mut called) = (Side::new(caller), Side::new(called));
    let (mut to_called, mut to_caller) = (Vec::new(), Vec::new());
    loop {
        to_called.extend(caller.go(&[])?);
        to_caller.extend(called.go(known)?);
        if to_called.is_empty() && to_caller.is_empty() {
            return Ok((caller, called));
        }
        called.input.extend(to_called.drain(..step.min(to_called.len())));
        caller.input.extend(to_caller.drain(..step.min(to_caller.len())));
    }
}

fn caller(provides: Methods, seed: u64) -> Mse {
    caller_with(b"", provides, seed)
}

fn caller_with(initial: &[u8], provides: Methods, seed: u64) -> Mse {
    Mse::call(SWARM, provides, initial, [(seed as u8).wrapping_add(1); 20], seed)
}

fn called(accepts: Accept, seed: u64) -> Mse {
    Mse::answer(accepts, [(seed as u8).wrapping_add(77); 20], seed ^ 5)
}

#[test]
fn handshake_of_any_offers_agrees_on_the_preferred_method() {
    use Accept::{OnlyRc4, RatherPlain, RatherRc4};
    let cases = [
        (Methods::BOTH, OnlyRc4, Some(Method::Rc4)),
        (Methods::BOTH, RatherRc4, Some(Method::Rc4)),
        (Methods::BOTH, RatherPlain, Some(Method::Plain)),
        (Methods::RC4, RatherPlain, Some(Method::Rc4)),
        (Methods::PLAIN, RatherRc4, Some(Method::Plain)),
        (Methods::PLAIN, OnlyRc4, None),
    ];
    for (seed, (provides, accepts, expected)) in (0..).zip(cases) {
        let met = meet(caller(provides, seed), called(accepts, seed), &[SwarmId::new([1; 20]), SWARM], 100);
        let Some(method) = expected else {
            assert_eq!(met.err(), Some(MseError::NoMethod { theirs: 1, what: "provided" }));
            continue;
        };
        let (a, b) = met.expect("a handshake");
        let (mut a, mut b) = (a.done.expect("the caller is done"), b.done.expect("the called is done"));
        assert_eq!((a.method, b.method), (method, method));
        assert_eq!((a.info_hash, b.info_hash), (SWARM, SWARM));
        assert_eq!(a.ciphers.are_plain(), method == Method::Plain);
        for (from, to) in [(0, 1), (1, 0), (0, 1)] {
            let sides = [&mut a, &mut b];
            let mut text = *b"the quick brown fox";
            sides[from].ciphers.encrypt(&mut text);
            assert_eq!(text == *b"the quick brown fox", method == Method::Plain);
            sides[to].ciphers.decrypt(&mut text);
            assert_eq!(text, *b"the quick brown fox");
        }
    }
}

#[test]
fn handshake_of_a_stranger_or_with_a_bad_key_is_an_error() {
    let unknown =
        meet(caller(Methods::BOTH, 1), called(Accept::RatherRc4, 1), &[SwarmId::new([9; 20])], 1000);
    assert_eq!(unknown.err(), Some(MseError::UnknownTorrent));
    for bad in [[0; 96], [0xff; 96]] {
        let mut side = Side::new(called(Accept::RatherRc4, 1));
        side.input.extend_from_slice(&bad);
        assert_eq!(side.go(&[]), Err(MseError::BadKey));
    }
    let mut side = Side::new(called(Accept::RatherRc4, 1));
    side.input.extend_from_slice(&[3; 96 + 531]);
    side.go(&[SWARM]).expect("its key is as good as any");
    assert!(side.done.is_none());
    side.input.extend_from_slice(&[3]);
    assert_eq!(side.go(&[SWARM]), Err(MseError::NoSync { expected: "hash of the secret", within: 532 }));
}

#[test]
fn initial_payload_is_encrypted_with_either_method() {
    for accepts in [Accept::RatherPlain, Accept::RatherRc4] {
        let (first, second) = (caller_with(b"hello", Methods::BOTH, 3), called(accepts, 3));
        let (caller, called) = meet(first, second, &[SWARM], 7).expect("both agree");
        let (mut caller_done, mut called_done) = (caller.done.expect("done"), called.done.expect("done"));
        let mut stream = called.input.to_vec();
        assert!(stream.len() == 5 && stream != b"hello", "it is encrypted");
        let mut more = *b", and more";
        caller_done.ciphers.encrypt(&mut more);
        assert_eq!(&more == b", and more", accepts == Accept::RatherPlain);
        stream.extend_from_slice(&more);
        let (head, tail) = stream.split_at_mut(3);
        called_done.ciphers.decrypt(head);
        called_done.ciphers.decrypt(tail);
        assert_eq!(stream, b"hello, and more");
        assert_eq!(called_done.ciphers.are_plain(), accepts == Accept::RatherPlain);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    // The private key is the seed plus one, and zero is no key.
    fn handshake_cut_anywhere_completes(seed in 0..u8::MAX, step in 1usize..700) {
        let seed = u64::from(seed);
        let (a, b) = meet(caller(Methods::BOTH, seed), called(Accept::RatherRc4, seed), &[SWARM], step).unwrap();
        prop_assert!(a.done.is_some() && b.done.is_some());
        prop_assert!(a.input.is_empty() && b.input.is_empty(), "nothing is left over");
    }

    #[test]
    fn handshake_of_any_bytes_does_not_panic_or_complete(
        bytes in proptest::collection::vec(any::<u8>(), 0..1500), is_caller: bool
    ) {
        let mse = if is_caller { caller(Methods::BOTH, 1) } else { called(Accept::RatherRc4, 1) };
        let mut side = Side::new(mse);
        side.input.extend_from_slice(&bytes);
        let _ = side.go(&[SWARM]);
        prop_assert!(side.done.is_none());
    }

    #[test]
    fn cipher_of_any_key_equals_the_rc4_crate(
        key in proptest::collection::vec(any::<u8>(), 1..64), cuts in proptest::collection::vec(0usize..40, 0..20)
    ) {
        let (mut ours, mut theirs) = (Rc4::raw(&key), ::rc4::Rc4::new_from_slice(&key).unwrap());
        for len in cuts {
            let (mut a, mut b) = (vec![0x5a; len], vec![0x5a; len]);
            ours.apply(&mut a);
            theirs.apply_keystream(&mut b);
            prop_assert_eq!(a, b);
        }
    }
}
