//! The merit order: units by ascending bid, ties by ascending index.
//!
//! ```text
//! key[i]   = bid[i] with i written over its last eight mantissa bits
//! sort keys with networks of minima and maxima (no comparison of indices, no branches)
//! whoever walks the order checks that each unit really follows the one before
//! a pair out of order (two bids equal but for their last eight bits): sort again, exactly
//! ```
//!
//! Departures from the textbook: a sort by (bid, index) would need two comparisons and four selections per
//! pair; the written-over key needs two instructions. 32-bit bids lose nothing to the index, so they are
//! never sorted twice. More than 256 units are sorted exactly from the start.

use super::networks::{clean_lanes, sort_lanes};
use crate::simd::{Lanes, Lanes64, Mask, Real, Simd};

/// Up to so many units are sorted by networks.
const MOST: usize = 256;
const TAG: u64 = 0xFF;

/// Scratch memory and result of a sort.
pub struct MeritOrder {
    keys: [f64; MOST],
    /// Registers the keys were sorted in, as a power of two: position `k` is in lane `k >> log2`.
    log2_registers: u32,
    lanes: usize,
    /// The order by exact sort; empty while the keys hold it.
    exact: Vec<u32>,
}

impl Default for MeritOrder {
    fn default() -> Self {
        MeritOrder { keys: [0.0; MOST], log2_registers: 0, lanes: 1, exact: Vec::new() }
    }
}

impl MeritOrder {
    /// Sorts `bids`, all finite.
    #[inline(always)]
    pub fn sort<S: Simd, R: Real>(&mut self, s: S, bids: &[R]) {
        self.exact.clear();
        if bids.len() > MOST {
            return self.sort_exactly(bids);
        }
        self.lanes = S::F64::WIDTH;
        let registers = bids.len().div_ceil(S::F64::WIDTH).next_power_of_two();
        self.log2_registers = registers.trailing_zeros();
        match registers {
            1 => self.sort_registers::<S, R, 1>(s, bids),
            2 => self.sort_registers::<S, R, 2>(s, bids),
            4 => self.sort_registers::<S, R, 4>(s, bids),
            8 => self.sort_registers::<S, R, 8>(s, bids),
            16 => self.sort_registers::<S, R, 16>(s, bids),
            32 => self.sort_registers::<S, R, 32>(s, bids),
            64 => self.sort_registers::<S, R, 64>(s, bids),
            128 => self.sort_registers::<S, R, 128>(s, bids),
            _ => self.sort_registers::<S, R, 256>(s, bids),
        }
    }

    /// The unit at `position` of the order.
    #[inline(always)]
    pub fn unit(&self, position: usize) -> usize {
        if self.exact.is_empty() {
            let bits = self.key(position).to_bits();
            let sign = ((bits as i64) >> 63) as u64;
            ((bits ^ sign) & TAG) as usize
        } else {
            self.exact[position] as usize
        }
    }

    /// True if the units at `position` and after it may be in the wrong order among themselves.
    #[inline(always)]
    pub fn is_doubtful<R: Real>(&self, position: usize) -> bool {
        !R::HAS_SPARE_BITS
            && self.exact.is_empty()
            && self.key(position).to_bits() & !TAG == self.key(position + 1).to_bits() & !TAG
    }

    #[inline(always)]
    fn key(&self, position: usize) -> f64 {
        // Keys lie lane after lane; see `sort_registers`.
        let register = position & ((1 << self.log2_registers) - 1);
        let lane = position >> self.log2_registers;
        self.keys[(register * self.lanes + lane) & (MOST - 1)]
    }

    /// Sorts `bids` by comparing them in full.
    #[cold]
    #[inline(never)]
    pub fn sort_exactly<R: Real>(&mut self, bids: &[R]) {
        self.exact = (0..bids.len() as u32).collect();
        self.exact.sort_unstable_by(|&a, &b| {
            let (x, y) = (bids[a as usize], bids[b as usize]);
            x.partial_cmp(&y).unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(&b))
        });
    }

    /// Sorts the keys in `N` registers. The sorted sequence runs down the registers of lane 0, then down those
    /// of lane 1, and so on: most steps then compare whole registers and move nothing between lanes.
    #[inline(always)]
    fn sort_registers<S: Simd, R: Real, const N: usize>(&mut self, s: S, bids: &[R]) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let width = S::F64::WIDTH;
        let zero = S::F64::splat(s, 0.0);
        let mut v: [S::F64; N] = std::array::from_fn(|k| {
            let first = k * width;
            let bids = bids.get(first..).unwrap_or_default();
            let index = 0x0706_0504_0302_0100u64.wrapping_add((first as u64 & TAG).wrapping_mul(ONES));
            // Adding zero makes -0.0 positive, so that the two zeros tie.
            (R::load_wide(s, bids, f64::MAX) + zero).tag(index.to_le_bytes(), TAG)
        });
        sort_lanes::<S, N>(&mut v);
        if width >= 2 {
            merge_flipped::<S, N, 1>(s, &mut v);
            clean_lanes::<S, N>(&mut v);
        }
        if width >= 4 {
            merge_flipped::<S, N, 3>(s, &mut v);
            merge_straight::<S, N, 1>(s, &mut v);
            clean_lanes::<S, N>(&mut v);
        }
        if width >= 8 {
            merge_flipped::<S, N, 7>(s, &mut v);
            merge_straight::<S, N, 2>(s, &mut v);
            merge_straight::<S, N, 1>(s, &mut v);
            clean_lanes::<S, N>(&mut v);
        }
        for (register, to) in v.iter().zip(self.keys.chunks_exact_mut(width)) {
            register.store(to);
        }
    }
}

/// The lanes that hold the upper half of a merge over groups in which `bit` tells the halves apart.
#[inline(always)]
fn upper<S: Simd>(s: S, bit: usize) -> <S::F64 as Lanes<S>>::Mask {
    let is_upper = S::F64::from_fn(s, |lane| if lane & bit != 0 { 1.0 } else { 0.0 });
    S::F64::splat(s, 0.5).lt(is_upper)
}

/// First step of a merge of two sorted halves of `D + 1` lanes: the k-th key meets the k-th from the end.
#[inline(always)]
fn merge_flipped<S: Simd, const N: usize, const D: usize>(s: S, v: &mut [S::F64; N]) {
    let upper = upper::<S>(s, D.div_ceil(2));
    if N == 1 {
        let partner = v[0].exchange::<D>();
        v[0] = S::F64::select(upper, v[0].max(partner), v[0].min(partner));
        return;
    }
    for k in 0..N / 2 {
        let here = v[k];
        let partner = v[N - 1 - k].exchange::<D>();
        let (low, high) = (here.min(partner), here.max(partner));
        v[k] = S::F64::select(upper, high, low);
        v[N - 1 - k] = S::F64::select(upper, low, high).exchange::<D>();
    }
}

/// A later step: lane `k` meets lane `k ^ D` of the same register.
#[inline(always)]
fn merge_straight<S: Simd, const N: usize, const D: usize>(s: S, v: &mut [S::F64; N]) {
    let upper = upper::<S>(s, D);
    for register in v.iter_mut() {
        let partner = register.exchange::<D>();
        *register = S::F64::select(upper, register.max(partner), register.min(partner));
    }
}

/// True if every lane of `x` is finite.
#[inline(always)]
pub fn all_finite<S: Simd, R: Real>(s: S, x: &[R]) -> bool {
    let infinity = R::Lanes::<S>::splat(s, R::INFINITY);
    let mut bad = <R::Lanes<S> as Lanes<S>>::none(s);
    for x in x.chunks(R::Lanes::<S>::WIDTH) {
        let x = R::Lanes::<S>::load_or(s, x, R::ZERO);
        bad = bad.or(R::Lanes::<S>::eq(infinity, infinity).and_not(x.abs().lt(infinity)));
    }
    !bad.any()
}
