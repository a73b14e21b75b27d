//! Sorting networks over registers, unrolled: Batcher's odd-even merge sort, and the half-cleaners that finish
//! a bitonic merge. Tables of pairs; the smaller key goes to the first.

use crate::simd::{self, Kernel, Lanes, Simd};

/// Sorts `$size` registers by `$exchange!`, which is given pairs of positions. Halves are sorted and merged one after
/// the other, not side by side, so that as few registers as possible are in use at a time.
macro_rules! sorting_network {
    ($size:expr, $exchange:ident, $otherwise:expr) => {
        match $size {
            0 | 1 => {}
            2 => $exchange!(
                (0 1)
            ),
            3 => $exchange!(
                (1 2) (0 1) (1 2)
            ),
            4 => $exchange!(
                (0 1) (2 3) (0 2) (1 3) (1 2)
            ),
            5 => $exchange!(
                (0 1) (3 4) (2 3) (3 4) (0 2) (2 4) (1 3) (1 2) (3 4)
            ),
            6 => $exchange!(
                (1 2) (0 1) (1 2) (4 5) (3 4) (4 5) (0 3) (2 5) (2 3) (1 4) (1 2) (3 4)
            ),
            7 => $exchange!(
                (1 2) (0 1) (1 2) (3 4) (5 6) (3 5) (4 6) (4 5) (0 3) (2 5) (2 3) (1 4) (4 6) (1 2) (3 4) (5 6)
            ),
            8 => $exchange!(
                (0 1) (2 3) (0 2) (1 3) (1 2) (4 5) (6 7) (4 6) (5 7) (5 6) (0 4) (2 6) (2 4) (1 5) (3 7) (3 5)
                (1 2) (3 4) (5 6)
            ),
            10 => $exchange!(
                (0 1) (3 4) (2 3) (3 4) (0 2) (2 4) (1 3) (1 2) (3 4) (5 6) (8 9) (7 8) (8 9) (5 7) (7 9) (6 8)
                (6 7) (8 9) (0 5) (4 9) (4 5) (2 7) (2 4) (5 7) (1 6) (3 8) (3 6) (1 2) (3 4) (5 6) (7 8)
            ),
            12 => $exchange!(
                (1 2) (0 1) (1 2) (4 5) (3 4) (4 5) (0 3) (2 5) (2 3) (1 4) (1 2) (3 4) (7 8) (6 7) (7 8) (10 11)
                (9 10) (10 11) (6 9) (8 11) (8 9) (7 10) (7 8) (9 10) (0 6) (4 10) (4 6) (2 8) (2 4) (6 8) (1 7)
                (5 11) (5 7) (3 9) (3 5) (7 9) (1 2) (3 4) (5 6) (7 8) (9 10)
            ),
            16 => $exchange!(
                (0 1) (2 3) (0 2) (1 3) (1 2) (4 5) (6 7) (4 6) (5 7) (5 6) (0 4) (2 6) (2 4) (1 5) (3 7) (3 5)
                (1 2) (3 4) (5 6) (8 9) (10 11) (8 10) (9 11) (9 10) (12 13) (14 15) (12 14) (13 15) (13 14) (8 12)
                (10 14) (10 12) (9 13) (11 15) (11 13) (9 10) (11 12) (13 14) (0 8) (4 12) (4 8) (2 10) (6 14)
                (6 10) (2 4) (6 8) (10 12) (1 9) (5 13) (5 9) (3 11) (7 15) (7 11) (3 5) (7 9) (11 13) (1 2) (3 4)
                (5 6) (7 8) (9 10) (11 12) (13 14)
            ),
            20 => $exchange!(
                (0 1) (3 4) (2 3) (3 4) (0 2) (2 4) (1 3) (1 2) (3 4) (5 6) (8 9) (7 8) (8 9) (5 7) (7 9) (6 8)
                (6 7) (8 9) (0 5) (4 9) (4 5) (2 7) (2 4) (5 7) (1 6) (3 8) (3 6) (1 2) (3 4) (5 6) (7 8) (10 11)
                (13 14) (12 13) (13 14) (10 12) (12 14) (11 13) (11 12) (13 14) (15 16) (18 19) (17 18) (18 19)
                (15 17) (17 19) (16 18) (16 17) (18 19) (10 15) (14 19) (14 15) (12 17) (12 14) (15 17) (11 16)
                (13 18) (13 16) (11 12) (13 14) (15 16) (17 18) (0 10) (8 18) (8 10) (4 14) (4 8) (10 14) (2 12)
                (6 16) (6 12) (2 4) (6 8) (10 12) (14 16) (1 11) (9 19) (9 11) (5 15) (5 9) (11 15) (3 13) (7 17)
                (7 13) (3 5) (7 9) (11 13) (15 17) (1 2) (3 4) (5 6) (7 8) (9 10) (11 12) (13 14) (15 16) (17 18)
            ),
            24 => $exchange!(
                (1 2) (0 1) (1 2) (4 5) (3 4) (4 5) (0 3) (2 5) (2 3) (1 4) (1 2) (3 4) (7 8) (6 7) (7 8) (10 11)
                (9 10) (10 11) (6 9) (8 11) (8 9) (7 10) (7 8) (9 10) (0 6) (4 10) (4 6) (2 8) (2 4) (6 8) (1 7)
                (5 11) (5 7) (3 9) (3 5) (7 9) (1 2) (3 4) (5 6) (7 8) (9 10) (13 14) (12 13) (13 14) (16 17)
                (15 16) (16 17) (12 15) (14 17) (14 15) (13 16) (13 14) (15 16) (19 20) (18 19) (19 20) (22 23)
                (21 22) (22 23) (18 21) (20 23) (20 21) (19 22) (19 20) (21 22) (12 18) (16 22) (16 18) (14 20)
                (14 16) (18 20) (13 19) (17 23) (17 19) (15 21) (15 17) (19 21) (13 14) (15 16) (17 18) (19 20)
                (21 22) (0 12) (8 20) (8 12) (4 16) (4 8) (12 16) (2 14) (10 22) (10 14) (6 18) (6 10) (14 18)
                (2 4) (6 8) (10 12) (14 16) (18 20) (1 13) (9 21) (9 13) (5 17) (5 9) (13 17) (3 15) (11 23)
                (11 15) (7 19) (7 11) (15 19) (3 5) (7 9) (11 13) (15 17) (19 21) (1 2) (3 4) (5 6) (7 8) (9 10)
                (11 12) (13 14) (15 16) (17 18) (19 20) (21 22)
            ),
            32 => $exchange!(
                (0 1) (2 3) (0 2) (1 3) (1 2) (4 5) (6 7) (4 6) (5 7) (5 6) (0 4) (2 6) (2 4) (1 5) (3 7) (3 5)
                (1 2) (3 4) (5 6) (8 9) (10 11) (8 10) (9 11) (9 10) (12 13) (14 15) (12 14) (13 15) (13 14) (8 12)
                (10 14) (10 12) (9 13) (11 15) (11 13) (9 10) (11 12) (13 14) (0 8) (4 12) (4 8) (2 10) (6 14)
                (6 10) (2 4) (6 8) (10 12) (1 9) (5 13) (5 9) (3 11) (7 15) (7 11) (3 5) (7 9) (11 13) (1 2) (3 4)
                (5 6) (7 8) (9 10) (11 12) (13 14) (16 17) (18 19) (16 18) (17 19) (17 18) (20 21) (22 23) (20 22)
                (21 23) (21 22) (16 20) (18 22) (18 20) (17 21) (19 23) (19 21) (17 18) (19 20) (21 22) (24 25)
                (26 27) (24 26) (25 27) (25 26) (28 29) (30 31) (28 30) (29 31) (29 30) (24 28) (26 30) (26 28)
                (25 29) (27 31) (27 29) (25 26) (27 28) (29 30) (16 24) (20 28) (20 24) (18 26) (22 30) (22 26)
                (18 20) (22 24) (26 28) (17 25) (21 29) (21 25) (19 27) (23 31) (23 27) (19 21) (23 25) (27 29)
                (17 18) (19 20) (21 22) (23 24) (25 26) (27 28) (29 30) (0 16) (8 24) (8 16) (4 20) (12 28) (12 20)
                (4 8) (12 16) (20 24) (2 18) (10 26) (10 18) (6 22) (14 30) (14 22) (6 10) (14 18) (22 26) (2 4)
                (6 8) (10 12) (14 16) (18 20) (22 24) (26 28) (1 17) (9 25) (9 17) (5 21) (13 29) (13 21) (5 9)
                (13 17) (21 25) (3 19) (11 27) (11 19) (7 23) (15 31) (15 23) (7 11) (15 19) (23 27) (3 5) (7 9)
                (11 13) (15 17) (19 21) (23 25) (27 29) (1 2) (3 4) (5 6) (7 8) (9 10) (11 12) (13 14) (15 16)
                (17 18) (19 20) (21 22) (23 24) (25 26) (27 28) (29 30)
            ),
            _ => $otherwise,
        }
    };
}

macro_rules! compare_exchange {
    ($v:ident, $(($a:literal $b:literal))*) => {
        {
            $(
                if $b < R {
                    let (x, y) = ($v[$a], $v[$b]);
                    $v[$a] = x.min(y);
                    $v[$b] = x.max(y);
                }
            )*
        }
    };
}

/// Sorts each lane over the registers.
#[inline(always)]
pub fn sort_lanes<S: Simd, const R: usize>(v: &mut [S::F64; R]) {
    macro_rules! exchange {
        ($($pairs:tt)*) => { compare_exchange!(v, $($pairs)*) };
    }
    sorting_network!(R, exchange, sort_lanes_by_loop::<S, R>(v));
}

/// Sorts each lane over the registers, and the payload with it. Equal keys may come in any order. NaN counts as the
/// largest key, if all keys after it are NaN too.
#[inline(always)]
pub fn sort_pairs<S: Simd, V: Lanes<S>, const N: usize>(s: S, keys: &mut [V; N], payload: &mut [V; N]) {
    macro_rules! exchange {
        ($(($a:literal $b:literal))*) => {
            {
                $(
                    let (x, y) = (keys[$a], keys[$b]);
                    let swap = y.lt(x);
                    keys[$a] = y.min(x);
                    keys[$b] = x.max(y);
                    let (x, y) = (payload[$a], payload[$b]);
                    payload[$a] = V::select(swap, y, x);
                    payload[$b] = V::select(swap, x, y);
                )*
            }
        };
    }
    sorting_network!(N, exchange, sort_stably(s, keys, payload));
}

/// [`sort_pairs`], by odd-even transposition in a loop: only neighbours that are strictly out of order swap, so equal
/// keys, zeros of either sign among them, keep their order.
#[inline(always)]
pub fn sort_stably<S: Simd, V: Lanes<S>>(_: S, keys: &mut [V], payload: &mut [V]) {
    for phase in 0..keys.len() {
        for k in (phase % 2..keys.len() - 1).step_by(2) {
            let (x, y) = (keys[k], keys[k + 1]);
            let swap = y.lt(x);
            (keys[k], keys[k + 1]) = (V::select(swap, y, x), V::select(swap, x, y));
            let (x, y) = (payload[k], payload[k + 1]);
            (payload[k], payload[k + 1]) = (V::select(swap, y, x), V::select(swap, x, y));
        }
    }
}

/// Sorts each lane over the registers, given that it is bitonic, if need be with the largest keys added to fill a power
/// of two.
#[inline(always)]
pub fn clean_lanes<S: Simd, const R: usize>(v: &mut [S::F64; R]) {
    match R {
        1 => {}
        2 => compare_exchange!(v,
            (0 1)
        ),
        3..=4 => compare_exchange!(v,
            (0 2) (1 3) (0 1) (2 3)
        ),
        5..=8 => compare_exchange!(v,
            (0 4) (1 5) (2 6) (3 7) (0 2) (1 3) (4 6) (5 7) (0 1) (2 3) (4 5) (6 7)
        ),
        9..=16 => compare_exchange!(v,
            (0 8) (1 9) (2 10) (3 11) (4 12) (5 13) (6 14) (7 15) (0 4) (1 5) (2 6) (3 7) (8 12) (9 13) (10 14)
            (11 15) (0 2) (1 3) (4 6) (5 7) (8 10) (9 11) (12 14) (13 15) (0 1) (2 3) (4 5) (6 7) (8 9) (10 11)
            (12 13) (14 15)
        ),
        17..=32 => compare_exchange!(v,
            (0 16) (1 17) (2 18) (3 19) (4 20) (5 21) (6 22) (7 23) (8 24) (9 25) (10 26) (11 27) (12 28)
            (13 29) (14 30) (15 31) (0 8) (1 9) (2 10) (3 11) (4 12) (5 13) (6 14) (7 15) (16 24) (17 25)
            (18 26) (19 27) (20 28) (21 29) (22 30) (23 31) (0 4) (1 5) (2 6) (3 7) (8 12) (9 13) (10 14)
            (11 15) (16 20) (17 21) (18 22) (19 23) (24 28) (25 29) (26 30) (27 31) (0 2) (1 3) (4 6) (5 7)
            (8 10) (9 11) (12 14) (13 15) (16 18) (17 19) (20 22) (21 23) (24 26) (25 27) (28 30) (29 31) (0 1)
            (2 3) (4 5) (6 7) (8 9) (10 11) (12 13) (14 15) (16 17) (18 19) (20 21) (22 23) (24 25) (26 27)
            (28 29) (30 31)
        ),
        _ => clean_by_loop::<S, R>(v, R / 2),
    }
}

#[inline(always)]
fn sort_lanes_by_loop<S: Simd, const R: usize>(v: &mut [S::F64; R]) {
    let mut size = 2;
    while size <= R {
        for start in (0..R).step_by(size) {
            for i in 0..size / 2 {
                let (low, high) = (start + i, start + size - 1 - i);
                (v[low], v[high]) = (v[low].min(v[high]), v[low].max(v[high]));
            }
        }
        clean_by_loop::<S, R>(v, size / 4);
        size *= 2;
    }
}

#[inline(always)]
fn clean_by_loop<S: Simd, const R: usize>(v: &mut [S::F64; R], largest: usize) {
    let mut distance = largest;
    while distance > 0 {
        for low in (0..R).filter(|k| k & distance == 0) {
            let high = low + distance;
            (v[low], v[high]) = (v[low].min(v[high]), v[low].max(v[high]));
        }
        distance /= 2;
    }
}

/// Keys of a block of [`sort_columns`], in each lane.
const BLOCK: usize = 32;

/// How many keys [`sort_columns`] wants for `n` of them, the largest of all after the last.
pub const fn padded(n: usize) -> usize {
    let last = n % BLOCK;
    n - last
        + match last {
            0 => 0,
            1..=4 => 4,
            5..=8 => 8,
            9..=12 => 12,
            13..=16 => 16,
            17..=20 => 20,
            21..=24 => 24,
            _ => 32,
        }
}

/// Sorts each lane over rows of as many keys as there are lanes; their number is one that [`padded`] gave. Blocks that
/// fit in registers are sorted, then merged.
#[inline(always)]
pub fn sort_columns<S: Simd>(s: S, keys: &mut [f64]) {
    let block = BLOCK * S::F64::WIDTH;
    for keys in keys.chunks_mut(block) {
        in_registers::<S, false>(s, keys);
    }
    let mut size = block;
    while size < keys.len() {
        size *= 2;
        for group in keys.chunks_mut(size) {
            if group.len() > size / 2 {
                let (low, high) = group.split_at_mut(size / 2);
                // The first of the upper half meets the last of the lower.
                let met = low.len() - high.len();
                let (low, high) = (rows::<S>(&mut low[met..]), rows::<S>(high));
                for (low, high) in low.rev().zip(high) {
                    exchange_rows(s, low, high);
                }
            }
        }
        let mut distance = size / 4;
        while distance >= block {
            for group in keys.chunks_mut(2 * distance) {
                if group.len() <= distance {
                    continue;
                }
                let (low, high) = group.split_at_mut(distance);
                for (low, high) in rows::<S>(low).zip(rows::<S>(high)) {
                    exchange_rows(s, low, high);
                }
            }
            distance /= 2;
        }
        for keys in keys.chunks_mut(block) {
            in_registers::<S, true>(s, keys);
        }
    }
}

#[inline(always)]
fn rows<S: Simd>(keys: &mut [f64]) -> std::slice::ChunksExactMut<'_, f64> {
    keys.chunks_exact_mut(S::F64::WIDTH)
}

#[inline(always)]
fn exchange_rows<S: Simd>(s: S, low: &mut [f64], high: &mut [f64]) {
    let (x, y) = (S::F64::load_or(s, low, 0.0), S::F64::load_or(s, high, 0.0));
    x.min(y).store(low);
    x.max(y).store(high);
}

/// Sorts a block, or finishes a merge in it. Each size is a function of its own, for the compiler to find registers.
#[inline(always)]
fn in_registers<S: Simd, const MERGE: bool>(s: S, keys: &mut [f64]) {
    match keys.len() / S::F64::WIDTH {
        4 => simd::run(s.level(), Block::<4, MERGE>(keys)),
        8 => simd::run(s.level(), Block::<8, MERGE>(keys)),
        12 => simd::run(s.level(), Block::<12, MERGE>(keys)),
        16 => simd::run(s.level(), Block::<16, MERGE>(keys)),
        20 => simd::run(s.level(), Block::<20, MERGE>(keys)),
        24 => simd::run(s.level(), Block::<24, MERGE>(keys)),
        _ => simd::run(s.level(), Block::<32, MERGE>(keys)),
    }
}

struct Block<'a, const N: usize, const MERGE: bool>(&'a mut [f64]);

impl<const N: usize, const MERGE: bool> Kernel for Block<'_, N, MERGE> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut v = [S::F64::splat(s, 0.0); N];
        for (register, keys) in v.iter_mut().zip(self.0.chunks_exact(S::F64::WIDTH)) {
            *register = S::F64::load_or(s, keys, 0.0);
        }
        if MERGE {
            clean_lanes::<S, N>(&mut v);
        } else {
            sort_lanes::<S, N>(&mut v);
        }
        for (register, keys) in v.iter().zip(rows::<S>(self.0)) {
            register.store(keys);
        }
    }
}
