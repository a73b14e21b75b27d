//! AVX2 and AVX-512.
//!
//! Each operation is one or two instructions; each `unsafe` rests on the same fact: a value of a lane type can
//! only be made from its token, and a token only exists inside [`run_avx2`] or [`run_avx512`].

use super::lanes::{store_rows_by_element, Lanes, Lanes32, Lanes64, Mask, Simd, MOST_COLUMNS};
use super::{Isa, Kernel, Level};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

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

/// Runs `kernel` with AVX2 code generation.
///
/// # Safety
/// * the CPU supports AVX2 ([`avx2_available`]).
#[target_feature(enable = "avx2,fma,bmi2,popcnt")]
pub unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx2_available());
    kernel.run(Avx2(()))
}

/// Runs `kernel` with AVX-512 code generation.
///
/// # Safety
/// * the CPU supports AVX-512 F, DQ, VL and BW ([`avx512_available`]).
#[target_feature(enable = "avx2,fma,bmi2,popcnt,avx512f,avx512dq,avx512vl,avx512bw")]
pub unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    debug_assert!(avx512_available());
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

arithmetic!(F64x4, Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd);
arithmetic!(F32x8, Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);
arithmetic!(F64x8, Add add _mm512_add_pd, Sub sub _mm512_sub_pd, Mul mul _mm512_mul_pd, Div div _mm512_div_pd);
arithmetic!(F32x16, Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);

macro_rules! avx2_lanes {
    ($lanes:ident, $mask:ident, $real:ty, $register:ty, $width:literal, $set1:ident, $loadu:ident, $storeu:ident,
     $cmp:ident, $blendv:ident, $and:ident, $or:ident, $andnot:ident, $movemask:ident, $min:ident, $max:ident, $fmadd:ident, $fnmadd:ident, $transpose:ident, $pick:ident) => {
        #[doc = concat!(stringify!($width), " lanes of ", stringify!($real), ".")]
        #[derive(Clone, Copy)]
        pub struct $lanes($register);
        #[doc = concat!("The truth values of ", stringify!($lanes), ": all bits of a lane, or none.")]
        #[derive(Clone, Copy)]
        pub struct $mask($register);

        impl Mask for $mask {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                $mask(isa!($and(self.0, other.0)))
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                $mask(isa!($or(self.0, other.0)))
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                $mask(isa!($andnot(other.0, self.0)))
            }
            #[inline(always)]
            fn any(self) -> bool {
                isa!($movemask(self.0)) != 0
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                isa!($movemask(self.0)) as u32
            }
        }

        impl Lanes<Avx2> for $lanes {
            type Scalar = $real;
            type Mask = $mask;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn splat(_: Avx2, x: $real) -> Self {
                $lanes(isa!($set1(x)))
            }
            #[inline(always)]
            fn load_or(s: Avx2, from: &[$real], fill: $real) -> Self {
                match from.first_chunk::<$width>() {
                    Some(full) => $lanes(isa!($loadu(full.as_ptr()))),
                    None => Self::from_fn(s, |k| from.get(k).copied().unwrap_or(fill)),
                }
            }
            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                if let Some(full) = to.first_chunk_mut::<$width>() {
                    isa!($storeu(full.as_mut_ptr(), self.0));
                } else {
                    let mut all = [0.0; $width];
                    isa!($storeu(all.as_mut_ptr(), self.0));
                    for (to, x) in to.iter_mut().zip(all) {
                        *to = x;
                    }
                }
            }
            #[inline(always)]
            fn from_fn(_: Avx2, mut f: impl FnMut(usize) -> $real) -> Self {
                // Not `array::from_fn`: it is no inline(always) function and would leave the lanes.
                let mut all = [0.0; $width];
                for (k, lane) in all.iter_mut().enumerate() {
                    *lane = f(k);
                }
                $lanes(isa!($loadu(all.as_ptr())))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                $mask(isa!($cmp::<_CMP_LT_OQ>(self.0, other.0)))
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                $mask(isa!($cmp::<_CMP_LE_OQ>(self.0, other.0)))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                $mask(isa!($cmp::<_CMP_EQ_OQ>(self.0, other.0)))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                $lanes(isa!($blendv(no.0, yes.0, mask.0)))
            }
            type Places = __m256i;
            #[inline(always)]
            fn places(_: Avx2, mut f: impl FnMut(usize) -> usize) -> __m256i {
                // What moves are 32-bit parts of lanes.
                let parts = 8 / $width;
                let mut index = [0i32; 8];
                for (k, lane) in index.chunks_exact_mut(parts).enumerate() {
                    let first = f(k) * parts;
                    for (k, part) in lane.iter_mut().enumerate() {
                        *part = (first + k) as i32;
                    }
                }
                isa!(_mm256_loadu_si256(index.as_ptr().cast()))
            }
            #[inline(always)]
            fn pick(self, places: __m256i) -> Self {
                $pick(self, places)
            }
            #[inline(always)]
            fn transpose(square: &mut [Self; 16]) {
                $transpose(square)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $lanes(isa!($min(self.0, other.0)))
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $lanes(isa!($max(self.0, other.0)))
            }
            #[inline(always)]
            fn divided_by(self, s: Avx2, d: $real) -> Self {
                let (d, reciprocal) = (Self::splat(s, d), Self::splat(s, 1.0 / d));
                let quotient = self * reciprocal;
                // What is missing, exactly (Markstein); where that is nothing or no number, the quotient is right.
                let missing = isa!($fnmadd(quotient.0, d.0, self.0));
                let better = isa!($fmadd(missing, reciprocal.0, quotient.0));
                let inexact = isa!($cmp::<_CMP_NEQ_OQ>(missing, $set1(0.0)));
                $lanes(isa!($blendv(quotient.0, better, inexact)))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $lanes(isa!($andnot($set1(-0.0), self.0)))
            }
        }
    };
}

avx2_lanes!(
    F64x4,
    M64x4,
    f64,
    __m256d,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_cmp_pd,
    _mm256_blendv_pd,
    _mm256_and_pd,
    _mm256_or_pd,
    _mm256_andnot_pd,
    _mm256_movemask_pd,
    _mm256_min_pd,
    _mm256_max_pd,
    _mm256_fmadd_pd,
    _mm256_fnmadd_pd,
    transpose_f64x4,
    pick_f64x4
);
avx2_lanes!(
    F32x8,
    M32x8,
    f32,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_cmp_ps,
    _mm256_blendv_ps,
    _mm256_and_ps,
    _mm256_or_ps,
    _mm256_andnot_ps,
    _mm256_movemask_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    _mm256_fmadd_ps,
    _mm256_fnmadd_ps,
    transpose_f32x8,
    pick_f32x8
);

macro_rules! avx512_lanes {
    ($lanes:ident, $real:ty, $register:ty, $width:literal, $mask:ty, $set1:ident, $loadu:ident, $mask_loadu:ident,
     $storeu:ident, $mask_storeu:ident, $cmp:ident, $blend:ident, $abs:ident, $min:ident, $max:ident, $fmadd:ident, $fnmadd:ident, $store_bytes:ident, $transpose:ident, $pick:ident, $index:ty) => {
        #[doc = concat!(stringify!($width), " lanes of ", stringify!($real), ".")]
        #[derive(Clone, Copy)]
        pub struct $lanes($register);

        impl Mask for $mask {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                self & !other
            }
            #[inline(always)]
            fn any(self) -> bool {
                self != 0
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                u32::from(self)
            }
            #[inline(always)]
            fn store_flags(self, to: &mut [u8]) {
                let flags = isa!(_mm_maskz_set1_epi8(self.into(), 1));
                match to.first_chunk_mut::<$width>() {
                    Some(full) => isa!($store_bytes(full.as_mut_ptr().cast(), flags)),
                    None => {
                        let mut all = [0; 16];
                        isa!(_mm_storeu_si128(all.as_mut_ptr().cast(), flags));
                        for (to, flag) in to.iter_mut().zip(all) {
                            *to = flag;
                        }
                    }
                }
            }
        }

        impl Lanes<Avx512> for $lanes {
            type Scalar = $real;
            type Mask = $mask;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn splat(_: Avx512, x: $real) -> Self {
                $lanes(isa!($set1(x)))
            }
            #[inline(always)]
            fn load_or(s: Avx512, from: &[$real], fill: $real) -> Self {
                match from.first_chunk::<$width>() {
                    Some(full) => $lanes(isa!($loadu(full.as_ptr()))),
                    None => {
                        let there = ((1u32 << from.len()) - 1) as $mask;
                        // The mask keeps the load inside of `from`.
                        $lanes(isa!($mask_loadu(Self::splat(s, fill).0, there, from.as_ptr())))
                    }
                }
            }
            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                if let Some(full) = to.first_chunk_mut::<$width>() {
                    isa!($storeu(full.as_mut_ptr(), self.0));
                } else {
                    let there = ((1u32 << to.len()) - 1) as $mask;
                    // The mask keeps the store inside of `to`.
                    isa!($mask_storeu(to.as_mut_ptr(), there, self.0));
                }
            }
            #[inline(always)]
            fn from_fn(_: Avx512, mut f: impl FnMut(usize) -> $real) -> Self {
                // Not `array::from_fn`: it is no inline(always) function and would leave the lanes.
                let mut all = [0.0; $width];
                for (k, lane) in all.iter_mut().enumerate() {
                    *lane = f(k);
                }
                $lanes(isa!($loadu(all.as_ptr())))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                isa!($cmp::<_CMP_LT_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                isa!($cmp::<_CMP_LE_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                isa!($cmp::<_CMP_EQ_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                $lanes(isa!($blend(mask, no.0, yes.0)))
            }
            type Places = __m512i;
            #[inline(always)]
            fn places(_: Avx512, mut f: impl FnMut(usize) -> usize) -> __m512i {
                let mut index: [$index; $width] = [0; $width];
                for (k, lane) in index.iter_mut().enumerate() {
                    *lane = f(k) as $index;
                }
                isa!(_mm512_loadu_si512(index.as_ptr().cast()))
            }
            #[inline(always)]
            fn pick(self, places: __m512i) -> Self {
                $lanes(isa!($pick(places, self.0)))
            }
            #[inline(always)]
            fn transpose(square: &mut [Self; 16]) {
                $transpose(square)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $lanes(isa!($min(self.0, other.0)))
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $lanes(isa!($max(self.0, other.0)))
            }
            #[inline(always)]
            fn divided_by(self, s: Avx512, d: $real) -> Self {
                let (d, reciprocal) = (Self::splat(s, d), Self::splat(s, 1.0 / d));
                let quotient = self * reciprocal;
                // What is missing, exactly (Markstein); where that is nothing or no number, the quotient is right.
                let missing = isa!($fnmadd(quotient.0, d.0, self.0));
                let better = isa!($fmadd(missing, reciprocal.0, quotient.0));
                let inexact = isa!($cmp::<_CMP_NEQ_OQ>(missing, Self::splat(s, 0.0).0));
                $lanes(isa!($blend(inexact, quotient.0, better)))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $lanes(isa!($abs(self.0)))
            }
        }
    };
}

avx512_lanes!(
    F64x8,
    f64,
    __m512d,
    8,
    __mmask8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_mask_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_cmp_pd_mask,
    _mm512_mask_blend_pd,
    _mm512_abs_pd,
    _mm512_min_pd,
    _mm512_max_pd,
    _mm512_fmadd_pd,
    _mm512_fnmadd_pd,
    _mm_storel_epi64,
    transpose_f64x8,
    _mm512_permutexvar_pd,
    i64
);
avx512_lanes!(
    F32x16,
    f32,
    __m512,
    16,
    __mmask16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_mask_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_cmp_ps_mask,
    _mm512_mask_blend_ps,
    _mm512_abs_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    _mm512_fmadd_ps,
    _mm512_fnmadd_ps,
    _mm_storeu_si128,
    transpose_f32x16,
    _mm512_permutexvar_ps,
    i32
);

#[inline(always)]
fn pick_f64x4(x: F64x4, places: __m256i) -> F64x4 {
    F64x4(isa!(_mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x.0), places))))
}

#[inline(always)]
fn pick_f32x8(x: F32x8, places: __m256i) -> F32x8 {
    F32x8(isa!(_mm256_permutevar8x32_ps(x.0, places)))
}

#[inline(always)]
fn transpose_f64x4(r: &mut [F64x4; 16]) {
    isa!({
        let [a, b, c, d] = [r[0].0, r[1].0, r[2].0, r[3].0];
        let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (even_below, odd_below) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        r[0].0 = _mm256_permute2f128_pd::<0x20>(even, even_below);
        r[1].0 = _mm256_permute2f128_pd::<0x20>(odd, odd_below);
        r[2].0 = _mm256_permute2f128_pd::<0x31>(even, even_below);
        r[3].0 = _mm256_permute2f128_pd::<0x31>(odd, odd_below);
    });
}

#[inline(always)]
fn transpose_f32x8(r: &mut [F32x8; 16]) {
    isa!({
        // First squares of four within each 128 bits, then the halves.
        let mut fours = [[r[0].0; 4]; 2];
        for half in 0..2 {
            let [a, b, c, d] = [r[4 * half].0, r[4 * half + 1].0, r[4 * half + 2].0, r[4 * half + 3].0];
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            fours[half] = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xEE>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
            ];
        }
        for k in 0..4 {
            r[k].0 = _mm256_permute2f128_ps::<0x20>(fours[0][k], fours[1][k]);
            r[k + 4].0 = _mm256_permute2f128_ps::<0x31>(fours[0][k], fours[1][k]);
        }
    });
}

#[inline(always)]
fn transpose_f64x8(r: &mut [F64x8; 16]) {
    isa!({
        let mut pairs = [r[0].0; 8];
        for k in 0..4 {
            pairs[2 * k] = _mm512_unpacklo_pd(r[2 * k].0, r[2 * k + 1].0);
            pairs[2 * k + 1] = _mm512_unpackhi_pd(r[2 * k].0, r[2 * k + 1].0);
        }
        for k in 0..2 {
            let upper = _mm512_shuffle_f64x2::<0x88>(pairs[k], pairs[k + 2]);
            let lower = _mm512_shuffle_f64x2::<0x88>(pairs[k + 4], pairs[k + 6]);
            r[k].0 = _mm512_shuffle_f64x2::<0x88>(upper, lower);
            r[k + 4].0 = _mm512_shuffle_f64x2::<0xDD>(upper, lower);
            let upper = _mm512_shuffle_f64x2::<0xDD>(pairs[k], pairs[k + 2]);
            let lower = _mm512_shuffle_f64x2::<0xDD>(pairs[k + 4], pairs[k + 6]);
            r[k + 2].0 = _mm512_shuffle_f64x2::<0x88>(upper, lower);
            r[k + 6].0 = _mm512_shuffle_f64x2::<0xDD>(upper, lower);
        }
    });
}

#[inline(always)]
fn transpose_f32x16(r: &mut [F32x16; 16]) {
    isa!({
        // First squares of four within each 128 bits, then squares of those.
        let mut fours = [[r[0].0; 4]; 4];
        for (quarter, four) in fours.iter_mut().enumerate() {
            let row = 4 * quarter;
            let [a, b, c, d] = [r[row].0, r[row + 1].0, r[row + 2].0, r[row + 3].0];
            let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
            *four = [
                _mm512_shuffle_ps::<0x44>(ab, cd),
                _mm512_shuffle_ps::<0xEE>(ab, cd),
                _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm512_shuffle_ps::<0xEE>(ab_high, cd_high),
            ];
        }
        for k in 0..4 {
            let upper = _mm512_shuffle_f32x4::<0x88>(fours[0][k], fours[1][k]);
            let lower = _mm512_shuffle_f32x4::<0x88>(fours[2][k], fours[3][k]);
            r[k].0 = _mm512_shuffle_f32x4::<0x88>(upper, lower);
            r[k + 8].0 = _mm512_shuffle_f32x4::<0xDD>(upper, lower);
            let upper = _mm512_shuffle_f32x4::<0xDD>(fours[0][k], fours[1][k]);
            let lower = _mm512_shuffle_f32x4::<0xDD>(fours[2][k], fours[3][k]);
            r[k + 4].0 = _mm512_shuffle_f32x4::<0x88>(upper, lower);
            r[k + 12].0 = _mm512_shuffle_f32x4::<0xDD>(upper, lower);
        }
    });
}

/// For each register of the result of `store_rows`: the lane that each of its lanes comes from, and the column.
const fn row_sources<const D: usize, const W: usize>() -> [([i32; W], [u8; W]); MOST_COLUMNS] {
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

/// The lanes of a register of `store_rows` that come from `column`.
const fn lanes_of<const W: usize>(columns: &[u8; W], column: usize) -> u16 {
    let (mut mask, mut k) = (0, 0);
    while k < W {
        if columns[k] as usize == column {
            mask |= 1 << k;
        }
        k += 1;
    }
    mask
}

impl Lanes32<Avx2> for F32x8 {
    #[inline(always)]
    fn store_rows<const D: usize>(columns: &[Self; MOST_COLUMNS], to: &mut [f32]) {
        if to.len() != D * 8 {
            return store_rows_by_element::<Avx2, Self, D>(columns, to);
        }
        for (to, (lanes, from)) in to.chunks_exact_mut(8).zip(const { &row_sources::<D, 8>() }) {
            isa!({
                let lanes = _mm256_loadu_si256(lanes.as_ptr().cast());
                let from = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*from)));
                let mut made = _mm256_permutevar8x32_ps(columns[0].0, lanes);
                for (k, column) in columns[..D].iter().enumerate().skip(1) {
                    let mine = _mm256_cmpeq_epi32(from, _mm256_set1_epi32(k as i32));
                    let moved = _mm256_permutevar8x32_ps(column.0, lanes);
                    made = _mm256_blendv_ps(made, moved, _mm256_castsi256_ps(mine));
                }
                F32x8(made).store(to);
            });
        }
    }
}

impl Lanes32<Avx512> for F32x16 {
    #[inline(always)]
    fn store_rows<const D: usize>(columns: &[Self; MOST_COLUMNS], to: &mut [f32]) {
        if to.len() != D * 16 {
            return store_rows_by_element::<Avx512, Self, D>(columns, to);
        }
        for (to, (lanes, from)) in to.chunks_exact_mut(16).zip(const { &row_sources::<D, 16>() }) {
            isa!({
                let lanes = _mm512_loadu_si512(lanes.as_ptr().cast());
                let mut made = _mm512_permutexvar_ps(lanes, columns[0].0);
                for (k, column) in columns[..D].iter().enumerate().skip(1) {
                    made = _mm512_mask_permutexvar_ps(made, lanes_of(from, k), lanes, column.0);
                }
                F32x16(made).store(to);
            });
        }
    }
}

impl Lanes64<Avx2> for F64x4 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> M64x4 {
        M64x4(isa!({
            let bit = _mm256_set1_epi64x(1 << BIT);
            let found = _mm256_and_si256(_mm256_castpd_si256(self.0), bit);
            _mm256_castsi256_pd(_mm256_cmpeq_epi64(found, bit))
        }))
    }
    #[inline(always)]
    fn through_f32(self) -> Self {
        F64x4(isa!(_mm256_cvtps_pd(_mm256_cvtpd_ps(self.0))))
    }
    #[inline(always)]
    fn exchange<const D: usize>(self) -> Self {
        F64x4(match D {
            1 => isa!(_mm256_permute_pd::<0b0101>(self.0)),
            2 => isa!(_mm256_permute4x64_pd::<0b01_00_11_10>(self.0)),
            3 => isa!(_mm256_permute4x64_pd::<0b00_01_10_11>(self.0)),
            _ => self.0,
        })
    }
    #[inline(always)]
    fn exp2_of_biased(self) -> Self {
        F64x4(isa!({
            let exponent = _mm256_slli_epi64::<52>(_mm256_castpd_si256(self.0));
            _mm256_castsi256_pd(_mm256_add_epi64(exponent, _mm256_set1_epi64x(1023 << 52)))
        }))
    }
    #[inline(always)]
    fn tag(self, index: [u8; 8], low: u64) -> Self {
        F64x4(isa!({
            let bits = _mm256_castpd_si256(self.0);
            let flip = _mm256_cmpgt_epi64(_mm256_setzero_si256(), bits);
            let low = _mm256_set1_epi64x(low as i64);
            let index = _mm256_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(index)));
            let tag = _mm256_and_si256(_mm256_xor_si256(index, flip), low);
            _mm256_castsi256_pd(_mm256_or_si256(_mm256_andnot_si256(low, bits), tag))
        }))
    }
}

impl Lanes64<Avx512> for F64x8 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> __mmask8 {
        isa!(_mm512_test_epi64_mask(_mm512_castpd_si512(self.0), _mm512_set1_epi64(1 << BIT)))
    }
    #[inline(always)]
    fn through_f32(self) -> Self {
        F64x8(isa!(_mm512_cvtps_pd(_mm512_cvtpd_ps(self.0))))
    }
    #[inline(always)]
    fn exchange<const D: usize>(self) -> Self {
        F64x8(match D {
            1 => isa!(_mm512_permute_pd::<0b0101_0101>(self.0)),
            2 => isa!(_mm512_permutex_pd::<0b01_00_11_10>(self.0)),
            3 => isa!(_mm512_permutex_pd::<0b00_01_10_11>(self.0)),
            4 => isa!(_mm512_shuffle_f64x2::<0b01_00_11_10>(self.0, self.0)),
            7 => isa!({
                let halves = _mm512_shuffle_f64x2::<0b01_00_11_10>(self.0, self.0);
                _mm512_permutex_pd::<0b00_01_10_11>(halves)
            }),
            _ => self.0,
        })
    }
    #[inline(always)]
    fn exp2_of_biased(self) -> Self {
        F64x8(isa!({
            let exponent = _mm512_slli_epi64::<52>(_mm512_castpd_si512(self.0));
            _mm512_castsi512_pd(_mm512_add_epi64(exponent, _mm512_set1_epi64(1023 << 52)))
        }))
    }
    #[inline(always)]
    fn tag(self, index: [u8; 8], low: u64) -> Self {
        F64x8(isa!({
            let bits = _mm512_castpd_si512(self.0);
            let flip = _mm512_srai_epi64::<63>(bits);
            let index = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(index)));
            // low ? (index ^ flip) : bits
            let tag = _mm512_xor_si512(index, flip);
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<0xCA>(_mm512_set1_epi64(low as i64), tag, bits))
        }))
    }
}
