//! The SHA instructions of x86, interleaved over several messages: while one waits for a result, the others proceed.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_extract_epi32, _mm_loadu_si128,
    _mm_set_epi32, _mm_set_epi64x, _mm_setzero_si128, _mm_sha1msg1_epu32, _mm_sha1msg2_epu32,
    _mm_sha1nexte_epu32, _mm_sha1rnds4_epu32, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128, _mm_xor_si128,
};

use crate::block::Block;

/// Proof that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShaNi(());

impl ShaNi {
    pub(crate) fn detect() -> Option<Self> {
        let there = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        there.then_some(Self(()))
    }

    /// Compresses as many blocks of each message as the shortest slice has.
    pub(crate) fn sha1<const N: usize>(self, states: [&mut [u32; 5]; N], blocks: [&[Block]; N]) {
        // SAFETY: a `ShaNi` exists only where the three features were detected.
        unsafe { sha1(states, blocks) }
    }

    /// Compresses as many blocks of each message as the shortest slice has.
    pub(crate) fn sha256<const N: usize>(self, states: [&mut [u32; 8]; N], blocks: [&[Block]; N]) {
        // SAFETY: a `ShaNi` exists only where the three features were detected.
        unsafe { sha256(states, blocks) }
    }
}

#[allow(clippy::needless_range_loop, reason = "the index runs through the blocks of all lanes")]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha1<const N: usize>(states: [&mut [u32; 5]; N], blocks: [&[Block]; N]) {
    let bytes_reversed = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let mut abcd = [_mm_setzero_si128(); N];
    let mut e = [_mm_setzero_si128(); N];
    for lane in 0..N {
        let [words @ .., last] = &*states[lane];
        abcd[lane] = _mm_shuffle_epi32::<0b00_01_10_11>(load(words));
        e[lane] = _mm_set_epi32(last.cast_signed(), 0, 0, 0);
    }
    for index in 0..shortest(&blocks) {
        let (abcd_before, e_before) = (abcd, e);
        let mut w = [[_mm_setzero_si128(); 4]; N];
        for lane in 0..N {
            w[lane] = load_block(&blocks[lane][index], bytes_reversed);
        }
        // Rounds `4 * $i..4 * $i + 4` of all messages; `$f` is the function of these rounds. The message
        // schedule is kept as a ring of four vectors.
        macro_rules! rounds {
            ($f:literal: $($i:literal)*) => { $( for lane in 0..N {
                let w = &mut w[lane];
                if $i >= 4 {
                    let mixed = _mm_xor_si128(_mm_sha1msg1_epu32(w[$i % 4], w[($i + 1) % 4]), w[($i + 2) % 4]);
                    w[$i % 4] = _mm_sha1msg2_epu32(mixed, w[($i + 3) % 4]);
                }
                let sum = match $i {
                    0 => _mm_add_epi32(e[lane], w[0]),
                    _ => _mm_sha1nexte_epu32(e[lane], w[$i % 4]),
                };
                e[lane] = abcd[lane];
                abcd[lane] = _mm_sha1rnds4_epu32::<$f>(abcd[lane], sum);
            } )* };
        }
        rounds!(0: 0 1 2 3 4);
        rounds!(1: 5 6 7 8 9);
        rounds!(2: 10 11 12 13 14);
        rounds!(3: 15 16 17 18 19);
        for lane in 0..N {
            abcd[lane] = _mm_add_epi32(abcd[lane], abcd_before[lane]);
            e[lane] = _mm_sha1nexte_epu32(e[lane], e_before[lane]);
        }
    }
    for lane in 0..N {
        let [words @ .., last] = &mut *states[lane];
        *words = words_of(_mm_shuffle_epi32::<0b00_01_10_11>(abcd[lane]));
        *last = _mm_extract_epi32::<3>(e[lane]).cast_unsigned();
    }
}

#[allow(clippy::needless_range_loop, reason = "the index runs through the blocks of all lanes")]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256<const N: usize>(states: [&mut [u32; 8]; N], blocks: [&[Block]; N]) {
    let words_reversed = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut abef = [_mm_setzero_si128(); N];
    let mut cdgh = [_mm_setzero_si128(); N];
    for lane in 0..N {
        let [a, b, c, d, e, f, g, h] = &*states[lane];
        let cdab = _mm_shuffle_epi32::<0b10_11_00_01>(load(&[*a, *b, *c, *d]));
        let efgh = _mm_shuffle_epi32::<0b00_01_10_11>(load(&[*e, *f, *g, *h]));
        abef[lane] = _mm_alignr_epi8::<8>(cdab, efgh);
        cdgh[lane] = _mm_blend_epi16::<0xf0>(efgh, cdab);
    }
    for index in 0..shortest(&blocks) {
        let (abef_before, cdgh_before) = (abef, cdgh);
        let mut w = [[_mm_setzero_si128(); 4]; N];
        for lane in 0..N {
            w[lane] = load_block(&blocks[lane][index], words_reversed);
        }
        // Rounds `4 * $i..4 * $i + 4` of all messages, otherwise as in `sha1`.
        macro_rules! rounds {
            ($($i:literal)*) => { $( for lane in 0..N {
                let w = &mut w[lane];
                if $i >= 4 {
                    let sum = _mm_add_epi32(
                        _mm_sha256msg1_epu32(w[$i % 4], w[($i + 1) % 4]),
                        _mm_alignr_epi8::<4>(w[($i + 3) % 4], w[($i + 2) % 4]),
                    );
                    w[$i % 4] = _mm_sha256msg2_epu32(sum, w[($i + 3) % 4]);
                }
                let sum = _mm_add_epi32(w[$i % 4], load(&SHA256_CONSTANTS[$i]));
                cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
                let sum = _mm_shuffle_epi32::<0b00_00_11_10>(sum);
                abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], sum);
            } )* };
        }
        rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        for lane in 0..N {
            abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
        }
    }
    for lane in 0..N {
        let feba = _mm_shuffle_epi32::<0b00_01_10_11>(abef[lane]);
        let dchg = _mm_shuffle_epi32::<0b10_11_00_01>(cdgh[lane]);
        let [a, b, c, d, e, f, g, h] = &mut *states[lane];
        [*a, *b, *c, *d] = words_of(_mm_blend_epi16::<0xf0>(feba, dchg));
        [*e, *f, *g, *h] = words_of(_mm_alignr_epi8::<8>(dchg, feba));
    }
}

fn shortest<const N: usize>(blocks: &[&[Block]; N]) -> usize {
    blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn load_block(block: &Block, order: __m128i) -> [__m128i; 4] {
    let vectors = block.as_ptr().cast::<__m128i>();
    let mut words = [_mm_setzero_si128(); 4];
    for (index, word) in words.iter_mut().enumerate() {
        // SAFETY: a block is four unaligned vectors, and `index` is below four.
        let vector = unsafe { _mm_loadu_si128(vectors.add(index)) };
        *word = _mm_shuffle_epi8(vector, order);
    }
    words
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(words: &[u32; 4]) -> __m128i {
    // SAFETY: four words are one unaligned vector.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn words_of(vector: __m128i) -> [u32; 4] {
    let mut words = [0; 4];
    // SAFETY: four words are one unaligned vector.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), vector) };
    words
}

/// Round constants (FIPS 180-4, section 4.2.2).
const SHA256_CONSTANTS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];
