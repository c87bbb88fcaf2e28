use std::fmt::Debug;

use crate::backend::Backend;
use crate::block::Block;

/// SHA-1 or SHA-256, for generic code. The trait is sealed.
pub trait Algorithm: sealed::Compress {}

/// Algorithm of [`Sha1`](crate::Sha1).
#[derive(Debug, Clone, Copy)]
pub enum Sha1Algorithm {}

/// Algorithm of [`Sha256`](crate::Sha256).
#[derive(Debug, Clone, Copy)]
pub enum Sha256Algorithm {}

impl Algorithm for Sha1Algorithm {}
impl Algorithm for Sha256Algorithm {}

pub(crate) mod sealed {
    use super::{Backend, Block, Debug};

    pub trait Compress: Copy {
        type State: Copy + Debug;
        /// The digest: 20 bytes of SHA-1, 32 of SHA-256.
        type Output: Copy + Debug + Default + Eq + AsRef<[u8]>;
        /// The state before the first block.
        const INITIAL: Self::State;

        /// Compresses as many blocks of each message as the shortest slice has.
        #[doc(hidden)]
        #[allow(private_interfaces, reason = "the trait is out of reach outside the crate")]
        fn compress<const N: usize>(backend: Backend, states: [&mut Self::State; N], blocks: [&[Block]; N]);

        #[doc(hidden)]
        fn output(state: &Self::State) -> Self::Output;
    }
}

impl sealed::Compress for Sha1Algorithm {
    type State = [u32; 5];
    type Output = [u8; 20];
    const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

    #[allow(private_interfaces, reason = "as in the trait")]
    fn compress<const N: usize>(backend: Backend, states: [&mut [u32; 5]; N], blocks: [&[Block]; N]) {
        match backend {
            #[cfg(target_arch = "x86_64")]
            Backend::ShaNi(instructions) => instructions.sha1(states, blocks),
            Backend::Portable => in_turn(states, blocks, sha1::block_api::compress),
        }
    }

    fn output(state: &[u32; 5]) -> [u8; 20] {
        big_endian(state)
    }
}

impl sealed::Compress for Sha256Algorithm {
    type State = [u32; 8];
    type Output = [u8; 32];
    const INITIAL: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    #[allow(private_interfaces, reason = "as in the trait")]
    fn compress<const N: usize>(backend: Backend, states: [&mut [u32; 8]; N], blocks: [&[Block]; N]) {
        match backend {
            #[cfg(target_arch = "x86_64")]
            Backend::ShaNi(instructions) => instructions.sha256(states, blocks),
            Backend::Portable => in_turn(states, blocks, sha2::block_api::compress256),
        }
    }

    fn output(state: &[u32; 8]) -> [u8; 32] {
        big_endian(state)
    }
}

fn in_turn<S, const N: usize>(states: [&mut S; N], blocks: [&[Block]; N], compress: fn(&mut S, &[Block])) {
    let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    for (state, blocks) in states.into_iter().zip(blocks) {
        compress(state, &blocks[..count]);
    }
}

fn big_endian<const BYTES: usize>(words: &[u32]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
    bytes
}
