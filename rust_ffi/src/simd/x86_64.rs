//! AVX2 and AVX-512: their tokens. Lanes are in `avx2` and `avx512`.
//!
//! Each operation is one or two instructions; each `unsafe` rests on the same fact: a value of a lane type can
//! only be made from its token, and a token only exists inside [`run_avx2`] or [`run_avx512`].

use super::avx2::{F32x8, F64x4};
use super::avx512::{F32x16, F64x8};
use super::lanes::{Simd, MOST_COLUMNS};
use super::{Isa, Kernel, Level, Scalar};
use std::arch::x86_64::*;

/// True if the CPU (and the operating system) support AVX2, and what came with it: fused multiply-adds, and
/// multiplications that leave the flags alone, for the generators.
pub fn avx2_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("bmi2")
}

/// True if the CPU (and the operating system) support the parts of AVX-512 used here.
pub fn avx512_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && avx2_available()
}

/// Proof of AVX2.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Proof of AVX-512 (F, DQ, VL, BW).
#[derive(Clone, Copy)]
pub struct Avx512(());

/// A cache line on the stack.
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]);

/// Has the compiler begin the frame of the function that calls at a whole cache line. Else registers that it keeps there
/// lie across two lines in most processes, which takes up to half of a kernel's speed.
#[inline(always)]
pub(super) fn align_frame() {
    std::hint::black_box(&mut std::mem::MaybeUninit::<Line>::uninit());
}

/// Runs `kernel` with AVX2 code generation.
///
/// # Safety
/// * the CPU supports AVX2 ([`avx2_available`]).
#[target_feature(enable = "avx2,fma,bmi2,popcnt")]
pub unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx2_available());
    align_frame();
    kernel.run(Avx2(()))
}

/// Runs `kernel` on single numbers, with AVX2's instructions.
///
/// # Safety
/// * the CPU supports AVX2 ([`avx2_available`]).
#[target_feature(enable = "avx2,fma,bmi2,popcnt")]
pub unsafe fn run_one<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx2_available());
    kernel.run(Scalar)
}

/// Runs `kernel` with AVX-512 code generation.
///
/// # Safety
/// * the CPU supports AVX-512 F, DQ, VL and BW ([`avx512_available`]).
#[target_feature(enable = "avx2,fma,bmi2,popcnt,avx512f,avx512dq,avx512vl,avx512bw")]
pub unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx512_available());
    align_frame();
    kernel.run(Avx512(()))
}

/// An intrinsic of the instruction set whose token made the operands.
macro_rules! isa {
    ($e:expr) => {{
        // SAFETY: the operands exist, so their token did, so the CPU supports the instruction; loads and
        // stores are given arrays or checked slices of the full width.
        #[allow(unused_unsafe)]
        unsafe {
            $e
        }
    }};
}

impl super::lanes::Sealed for Avx2 {}

impl Simd for Avx2 {
    #[inline(always)]
    fn level(self) -> Level {
        Level(Isa::Avx2)
    }
    type F32 = F32x8;
    type F64 = F64x4;
    #[inline(always)]
    fn join(self, low: F64x4, high: F64x4) -> F32x8 {
        F32x8(isa!(_mm256_set_m128(_mm256_cvtpd_ps(high.0), _mm256_cvtpd_ps(low.0))))
    }
    #[inline(always)]
    fn split(self, x: F32x8) -> [F64x4; 2] {
        let (low, high) = isa!((_mm256_castps256_ps128(x.0), _mm256_extractf128_ps::<1>(x.0)));
        [F64x4(isa!(_mm256_cvtps_pd(low))), F64x4(isa!(_mm256_cvtps_pd(high)))]
    }
}

impl super::lanes::Sealed for Avx512 {}

impl Simd for Avx512 {
    #[inline(always)]
    fn level(self) -> Level {
        Level(Isa::Avx512)
    }
    type F32 = F32x16;
    type F64 = F64x8;
    #[inline(always)]
    fn join(self, low: F64x8, high: F64x8) -> F32x16 {
        F32x16(isa!({
            let low = _mm512_castps256_ps512(_mm512_cvtpd_ps(low.0));
            _mm512_insertf32x8::<1>(low, _mm512_cvtpd_ps(high.0))
        }))
    }
    #[inline(always)]
    fn split(self, x: F32x16) -> [F64x8; 2] {
        let (low, high) = isa!((_mm512_castps512_ps256(x.0), _mm512_extractf32x8_ps::<1>(x.0)));
        [F64x8(isa!(_mm512_cvtps_pd(low))), F64x8(isa!(_mm512_cvtps_pd(high)))]
    }
    #[inline(always)]
    fn places_set(self, a: &[u8; 64], b: &[u8; 64], first: u32, to: &mut [u32]) -> usize {
        let set = isa!({
            let flags = _mm512_or_si512(_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast()));
            _mm512_test_epi8_mask(flags, flags)
        });
        let mut count = 0;
        for quarter in 0..4 {
            let mask = (set >> (16 * quarter)) as u16;
            let Some(to) = to.get_mut(count..count + 16) else { break };
            isa!({
                let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
                let places = _mm512_add_epi32(lanes, _mm512_set1_epi32((first + 16 * quarter) as i32));
                let kept = _mm512_maskz_compress_epi32(mask, places);
                _mm512_storeu_si512(to.as_mut_ptr().cast(), kept);
            });
            count += mask.count_ones() as usize;
        }
        count
    }
}

macro_rules! arithmetic {
    ($lanes:ident, $($trait:ident $method:ident $intrinsic:ident),*) => {
        $(impl $trait for $lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                $lanes(isa!($intrinsic(self.0, other.0)))
            }
        })*
    };
}

/// For each register of the result of `store_rows`: the lane that each of its lanes comes from, and the column.
pub(super) const fn row_sources<const D: usize, const W: usize>() -> [([i32; W], [u8; W]); MOST_COLUMNS] {
    let mut all = [([0; W], [0; W]); MOST_COLUMNS];
    let mut register = 0;
    while register < D {
        let mut k = 0;
        while k < W {
            let element = register * W + k;
            all[register].0[k] = (element / D) as i32;
            all[register].1[k] = (element % D) as u8;
            k += 1;
        }
        register += 1;
    }
    all
}
pub(super) use {arithmetic, isa};
