//! The outputs of a PCG64 where a CPU has AVX-512 IFMA, which multiplies 52 bits by 52, in eight lanes; and scalar ones
//! with the instructions of AVX2's time.

use super::pcg64::{Choices, Portable, Position, Stepping, Steps, BLOCK, MULTIPLIER, POWERS, TOGETHER};
use super::x86_64::align_frame;
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;

pub fn bmi_available() -> bool {
    is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("avx2")
}

pub fn ifma_available() -> bool {
    bmi_available()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

/// # Safety
/// * [`bmi_available`].
#[target_feature(enable = "bmi1,bmi2,popcnt,lzcnt,avx2")]
pub unsafe fn run_bmi<W: Stepping>(work: W) -> W::Output {
    align_frame();
    work.run(Portable)
}

/// # Safety
/// * [`ifma_available`].
#[target_feature(enable = "bmi1,bmi2,popcnt,lzcnt,avx2,avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
pub unsafe fn run_ifma<W: Stepping>(work: W) -> W::Output {
    align_frame();
    work.run(Ifma(()))
}

/// Proof of AVX-512 IFMA and what [`run_ifma`] names.
#[derive(Clone, Copy)]
pub struct Ifma(());

const LANES: usize = 8;
const LOW_52: u64 = (1 << 52) - 1;

/// Numbers of 128 bits in lanes, cut into 52, 52 and 24 bits. Bits above those of a part may be set: they count for
/// nothing, since multiplications do not look at them.
#[derive(Clone, Copy)]
pub struct Parts([__m512i; 3]);

/// Parts of as many numbers as there are lanes, in memory.
#[repr(C, align(64))]
struct Table([[u64; LANES]; 3]);

const fn table(first: usize, sums: bool) -> Table {
    let mut parts = [[0; LANES]; 3];
    let mut k = 0;
    while k < LANES {
        let x = if sums { POWERS[first + k].1 } else { POWERS[first + k].0 };
        parts[0][k] = x as u64 & LOW_52;
        parts[1][k] = (x >> 52) as u64 & LOW_52;
        parts[2][k] = (x >> 104) as u64;
        k += 1;
    }
    Table(parts)
}

static FIRST_POWERS: [Table; 2] = [table(0, false), table(LANES, false)];
static FIRST_SUMS: [Table; 2] = [table(0, true), table(LANES, true)];

/// Where the lanes of a generator stand, and what a leap adds.
#[derive(Clone)]
pub struct State {
    next: [Parts; 2],
    leap: Parts,
}

/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn load(table: &Table) -> Parts {
    // SAFETY: each row is as long as a register.
    Parts([0, 1, 2].map(|part| unsafe { _mm512_loadu_si512(table.0[part].as_ptr().cast()) }))
}

/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn splat(x: u128) -> Parts {
    Parts([0, 52, 104].map(|shift| _mm512_set1_epi64(((x >> shift) as u64 & LOW_52) as i64)))
}

/// `x * y + z` in every lane.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn multiply_add(x: Parts, y: Parts, z: Parts) -> Parts {
    let ([x0, x1, x2], [y0, y1, y2], [z0, z1, z2]) = (x.0, y.0, z.0);
    let zero = _mm512_setzero_si512();
    let low = _mm512_madd52lo_epu64(z0, x0, y0);
    let middle_a = _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(z1, x0, y1), x1, y0);
    let middle_b = _mm512_madd52hi_epu64(zero, x0, y0);
    let high_a = _mm512_madd52lo_epu64(_mm512_madd52hi_epu64(z2, x0, y1), x1, y1);
    let high_b = _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(zero, x0, y2), x2, y0);
    let high_c = _mm512_madd52hi_epu64(zero, x1, y0);
    // What a part has too much goes to the next one. No sum reaches 2^64.
    let middle = _mm512_add_epi64(middle_b, _mm512_srli_epi64::<52>(low));
    let middle = _mm512_add_epi64(middle_a, middle);
    let high = _mm512_add_epi64(_mm512_add_epi64(high_a, high_c), high_b);
    let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(middle));
    // What was carried must not be added again: sums take whole parts.
    let mask = _mm512_set1_epi64(LOW_52 as i64);
    Parts([_mm512_and_si512(low, mask), _mm512_and_si512(middle, mask), high])
}

/// # Safety
/// * [`ifma_available`].
#[inline(never)]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn start(state: u128, inc: u128) -> State {
    // SAFETY: by this function's contract.
    unsafe {
        let (state, step) = (splat(state), splat(inc));
        let zero = Parts([_mm512_setzero_si512(); 3]);
        let next = [0, 1].map(|half| {
            let sums = multiply_add(step, load(&FIRST_SUMS[half]), zero);
            multiply_add(state, load(&FIRST_POWERS[half]), sums)
        });
        State { next, leap: splat(POWERS[BLOCK - 1].1.wrapping_mul(inc)) }
    }
}

/// # Safety
/// * [`ifma_available`].
#[inline(never)]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn block(at: &mut State, out: &mut [u64; BLOCK]) {
    // SAFETY: by this function's contract; each half of `out` is as long as a register.
    unsafe {
        let power = splat(POWERS[BLOCK - 1].0);
        for (parts, out) in at.next.iter_mut().zip(out.chunks_exact_mut(LANES)) {
            _mm512_storeu_si512(out.as_mut_ptr().cast(), output(whole(*parts)));
            *parts = multiply_add(*parts, power, at.leap);
        }
    }
}

/// The low and the high halves of numbers.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn whole(parts: Parts) -> [__m512i; 2] {
    let [low, middle, high] = parts.0;
    let low = _mm512_or_si512(low, _mm512_slli_epi64::<52>(middle));
    [low, _mm512_or_si512(_mm512_srli_epi64::<12>(middle), _mm512_slli_epi64::<40>(high))]
}

/// The outputs of states.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn output([low, high]: [__m512i; 2]) -> __m512i {
    _mm512_rorv_epi64(_mm512_xor_si512(low, high), _mm512_srli_epi64::<58>(high))
}

/// States and increments.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn spread([a, b, c, d, e, f, g, h]: [&Position; LANES]) -> (Parts, Parts) {
    // SAFETY: by this function's contract.
    unsafe {
        let states = [[a, b, c, d], [e, f, g, h]].map(|four_at| four(four_at.map(|at| &at.state)));
        let incs = [[a, b, c, d], [e, f, g, h]].map(|four_at| four(four_at.map(|at| &at.inc)));
        (parts_of(states), parts_of(incs))
    }
}

/// Four numbers from four places.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn four([a, b, c, d]: [&u128; LANES / 2]) -> __m512i {
    // SAFETY: a number of 128 bits is a register of as many.
    let [a, b, c, d] = [a, b, c, d].map(|x| unsafe { _mm_loadu_si128(std::ptr::from_ref(x).cast()) });
    let x = _mm512_inserti64x2::<1>(_mm512_castsi128_si512(a), b);
    _mm512_inserti64x2::<3>(_mm512_inserti64x2::<2>(x, c), d)
}

/// Eight numbers, four in each register, in lanes.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn parts_of([a, b]: [__m512i; 2]) -> Parts {
    let low = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
    let high = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
    let mask = _mm512_set1_epi64(LOW_52 as i64);
    let middle = _mm512_or_si512(_mm512_srli_epi64::<52>(low), _mm512_slli_epi64::<12>(high));
    Parts([_mm512_and_si512(low, mask), _mm512_and_si512(middle, mask), _mm512_srli_epi64::<40>(high)])
}

/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn outputs<const N: usize>(at: [&Position; LANES]) -> ([[u64; LANES]; N], [u128; LANES]) {
    let (mut all, mut states) = ([[0; LANES]; N], [0; LANES]);
    // SAFETY: by this function's contract; a row of `all` is a register, all states are two.
    unsafe {
        let ((mut parts, incs), power) = (spread(at), splat(MULTIPLIER));
        for out in &mut all {
            parts = multiply_add(parts, power, incs);
            _mm512_storeu_si512(out.as_mut_ptr().cast(), output(whole(parts)));
        }
        let to = states.as_mut_ptr().cast::<__m512i>();
        let [first, last] = fours(parts);
        _mm512_storeu_si512(to, first);
        _mm512_storeu_si512(to.add(1), last);
    }
    (all, states)
}

/// What [`parts_of`] was made of.
///
/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn fours(parts: Parts) -> [__m512i; 2] {
    // SAFETY: by this function's contract.
    let [low, high] = unsafe { whole(parts) };
    let first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    let last = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    [_mm512_permutex2var_epi64(low, first, high), _mm512_permutex2var_epi64(low, last, high)]
}

/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn choices<const N: usize>(at: [&mut Position; LANES], n: u32) -> Option<Choices<N>> {
    let (mut chosen, mut halves) = ([[[0; LANES]; 2]; N], [0; LANES]);
    // SAFETY: by this function's contract; a row of `chosen` takes eight bytes, `halves` half of a register.
    let moved = unsafe {
        let ((mut parts, incs), power) = (spread(at.each_ref().map(|at| &**at)), splat(MULTIPLIER));
        let many = _mm512_set1_epi64(i64::from(n));
        // Below `n` in the low half of a lane once a product has been.
        let mut least = _mm512_set1_epi32(-1);
        for chosen in &mut chosen {
            parts = multiply_add(parts, power, incs);
            let x = output(whole(parts));
            let upper = _mm512_srli_epi64::<32>(x);
            for (chosen, bits) in chosen.iter_mut().zip([x, upper]) {
                let product = _mm512_mul_epu32(bits, many);
                least = _mm512_min_epu32(least, product);
                let bytes = _mm512_cvtepi64_epi8(_mm512_srli_epi64::<32>(product));
                _mm_storel_epi64(chosen.as_mut_ptr().cast(), bytes);
            }
            _mm256_storeu_si256(halves.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(upper));
        }
        if _mm512_mask_cmplt_epu32_mask(0x5555, least, _mm512_set1_epi32(n as i32)) != 0 {
            return None;
        }
        fours(parts)
    };
    let [a, b, c, d, e, f, g, h] = at;
    for (four, at) in moved.into_iter().zip([[a, b, c, d], [e, f, g, h]]) {
        let states = [
            _mm512_castsi512_si128(four),
            _mm512_extracti64x2_epi64::<1>(four),
            _mm512_extracti64x2_epi64::<2>(four),
            _mm512_extracti64x2_epi64::<3>(four),
        ];
        for (at, state) in at.into_iter().zip(states) {
            // SAFETY: a number of 128 bits is a register of as many.
            unsafe { _mm_storeu_si128(std::ptr::from_mut(&mut at.state).cast(), state) };
        }
    }
    Some((chosen, halves))
}

/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn low_below(x: &[u64; BLOCK], limit: u64) -> u32 {
    let (limit, low) = (_mm512_set1_epi64(limit as i64), _mm512_set1_epi64(i64::from(u32::MAX)));
    // SAFETY: each half of `x` is as long as a register.
    let halves = [0, LANES].map(|k| unsafe { _mm512_loadu_si512(x.as_ptr().add(k).cast()) });
    let [a, b] = halves.map(|half| _mm512_cmplt_epu64_mask(_mm512_and_si512(half, low), limit));
    u32::from(a) | u32::from(b) << LANES
}

/// # Safety
/// * [`ifma_available`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512bw,avx512vl")]
unsafe fn high_below(x: &[u64; BLOCK], limits: &[u64; LANES]) -> [u32; LANES] {
    let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    let mut out = [0; LANES];
    // SAFETY: each half of `x`, `limits` and `out` are as long as a register.
    unsafe {
        let [a, b] = [0, LANES].map(|k| _mm512_loadu_si512(x.as_ptr().add(k).cast()));
        let high = _mm512_srli_epi64::<11>(_mm512_permutex2var_epi64(a, even, b));
        let below = _mm512_cmplt_epu64_mask(high, _mm512_loadu_si512(limits.as_ptr().cast()));
        _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_maskz_set1_epi32(below, 1));
    }
    out
}

impl Steps for Ifma {
    type State = State;

    #[inline(always)]
    fn start(self, state: u128, inc: u128) -> State {
        // SAFETY: this token proves it.
        unsafe { start(state, inc) }
    }

    #[inline(always)]
    fn block(self, at: &mut State, out: &mut [u64; BLOCK]) {
        // SAFETY: this token proves it.
        unsafe { block(at, out) }
    }

    #[inline(always)]
    fn outputs<const N: usize>(self, at: [&Position; TOGETHER]) -> ([[u64; TOGETHER]; N], [u128; TOGETHER]) {
        // SAFETY: this token proves it.
        unsafe { outputs(at) }
    }

    #[inline(always)]
    fn choices<const N: usize>(self, at: [&mut Position; TOGETHER], n: u32) -> Option<Choices<N>> {
        // SAFETY: this token proves it.
        unsafe { choices(at, n) }
    }

    #[inline(always)]
    fn low_below(self, x: &[u64; BLOCK], limit: u64) -> u32 {
        // SAFETY: this token proves it.
        unsafe { low_below(x, limit) }
    }

    #[inline(always)]
    fn high_below(self, x: &[u64; BLOCK], limits: &[u64; LANES]) -> [u32; LANES] {
        // SAFETY: this token proves it.
        unsafe { high_below(x, limits) }
    }
}
