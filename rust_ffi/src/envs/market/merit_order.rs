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
use crate::simd::{self, Kernel, Lanes, Lanes64, Real, Simd};

/// Up to so many units are sorted by networks.
const MOST: usize = 256;
/// The bits of a key that hold the unit.
pub(super) const TAG: u64 = 0xFF;

/// Scratch memory and result of a sort.
pub struct MeritOrder {
    keys: [f64; MOST],
    /// Registers that the keys were sorted in, times lanes.
    count: usize,
    lanes: usize,
    /// The order by exact sort; empty while the keys hold it.
    exact: Vec<u32>,
}

impl Default for MeritOrder {
    fn default() -> Self {
        MeritOrder { keys: [0.0; MOST], count: 1, lanes: 1, exact: Vec::new() }
    }
}

/// Units in the order of their keys. Keys lie lane after lane, see [`MeritOrder::sort_registers`]: the next is a
/// register further, or after the last register a lane further in the first.
pub struct Tagged<'a> {
    order: &'a MeritOrder,
    at: usize,
}

impl Iterator for Tagged<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let bits = self.order.keys[self.at & (MOST - 1)].to_bits();
        let below = self.at + self.order.lanes;
        self.at = if below < self.order.count { below } else { below - self.order.count + 1 };
        let sign = ((bits as i64) >> 63) as u64;
        Some(((bits ^ sign) & TAG) as usize)
    }
}

impl MeritOrder {
    /// Sorts `bids`, all finite.
    #[inline(always)]
    pub fn sort<S: Simd, R: Real>(&mut self, s: S, bids: &[R]) {
        // A call of its own: the networks are much code, to be compiled once for all who sort.
        simd::run(s.level(), Sort { order: self, bids });
    }

    /// The order by keys, if they hold it; without an end.
    #[inline(always)]
    pub fn tagged(&self) -> Option<Tagged<'_>> {
        self.exact.is_empty().then_some(Tagged { order: self, at: 0 })
    }

    /// The order by exact sort.
    pub fn exact(&self) -> impl Iterator<Item = usize> + '_ {
        self.exact.iter().map(|unit| *unit as usize)
    }

    /// The unit at `position` of the order.
    #[inline(always)]
    pub fn unit(&self, position: usize) -> usize {
        match self.exact.get(position) {
            Some(unit) => *unit as usize,
            None => Tagged { order: self, at: self.place(position) }.next().unwrap_or_default(),
        }
    }

    /// True if the units at `position` and after it may be in the wrong order among themselves.
    #[inline(always)]
    pub fn is_doubtful<R: Real>(&self, position: usize) -> bool {
        let bid = |position| self.keys[self.place(position) & (MOST - 1)].to_bits() & !TAG;
        !R::HAS_SPARE_BITS && self.exact.is_empty() && bid(position) == bid(position + 1)
    }

    /// Where the key at `position` of the order lies.
    #[inline(always)]
    fn place(&self, position: usize) -> usize {
        let registers = self.count / self.lanes;
        position % registers * self.lanes + position / registers
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
        // Past the last unit stands the largest float, tagged higher than any unit.
        let last = S::F64::splat(s, f64::MAX);
        let mut v = [last; N];
        let full = bids.len() / width;
        for (register, bids) in v.iter_mut().zip(bids.chunks_exact(width)) {
            *register = R::load_wide(s, bids, f64::MAX);
        }
        if let Some(register) = v.get_mut(full) {
            *register = R::load_wide(s, &bids[full * width..], f64::MAX);
        }
        for (k, register) in v.iter_mut().enumerate() {
            let index = 0x0706_0504_0302_0100u64.wrapping_add(((k * width) as u64 & TAG).wrapping_mul(ONES));
            // Adding zero makes -0.0 positive, so that the two zeros tie.
            *register = (*register + zero).tag(index.to_le_bytes(), TAG);
        }
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

struct Sort<'a, R> {
    order: &'a mut MeritOrder,
    bids: &'a [R],
}

impl<R: Real> Kernel for Sort<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Sort { order, bids } = self;
        order.exact.clear();
        if bids.len() > MOST {
            return order.sort_exactly(bids);
        }
        order.lanes = S::F64::WIDTH;
        let registers = bids.len().div_ceil(S::F64::WIDTH).next_power_of_two();
        order.count = registers * S::F64::WIDTH;
        match registers {
            1 => order.sort_registers::<S, R, 1>(s, bids),
            2 => order.sort_registers::<S, R, 2>(s, bids),
            4 => order.sort_registers::<S, R, 4>(s, bids),
            8 => order.sort_registers::<S, R, 8>(s, bids),
            16 => order.sort_registers::<S, R, 16>(s, bids),
            32 => order.sort_registers::<S, R, 32>(s, bids),
            64 => order.sort_registers::<S, R, 64>(s, bids),
            128 => order.sort_registers::<S, R, 128>(s, bids),
            _ => order.sort_registers::<S, R, 256>(s, bids),
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
